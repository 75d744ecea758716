"""Method S2, variables data and the control chart against published and recomputed numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from steelyard.calibration.engine.intervals.binomial_fit import History, binomial_fit
from steelyard.calibration.engine.intervals.drift_fit import (
    fit_drift,
    interval_by_reliability,
    interval_by_uncertainty,
)
from steelyard.calibration.engine.intervals.error_chart import error_chart
from steelyard.calibration.engine.intervals.errors import IntervalError
from steelyard.calibration.engine.intervals.reliability_models import MODELS, interval_at

# NCSLI RP-1 (2010), appendix D, table D-1; NASA-HDBK-8739.19-5, table 5-1: weeks since calibration, calibrations,
# observed reliability as printed; the whole numbers in tolerance that it implies.
WEEKS = [4.0, 7.0, 10.0, 13.0, 21.0, 28.0, 40.0, 48.0]
CALIBRATIONS = [4, 6, 14, 13, 22, 49, 18, 6]
RELIABILITY = [1.0, 0.83333, 0.6429, 0.6154, 0.5455, 0.4082, 0.5, 0.3333]
IN_TOLERANCE = [4, 5, 9, 8, 12, 20, 9, 2]

# Maximum likelihood on these data, computed independently (scipy Nelder-Mead, many starts): parameters, negative log
# likelihood, interval at 0.75, lack-of-fit F, rejection confidence. Parameters of 0 are at their border.
S2 = {
    "exponential": ([0.0281158937], 87.6294197947, 10.2320088, 0.583875461, 0.231995094),
    "weibull": ([0.0243204323, 0.7012937996], 86.9852633758, 6.9578177, 0.447068873, 0.154117292),
    "mixed_exponential": ([0.067030848, 0.7304216267], 86.7401204073, 7.2010028, 0.380199928, 0.109507631),
    "random_walk": ([0.0, 0.0954142300], 86.4020227790, 7.9200391, 0.315320972, 0.072013539),
    "lognormal": ([0.0422373532, 1.6469737370], 86.7300235512, 7.7957865, 0.391066973, 0.116388133),
    "mortality_drift": ([0.0281158940, 0.0], 87.6294197947, 10.2320087, 0.681188037, 0.334900473),
    "warranty": ([0.0410846828, 26.6145834], 88.0483260969, None, 0.741641899, 0.382885210),
}


@pytest.fixture(scope="module")
def rp1():
    return binomial_fit(History.of(WEEKS, IN_TOLERANCE, CALIBRATIONS), 0.75)


def test_the_counts_are_those_of_the_printed_reliabilities():
    for passed, n, printed in zip(IN_TOLERANCE, CALIBRATIONS, RELIABILITY, strict=True):
        assert passed / n == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize("model", S2)
def test_reliability_models_on_table_d_1_of_rp_1(rp1, model):
    theta, likelihood, interval, f, rejection = S2[model]
    fit = next(each for each in rp1.fits if each.model == model)
    for found, expected in zip(fit.theta, theta, strict=True):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert fit.negative_log_likelihood == pytest.approx(likelihood, abs=1e-8)
    assert fit.lack_of_fit == pytest.approx(f, rel=1e-6)
    assert fit.rejection_confidence == pytest.approx(rejection, rel=1e-6)
    if interval is None:
        assert fit.interval is None
        assert "begins at reliability 0.749" in fit.reason
    else:
        assert fit.interval == pytest.approx(interval, rel=1e-6)
        assert fit.interval_low < fit.interval < fit.interval_high


def test_the_best_model_comes_first_and_gives_the_interval(rp1):
    criteria = [fit.information_criterion for fit in rp1.fits if fit.interval is not None]
    assert criteria == sorted(criteria)
    assert rp1.interval == rp1.fits[0].interval
    assert rp1.fits[0].model == "random_walk"


def test_single_results_and_counts_are_the_same_data():
    times = [time for time, n in zip(WEEKS, CALIBRATIONS, strict=True) for _ in range(n)]
    results = [
        float(index < passed) for passed, n in zip(IN_TOLERANCE, CALIBRATIONS, strict=True) for index in range(n)
    ]
    order = np.random.default_rng(3).permutation(len(times))
    found = binomial_fit(History.of(np.array(times)[order], np.array(results)[order]), 0.75, models=["exponential"])
    assert found.interval == pytest.approx(10.2320088, rel=1e-6)


@pytest.mark.parametrize("factor", [1.0 / 52.0, 7.0])
def test_another_unit_of_time_scales_the_interval(factor):
    models = ["exponential", "weibull", "lognormal"]
    found = binomial_fit(History.of(np.array(WEEKS) * factor, IN_TOLERANCE, CALIBRATIONS), 0.75, models=models)
    assert {fit.model: fit.interval for fit in found.fits} == pytest.approx(
        {model: S2[model][2] * factor for model in models}, rel=1e-5
    )


def test_a_fit_finds_the_interval_that_made_the_data():
    generator = np.random.default_rng(11)
    times = np.repeat(np.linspace(30.0, 720.0, 24), 400)
    passed = generator.random(times.size) < np.exp(-((times / 900.0) ** 1.4))
    found = binomial_fit(History.of(times, passed.astype(float)), 0.9, models=["weibull"], confidence=0.99)
    truth = 900.0 * (-math.log(0.9)) ** (1.0 / 1.4)
    assert found.interval == pytest.approx(truth, rel=0.1)
    assert found.fits[0].interval_low < truth < found.fits[0].interval_high


@pytest.mark.parametrize(
    ("times", "passed", "said"),
    [
        ([10.0], [1], "one calibration"),
        ([10.0, 20.0, 30.0], [1, 1, 1], "all 3 calibrations were in tolerance"),
        ([10.0, 20.0], [0, 0], "none of 2 calibrations"),
        ([10.0, 10.0], [1, 0], "method A3"),
    ],
)
def test_data_that_do_not_suffice_give_a_reason(times, passed, said):
    found = binomial_fit(History.of(times, passed), 0.9)
    assert found.interval is None
    assert said in found.reason


def test_a_model_with_as_many_parameters_as_times_is_not_fitted():
    found = binomial_fit(History.of([10.0, 20.0], [3, 1], [4, 4]), 0.9, models=["weibull"])
    assert found.interval is None
    assert "needs 3 at least" in found.reason
    every = binomial_fit(History.of([10.0, 20.0], [3, 1], [4, 4]), 0.9)
    assert {fit.model for fit in every.fits} == {m.name for m in MODELS.values() if m.parameters == 1}


def test_every_model_begins_reliable_and_only_falls():
    starts = {name: np.array(model.starts(100.0)[0]) for name, model in MODELS.items()}
    for name, model in MODELS.items():
        falling = model.reliability(starts[name], np.linspace(1e-9, 400.0, 400))
        assert np.all(np.diff(falling) <= 1e-9), name
        assert 0.5 < falling[0] <= 1.0, name
        found = interval_at(model, starts[name], 0.5, 1e4)
        assert found is None or float(model.reliability(starts[name], np.array([found]))[0]) == pytest.approx(0.5)


# NASA-HDBK-8739.19-5 (2010), tables 7-2 to 7-7 (Castrup 2005): days, changes; values and tolerances as printed.
DAYS = [70.0, 86.0, 104.0, 135.0, 167.0, 173.0]
CHANGES = [0.1, 0.11, 0.251, 0.299, 0.403, 0.615]


@pytest.fixture(scope="module")
def nasa():
    return fit_drift(DAYS, CHANGES, order=2)


def test_the_drift_fit_of_the_nasa_handbook(nasa):
    assert nasa.coefficients[0] == pytest.approx(0.00015741, abs=5e-9)
    assert nasa.coefficients[1] == pytest.approx(1.674e-05, abs=5e-9)
    assert nasa.covariance[0, 0] == pytest.approx(1.01e-06, abs=5e-9)
    assert nasa.covariance[1, 1] == pytest.approx(4.549e-11, abs=5e-15)
    assert nasa.covariance[0, 1] == pytest.approx(-6.607e-09, abs=5e-13)
    assert nasa.residual_sd == pytest.approx(0.0708, abs=5e-5)
    assert nasa.degrees_of_freedom == 4


def test_the_intervals_of_the_nasa_handbook(nasa):
    assert interval_by_uncertainty(nasa, 0.28, 0.5).interval == pytest.approx(327.15, abs=0.005)
    both = interval_by_reliability(nasa, 10.03, 0.28, 0.9, lower=9.0, upper=11.0)
    assert both.interval == pytest.approx(140.1, abs=0.05)
    assert both.coverage_factor == pytest.approx(2.132, abs=5e-4)
    assert not both.extrapolated
    upper = interval_by_reliability(nasa, 10.03, 0.28, 0.9, upper=11.0)
    assert upper.interval == pytest.approx(171.75, abs=0.005)
    assert upper.coverage_factor == pytest.approx(1.533, abs=5e-4)
    assert interval_by_uncertainty(nasa, 0.28, 0.5).extrapolated  # 327 days from 173 days of data


def test_a_value_that_does_not_conform_at_calibration_has_no_interval(nasa):
    # NASA table 7-6 prints 153.04 days for y0 = 9.03 and a lower limit of 9: the reliability is below 0.9 at once.
    found = interval_by_reliability(nasa, 9.03, 0.28, 0.9, lower=9.0)
    assert found.interval is None
    assert "at calibration already" in found.reason
    begun = interval_by_uncertainty(nasa, 0.6, 0.5)
    assert begun.interval is None
    assert "already at calibration" in begun.reason


def test_a_value_that_drifts_away_from_its_only_limit_has_no_interval(nasa):
    found = interval_by_reliability(nasa, 10.0, 0.01, 0.5, lower=9.0)
    assert found.interval is None
    assert "does not drift out" in found.reason


@given(st.floats(0.01, 100.0), st.floats(0.01, 100.0))
@settings(max_examples=examples(30))
def test_units_of_time_and_value_scale_the_drift(time, value):
    fit = fit_drift(np.array(DAYS) * time, np.array(CHANGES) * value, order=2)
    found = interval_by_reliability(fit, 10.03 * value, 0.28 * value, 0.9, lower=9.0 * value, upper=11.0 * value)
    assert found.interval == pytest.approx(140.09098164 * time, rel=1e-6)


def test_one_limit_is_nearly_two_when_the_other_is_far(nasa):
    one = interval_by_reliability(nasa, 10.03, 0.28, 0.95, upper=11.0)
    two = interval_by_reliability(nasa, 10.03, 0.28, 0.9, lower=-1e6, upper=11.0)
    assert two.interval == pytest.approx(one.interval, rel=1e-9)  # k two-sided at 0.9 is k one-sided at 0.95


@pytest.mark.parametrize(
    ("times", "changes", "order", "said"),
    [([70.0], [0.1], 1, "degree of freedom"), ([70.0, 70.0, 70.0], [0.1, 0.2, 0.1], 2, "too few different")],
)
def test_too_few_changes_give_a_reason(times, changes, order, said):
    assert said in fit_drift(times, changes, order=order)


# A made-up chart, checked by hand: slope 0.1 per year, the next year's prediction limits by ordinary least squares.
YEARS = [0.0, 1.0, 2.0, 3.0, 4.0]
ERRORS = [0.02, 0.08, 0.22, 0.28, 0.40]


def test_the_control_chart_predicts_where_the_error_leaves_its_limits():
    found = error_chart(YEARS, ERRORS, 0.95, lower=-1.0, upper=1.0)
    assert found.drift == pytest.approx(0.096)
    assert found.last_error == pytest.approx(0.392)
    assert found.scatter == pytest.approx(math.sqrt(0.00144 / 3.0))
    at = 4.0 + found.interval
    reach = 3.182446305284263 * found.scatter * math.sqrt(1.0 + 0.2 + (at - 2.0) ** 2 / 10.0)
    assert 0.2 + 0.096 * (at - 2.0) + reach == pytest.approx(1.0, abs=1e-9)
    assert found.drift_probability < 0.01
    shuffled = error_chart(YEARS[::-1], ERRORS[::-1], 0.95, lower=-1.0, upper=1.0)
    assert shuffled.interval == pytest.approx(found.interval, rel=1e-12)


def test_a_common_uncertainty_shortens_the_interval():
    free = error_chart(YEARS, ERRORS, 0.95, lower=-1.0, upper=1.0)
    bound = error_chart(YEARS, ERRORS, 0.95, lower=-1.0, upper=1.0, standard_uncertainty=0.05)
    assert bound.interval < free.interval


def test_a_point_far_from_the_others_is_out_of_control():
    times = np.arange(12.0)
    errors = 0.01 * times + 0.001 * np.array([1, -1, 2, 0, -2, 1, 0, -1, 1, 2, -1, 0])
    errors[5] += 0.05
    assert error_chart(times, errors, 0.95, upper=1.0).out_of_control == (5,)


@pytest.mark.parametrize(
    ("times", "errors", "said"),
    [
        ([0.0, 1.0], [0.1, 0.2], "2 calibrations"),
        ([1.0, 1.0, 1.0], [0.1, 0.2, 0.1], "same time"),
        ([0.0, 1.0, 2.0], [0.9, -0.9, 0.9], "cannot be said to conform"),
        ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], "does not drift out"),
    ],
)
def test_a_chart_that_tells_nothing_gives_a_reason(times, errors, said):
    found = error_chart(times, errors, 0.95, lower=-1.0, upper=1.0)
    assert found.interval is None
    assert said in found.reason


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: History.of([], []), "times"),
        (lambda: History.of([1.0, 2.0], [1]), "in_tolerance"),
        (lambda: History.of([1.0, -2.0], [1, 0]), "times"),
        (lambda: History.of([1.0, math.nan], [1, 0]), "times"),
        (lambda: History.of([1.0, 2.0], [1, 0.5]), "in_tolerance"),
        (lambda: binomial_fit(History.of([1.0], [1]), 1.0), "target"),
        (lambda: binomial_fit(History.of([1.0], [1]), 0.9, models=["gompertz"]), "model"),
        (lambda: binomial_fit(History.of([1.0], [1]), 0.9, models=[]), "models"),
        (lambda: binomial_fit(History.of([1.0], [1]), 0.9, confidence=1.0), "confidence"),
        (lambda: fit_drift([], []), "times"),
        (lambda: fit_drift([1.0], [1.0, 2.0]), "changes"),
        (lambda: fit_drift([1.0], [math.nan]), "changes"),
        (lambda: fit_drift([0.0], [1.0]), "times"),
        (lambda: fit_drift([1.0], [1.0], order=0), "order"),
        (lambda: interval_by_uncertainty(fit_drift(DAYS, CHANGES), -0.1, 0.5), "initial_standard_uncertainty"),
        (lambda: interval_by_uncertainty(fit_drift(DAYS, CHANGES), 0.1, 0.0), "uncertainty_target"),
        (lambda: interval_by_reliability(fit_drift(DAYS, CHANGES), 10.0, 0.1, 0.9), "lower"),
        (lambda: interval_by_reliability(fit_drift(DAYS, CHANGES), 10.0, 0.1, 0.9, lower=2, upper=1), "upper"),
        (lambda: interval_by_reliability(fit_drift(DAYS, CHANGES), math.nan, 0.1, 0.9, lower=2), "initial_value"),
        (lambda: error_chart([], [], 0.9, upper=1.0), "times"),
        (lambda: error_chart([1.0], [1.0, 2.0], 0.9, upper=1.0), "errors"),
        (lambda: error_chart([1.0], [math.inf], 0.9, upper=1.0), "errors"),
        (lambda: error_chart([1.0], [1.0], 0.9), "lower"),
        (lambda: error_chart([1.0], [1.0], 0.9, lower=1.0, upper=0.0), "upper"),
        (lambda: error_chart([1.0], [1.0], 0.9, upper=1.0, standard_uncertainty=-1.0), "standard_uncertainty"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, field):
    with pytest.raises(IntervalError) as caught:
        call()
    assert caught.value.field == field
