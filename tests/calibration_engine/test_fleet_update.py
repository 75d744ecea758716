"""The fleet filter against exact conditionals, invariances, known truth and bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibration_engine.fleet_simulation import TRUTH, Fleet, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from scipy import stats

from steelyard.calibration.engine.fleet.drift_learning import learn_parameters
from steelyard.calibration.engine.fleet.errors import FleetError, HistoryError, ParameterError
from steelyard.calibration.engine.fleet.forecast import forecast
from steelyard.calibration.engine.fleet.parameters import DriftParameters, FleetState, new_instruments
from steelyard.calibration.engine.fleet.update import (
    Observations,
    fleet_log_likelihood,
    prediction_errors,
    update,
)

EXACT = replace(TRUTH, outlying=np.array([np.inf, np.inf]))
FIELDS = ("error", "rate", "variance", "covariance", "rate_variance", "scale_squared", "freedom", "t")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate(300, 6, np.random.default_rng(1))


def filtered(parameters: DriftParameters, fleet: Fleet, observations: Observations | None = None) -> FleetState:
    state = new_instruments(parameters, fleet.model, fleet.start)
    return update(parameters, state, observations or fleet.observations)


def assert_same(one: FleetState, other: FleetState, rtol: float = 1e-10) -> None:
    for name in FIELDS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=1e-12, err_msg=name)


def test_the_filter_is_the_exact_conditional_of_the_stated_model(fleet):
    """By one dense Gaussian: all noises, wander increments and the rate of one instrument, conditioned at once."""
    state = filtered(EXACT, fleet)
    for i in (0, 1, 2):
        m, t = fleet.model[i], fleet.observations.t[i]
        step = np.diff(t, prepend=fleet.start[i])
        y, adjusted = fleet.observations.error[i, :, 0], fleet.observations.adjusted[i]
        k = y.size
        # Basic variables: noise at the start, noises, wander increments, rate less its mean.
        variances = [EXACT.noise[m, 0] ** 2] * (k + 1)
        variances += [*(EXACT.wander[m, 0] ** 2 * step), EXACT.rate_spread[m, 0] ** 2]
        level, offset = np.zeros(2 * k + 2), 0.0
        level[0] = 1.0
        rows, offsets = [], []
        for j in range(k):
            level[1 + k + j] += 1.0
            level[-1] += step[j]
            offset += EXACT.rate[m, 0] * step[j]
            seen = level.copy()
            seen[1 + j] += 1.0
            rows.append(seen)
            offsets.append(offset)
            if adjusted[j]:
                level, offset = level - seen, 0.0
        design, prior = np.array(rows), np.diag(variances)
        gain = prior @ design.T @ np.linalg.inv(design @ prior @ design.T)
        mean = gain @ (y - np.array(offsets))
        after = prior - gain @ design @ prior
        assert state.error[i, 0] == pytest.approx(level @ mean + offset, rel=1e-9)
        assert state.rate[i, 0] == pytest.approx(EXACT.rate[m, 0] + mean[-1], rel=1e-9)
        assert state.variance[i, 0] == pytest.approx(level @ after @ level, rel=1e-9)
        assert state.covariance[i, 0] == pytest.approx(level @ after[:, -1], rel=1e-8)
        assert state.rate_variance[i, 0] == pytest.approx(after[-1, -1], rel=1e-9)
        whole = design @ prior @ design.T
        residual = y - np.array(offsets)
        freedom = EXACT.scale_freedom[m]
        squared = (freedom + residual @ np.linalg.solve(whole, residual)) / (freedom + k)
        assert state.scale_squared[i] == pytest.approx(squared, rel=1e-9)
        likelihood = fleet_log_likelihood(EXACT, new_instruments(EXACT, fleet.model, fleet.start), fleet.observations)
        exact = stats.multivariate_t(np.zeros(k), whole, df=freedom).logpdf(residual)
        assert likelihood[i] == pytest.approx(exact + 0.5 * k * np.log(np.pi), rel=1e-6)


def test_after_an_adjustment_the_noise_returns_with_opposite_sign():
    one = replace(EXACT, rate=np.zeros((2, 1)), rate_spread=np.zeros((2, 1)), wander=np.zeros((2, 1)))
    state = new_instruments(one, np.array([0]), np.array([0.0]))
    seen = Observations(t=np.array([[1.0]]), error=np.array([[[0.6]]]), adjusted=np.array([[True]]))
    after = update(one, state, seen)
    # Without drift the observed 0.6 is the difference of two equal noises: half of it was put into the instrument.
    assert after.error[0, 0] == pytest.approx(-0.3)


@settings(max_examples=examples(20))
@given(st.floats(1e-6, 1e6))
def test_scaling_the_unit_scales_the_result(factor):
    fleet = simulate(20, 5, np.random.default_rng(2))
    names = ("noise", "wander", "rate", "rate_spread")
    parameters = replace(TRUTH, **{name: getattr(TRUTH, name) * factor for name in names})
    scaled = filtered(parameters, fleet, replace(fleet.observations, error=fleet.observations.error * factor))
    plain = filtered(TRUTH, fleet)
    np.testing.assert_allclose(scaled.error, plain.error * factor, rtol=1e-9)
    np.testing.assert_allclose(scaled.standard_uncertainty, plain.standard_uncertainty * factor, rtol=1e-9)
    np.testing.assert_allclose(scaled.scale_squared, plain.scale_squared, rtol=1e-9)


def shuffled(observations: Observations, rng: np.random.Generator) -> Observations:
    order = np.argsort(rng.random(observations.t.shape), axis=1)
    return Observations(
        t=np.take_along_axis(observations.t, order, axis=1),
        error=np.take_along_axis(observations.error, order[:, :, None], axis=1),
        adjusted=np.take_along_axis(observations.adjusted, order, axis=1),
    )


@settings(max_examples=examples(10))
@given(st.integers(0, 1000))
def test_the_order_of_observations_does_not_matter(seed):
    fleet = simulate(20, 5, np.random.default_rng(seed))
    assert_same(
        filtered(TRUTH, fleet, shuffled(fleet.observations, np.random.default_rng(seed))), filtered(TRUTH, fleet)
    )


def test_all_at_once_is_the_same_as_one_after_another_in_parts_and_threads(fleet):
    state = new_instruments(TRUTH, fleet.model, fleet.start)
    whole = update(TRUTH, state, fleet.observations, workers=2)
    seen = fleet.observations
    for part in (slice(0, 2), slice(2, 6)):
        state = update(
            TRUTH,
            state,
            Observations(t=seen.t[:, part], error=seen.error[:, part], adjusted=seen.adjusted[:, part]),
        )
    assert_same(state, whole)


def test_gaps_are_skipped_wherever_they_are(fleet):
    seen = fleet.observations
    gap = np.full((300, 1), np.nan)
    padded = Observations(
        t=np.concatenate([seen.t[:, :3], gap, seen.t[:, 3:], gap], axis=1),
        error=np.concatenate([seen.error[:, :3], gap[:, :, None], seen.error[:, 3:], gap[:, :, None]], axis=1),
        adjusted=np.insert(seen.adjusted, [3, 6], True, axis=1),
    )
    assert_same(filtered(TRUTH, fleet, padded), filtered(TRUTH, fleet))


def test_a_new_instrument_is_what_its_model_shows():
    state = new_instruments(TRUTH, np.array([1]), np.array([2020.0]))
    nothing = Observations(t=np.empty((1, 0)), error=np.empty((1, 0, 1)), adjusted=np.empty((1, 0), np.bool_))
    assert_same(update(TRUTH, state, nothing), state)
    ahead = forecast(TRUTH, state, 2.0)
    assert ahead.mean[0, 0] == pytest.approx(-0.2)
    assert ahead.scale[0, 0] ** 2 == pytest.approx(0.5**2 + 2.0 * 0.3**2 + 4.0 * 0.25**2)


def test_a_certificates_uncertainty_adds_to_the_noise(fleet):
    zero = replace(fleet.observations, standard_uncertainty=np.zeros((300, 6)))
    assert_same(filtered(TRUTH, fleet, zero), filtered(TRUTH, fleet))
    large = replace(fleet.observations, standard_uncertainty=np.full((300, 6), 5.0), adjusted=np.zeros((300, 6), bool))
    small = replace(fleet.observations, adjusted=np.zeros((300, 6), bool))
    assert np.all(filtered(EXACT, fleet, large).variance > 2.0 * filtered(EXACT, fleet, small).variance)


def test_mistyped_certificates_do_not_poison_the_state():
    clean = simulate(4000, 12, np.random.default_rng(5))
    dirty = simulate(4000, 12, np.random.default_rng(5), mistyped=0.02)
    for parameters, limit in ((TRUTH, 0.04), (EXACT, None)):
        found = filtered(parameters, dirty, replace(dirty.observations, adjusted=clean.observations.adjusted))
        z = (dirty.error - found.error[:, 0]) / found.standard_uncertainty[:, 0]
        missed = float(np.mean(np.abs(z) > stats.t.ppf(0.975, found.freedom)))
        wide = float(np.quantile(found.standard_uncertainty / filtered(TRUTH, clean).standard_uncertainty, 0.9))
        if limit is None:
            assert wide > 5.0
        else:
            assert missed < 0.07
            assert wide < 1.3


def test_prediction_errors_are_standard_normal_while_nothing_changes():
    fleet = simulate(20_000, 8, np.random.default_rng(6))
    state, z = prediction_errors(EXACT, new_instruments(EXACT, fleet.model, fleet.start), fleet.observations)
    assert_same(state, filtered(EXACT, fleet))
    assert abs(float(z.mean())) < 0.01
    assert float(z.std()) == pytest.approx(1.0, abs=0.01)
    assert stats.kstest(z[:, -1, 0], "norm").pvalue > 1e-3
    assert abs(float(np.corrcoef(z[:, 3, 0], z[:, 4, 0])[0, 1])) < 0.03


def test_parameters_are_learned_by_model():
    fleet = simulate(5000, 12, np.random.default_rng(7))
    learned = learn_parameters(fleet.model, fleet.start, fleet.observations, rng=np.random.default_rng(8), outlying=3.0)
    np.testing.assert_allclose(learned.noise, TRUTH.noise, rtol=0.06)
    np.testing.assert_allclose(learned.wander, TRUTH.wander, rtol=0.2)
    np.testing.assert_allclose(learned.rate, TRUTH.rate, atol=0.02)
    np.testing.assert_allclose(learned.rate_spread, TRUTH.rate_spread, rtol=0.2)
    np.testing.assert_allclose(learned.scale_freedom, TRUTH.scale_freedom, rtol=0.35)


def test_a_model_of_two_instruments_is_mostly_judged_by_the_fleet():
    fleet = simulate(1000, 8, np.random.default_rng(9))
    model = np.where(np.arange(1000) < 2, 2, fleet.model)
    learned = learn_parameters(model, fleet.start, fleet.observations, rng=np.random.default_rng(8))
    assert 0.2 < learned.noise[2, 0] < 0.7


def observations(**change: np.ndarray) -> Observations:
    given: dict[str, np.ndarray] = {
        "t": np.array([[2021.0, 2022.0]]),
        "error": np.array([[[0.1], [0.2]]]),
        "adjusted": np.array([[True, False]]),
    }
    return Observations(**{**given, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"t": np.array([[2019.0, 2021.0]])}, "t"),
        ({"t": np.array([[np.inf, 2021.0]])}, "t"),
        ({"error": np.array([[[np.nan], [0.2]]])}, "error"),
        ({"error": np.array([[[np.inf], [0.2]]])}, "error"),
        ({"error": np.zeros((2, 2, 1))}, "t"),
        ({"error": np.zeros((1, 2))}, "error"),
        ({"standard_uncertainty": np.array([[-1.0, 0.1]])}, "standard_uncertainty"),
        ({"standard_uncertainty": np.array([[np.nan, 0.1]])}, "standard_uncertainty"),
        ({"standard_uncertainty": np.array([0.1])}, "standard_uncertainty"),
        ({"adjusted": np.array([True])}, "adjusted"),
    ],
)
def test_bad_observations_are_refused_by_name(change, named):
    state = new_instruments(TRUTH, np.array([0]), np.array([2020.0]))
    with pytest.raises(HistoryError) as caught:
        update(TRUTH, state, observations(**change))
    assert caught.value.field == named


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"noise": np.array([[0.0], [1.0]])}, "noise"),
        ({"noise": np.array([[np.nan], [1.0]])}, "noise"),
        ({"noise": np.array([1.0])}, "noise"),
        ({"wander": np.array([[-0.1], [1.0]])}, "wander"),
        ({"rate": np.array([[np.nan], [1.0]])}, "rate"),
        ({"rate_spread": np.array([[1.0]])}, "rate_spread"),
        ({"scale_freedom": np.array([0.0, 1.0])}, "scale_freedom"),
        ({"scale_freedom": np.array([np.inf, 1.0])}, "scale_freedom"),
        ({"outlying": np.array([1.0])}, "outlying"),
    ],
)
def test_impossible_parameters_are_refused_by_name(change, named):
    with pytest.raises(ParameterError) as caught:
        replace(TRUTH, **change)
    assert caught.value.field == named


def test_unknown_models_and_nothing_to_learn_from_are_refused():
    with pytest.raises(ParameterError, match="model: 2"):
        new_instruments(TRUTH, np.array([2]), np.array([2020.0]))
    with pytest.raises(ParameterError, match="t: "):
        new_instruments(TRUTH, np.array([0]), np.array([np.nan]))
    with pytest.raises(FleetError, match="at least 10"):
        learn_parameters(np.array([0]), np.array([2020.0]), observations(), rng=np.random.default_rng(0))
    many = Observations(t=np.arange(2001.0, 2021.0)[None], error=np.zeros((1, 20, 1)), adjusted=np.ones((1, 20), bool))
    with pytest.raises(FleetError, match="zero"):
        learn_parameters(np.array([0]), np.array([2000.0]), many, rng=np.random.default_rng(0))


def test_several_test_points_are_followed_each_with_its_own_parameters_and_one_scale(fleet):
    names = ("noise", "wander", "rate", "rate_spread")
    factor = np.array([1.0, 10.0])
    both = replace(EXACT, **{name: getattr(EXACT, name) * factor for name in names})
    seen = replace(fleet.observations, error=fleet.observations.error * factor)
    twice, once = filtered(both, fleet, seen), filtered(EXACT, fleet)
    np.testing.assert_allclose(twice.error, once.error * factor, rtol=1e-9)
    np.testing.assert_allclose(twice.variance, once.variance * factor**2, rtol=1e-9)
    # Two points count twice for the scale.
    start = EXACT.scale_freedom[fleet.model]
    np.testing.assert_allclose(twice.freedom - start, 2.0 * (once.freedom - start))
    sums = twice.scale_squared * twice.freedom - start
    np.testing.assert_allclose(sums, 2.0 * (once.scale_squared * once.freedom - start), rtol=1e-9, atol=1e-9)
    learned = learn_parameters(fleet.model, fleet.start, seen, rng=np.random.default_rng(8))
    np.testing.assert_allclose(learned.noise[:, 1], 10.0 * learned.noise[:, 0], rtol=0.01)


def test_a_gross_error_that_adjusted_leaves_the_error_unknown_anew():
    state = new_instruments(TRUTH, np.array([0, 0]), np.array([2020.0, 2020.0]))
    seen = Observations(
        t=np.array([[2021.0, 2022.0]] * 2),
        error=np.array([[[0.1], [500.0]], [[0.1], [500.0]]]),
        adjusted=np.array([[False, True], [False, False]]),
    )
    found = update(TRUTH, state, seen)
    assert found.error[0, 0] == 0.0
    assert found.variance[0, 0] == pytest.approx(TRUTH.noise[0, 0] ** 2)
    assert abs(found.error[1, 0]) < 1.0
    np.testing.assert_allclose(found.freedom, TRUTH.scale_freedom[0] + 1.0)
