"""The parts of the backtest's forecast against what is known in closed form or by another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from scipy import stats

from steelyard.calibration.engine.fleet.baselines import baseline_quantiles
from steelyard.calibration.engine.fleet.errors import HistoryError
from steelyard.calibration.engine.fleet.history import EventHistory, robust_scale
from steelyard.calibration.engine.fleet.hypotheses import (
    Hypotheses,
    LaboratoryError,
    log_likelihood,
    predict_event,
)
from steelyard.calibration.engine.fleet.learning import learn
from steelyard.calibration.engine.fleet.mixture import TMixture
from steelyard.calibration.engine.fleet.recalibration import learn_tails
from steelyard.calibration.engine.fleet.scoring import LEVELS, crps, score
from steelyard.calibration.engine.fleet.weights import learn_weights, posterior


def history_of(error: np.ndarray, years: np.ndarray) -> EventHistory:
    """One test point; successive calibrations at `years` [I, K + 1]."""
    return EventHistory(
        model=np.full(len(error), "m"),
        count=np.full(len(error), error.shape[1]),
        start=years[:, :-1],
        end=years[:, 1:],
        error=error[:, :, None],
    )


def test_the_filter_is_the_exact_gaussian_conditional_of_noise_with_alternating_sign():
    rng = np.random.default_rng(1)
    years = np.cumsum(rng.uniform(0.5, 2.0, (1, 6)), axis=1)
    y, noise, wander = rng.normal(size=(1, 5)), 0.7, 0.4
    one = Hypotheses(noise=np.array([[noise]]), wander=np.array([[wander]]), freedom=np.array([1e8]))
    predicted = predict_event(history_of(y, years), one, LaboratoryError.unknown(1, 5, 1), np.array([4]))
    covariance = np.diag(wander**2 * np.diff(years[0]) + 2.0 * noise**2)
    covariance -= noise**2 * (np.eye(5, k=1) + np.eye(5, k=-1))
    weight = np.linalg.solve(covariance[:4, :4], covariance[:4, 4])
    assert predicted.location[0, 0, 0] == pytest.approx(weight @ y[0, :4], rel=1e-6)
    assert predicted.scale[0, 0, 0] ** 2 == pytest.approx(covariance[4, 4] - weight @ covariance[:4, 4], rel=1e-6)
    likelihood = log_likelihood(history_of(y, years), one, LaboratoryError.unknown(1, 5, 1))[0, 0]
    exact = stats.multivariate_normal(np.zeros(5), covariance).logpdf(y[0]) + 2.5 * np.log(2.0 * np.pi)
    # The t density's constant is that of the normal but for (2 pi)^(-1/2), dropped at every event.
    assert likelihood == pytest.approx(exact - 2.5 * np.log(2.0), rel=1e-5)


def test_a_gross_error_does_not_move_the_next_prediction():
    years = np.tile(np.arange(5.0), (2, 1))
    y = np.array([[0.1, -0.2, 0.1, 0.0], [0.1, -0.2, 900.0, 0.0]])
    one = Hypotheses(noise=np.array([[0.3]]), wander=np.array([[0.1]]), freedom=np.array([3.0]))
    predicted = predict_event(history_of(y, years), one, LaboratoryError.unknown(2, 4, 1), np.array([3, 3]))
    assert abs(predicted.location[1, 0, 0]) < 0.1
    assert predicted.scale[1, 0, 0] == pytest.approx(predicted.scale[0, 0, 0], rel=0.3)


def test_calibrations_that_do_not_follow_each_other_share_no_noise():
    years = np.array([[0.0, 1.0, 2.0]])
    linked = history_of(np.array([[2.0, 0.0]]), years)
    apart = replace(linked, start=np.array([[0.0, 1.5]]))
    one = Hypotheses(noise=np.array([[1.0]]), wander=np.array([[0.1]]), freedom=np.array([50.0]))
    at = (one, LaboratoryError.unknown(1, 2, 1), np.array([1]))
    assert predict_event(linked, *at).location[0, 0, 0] < -0.5
    assert predict_event(apart, *at).location[0, 0, 0] == 0.0


@settings(max_examples=examples(25))
@given(st.floats(-3, 3), st.floats(0.1, 5), st.floats(1.2, 30), st.floats(0.05, 0.95))
def test_quantiles_of_a_mixture_are_those_of_the_distribution(location, scale, freedom, weight):
    mixture = TMixture(
        weight=np.array([[weight, 1.0 - weight]]),
        location=np.array([[location, location]]),
        scale=np.array([[scale, scale]]),
        freedom=np.array([[freedom, freedom]]),
    )
    exact = stats.t(freedom, location, scale).ppf(LEVELS)
    np.testing.assert_allclose(mixture.quantiles(LEVELS)[0], exact, atol=0.01 * scale, rtol=0.01)
    assert mixture.probability_below(np.array([location]))[0] == pytest.approx(0.5)
    assert mixture.mean[0] == pytest.approx(location)


def test_weights_recover_which_instruments_a_fleet_is_made_of():
    rng = np.random.default_rng(2)
    spread = np.where(rng.random(400) < 0.25, 3.0, 1.0)
    x = spread[:, None] * rng.normal(size=(400, 8))
    likelihood = stats.norm.logpdf(x[:, :, None], scale=np.array([0.3, 1.0, 3.0])).sum(axis=1)
    weights = learn_weights(likelihood, np.full(400, "m"), 4.0)
    np.testing.assert_allclose(weights.fleet, [0.0, 0.75, 0.25], atol=0.06)
    assert weights.of(np.array(["never seen"])).tolist() == [weights.fleet.tolist()]
    assert np.mean(posterior(weights.of(np.full(400, "m")), likelihood).argmax(axis=1) == (spread == 3.0) + 1) > 0.95


def test_tails_that_are_too_thin_are_widened_and_the_middle_is_left():
    rng = np.random.default_rng(4)
    probability = stats.norm.cdf(stats.t(2).rvs(4000, random_state=rng))
    tails = learn_tails(probability, 500)
    corrected = tails.levels(np.array([0.025, 0.3, 0.5, 0.975]))
    assert corrected[0] < 0.005
    assert corrected[1:3].tolist() == [0.3, 0.5]
    assert corrected[0] == pytest.approx(1.0 - corrected[3])
    uniform = learn_tails(np.linspace(0.0, 1.0, 4001), 4001).levels(LEVELS)
    np.testing.assert_allclose(uniform, LEVELS, atol=2e-3)
    np.testing.assert_allclose(learn_tails(probability[:10], 5).levels(LEVELS), LEVELS)


def test_crps_of_a_normal_forecast_is_its_closed_form():
    x = np.linspace(-3.0, 3.0, 13)
    quantiles = np.tile(stats.norm.ppf(LEVELS), (13, 1))
    exact = x * (2.0 * stats.norm.cdf(x) - 1.0) + 2.0 * stats.norm.pdf(x) - 1.0 / np.sqrt(np.pi)
    np.testing.assert_allclose(crps(x, quantiles, LEVELS), exact, atol=0.01)


def test_gross_errors_are_scored_for_coverage_alone():
    rng = np.random.default_rng(5)
    x = rng.normal(size=1000)
    x[:50] = 1e6
    quantiles = np.tile(stats.norm.ppf(LEVELS), (1000, 1))
    found = score(x, quantiles, np.zeros(1000, np.intp))
    assert found.gross == 50
    assert found.crps < 1.0
    assert found.coverage == pytest.approx(0.95 * 0.95, abs=0.015)


def test_the_random_effects_baseline_lies_between_pooled_rate_and_own_trend():
    rng = np.random.default_rng(6)
    years = np.tile(np.arange(6.0), (60, 1))
    rate = rng.normal(1.0, 0.5, (60, 1))
    history = history_of(rate + 0.3 * rng.normal(size=(60, 5)), years)
    row, event = np.arange(60), np.full(60, 4)
    middle = {
        name: values[:, 0, 50] for name, values in baseline_quantiles(history, history, row, event, LEVELS).items()
    }
    truth = rate[:, 0]
    missed = {name: float(np.mean(np.square(values - truth))) for name, values in middle.items()}
    assert missed["random effects"] <= missed["own trend"] * 1.2
    assert missed["random effects"] < missed["pooled rate"] < missed["no drift"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"end": np.zeros((2, 2))}, "end"),
        ({"start": np.full((2, 2), np.nan)}, "start, end"),
        ({"start": np.zeros((2, 3))}, "start"),
        ({"count": np.array([3, 1])}, "count"),
        ({"count": np.array([1])}, "model, count"),
        ({"error": np.full((2, 2, 1), np.inf)}, "error"),
        ({"error": np.zeros((2, 2))}, "error"),
        ({"end": np.array([[2.0, 1.0], [1.0, 2.0]]), "start": np.full((2, 2), 0.5)}, "end"),
    ],
)
def test_impossible_histories_are_refused_by_name(change, named):
    history = history_of(np.ones((2, 2)), np.tile(np.arange(3.0), (2, 1)))
    with pytest.raises(HistoryError) as caught:
        replace(history, **change)
    assert caught.value.field == named


def test_too_little_to_learn_from_is_refused():
    few = history_of(np.ones((1, 2)), np.arange(3.0)[None])
    with pytest.raises(HistoryError, match="at least 4 events"):
        learn(few)
    with pytest.raises(HistoryError, match="zero"):
        robust_scale(history_of(np.zeros((2, 3)), np.tile(np.arange(4.0), (2, 1))))
    with pytest.raises(HistoryError, match="test point 0"):
        robust_scale(history_of(np.full((2, 3), np.nan), np.tile(np.arange(4.0), (2, 1))))
