"""Forecasts and work orders on fleets whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibration_engine.fleet_simulation import TRUTH, Fleet, simulate
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from steelyard.calibration.engine.fleet.drift_learning import learn_parameters
from steelyard.calibration.engine.fleet.errors import ParameterError
from steelyard.calibration.engine.fleet.forecast import (
    ErrorForecast,
    forecast,
    probability_outside,
    years_until_doubtful,
)
from steelyard.calibration.engine.fleet.parameters import DriftParameters, FleetState, new_instruments
from steelyard.calibration.engine.fleet.tails import normal_scores, t_value
from steelyard.calibration.engine.fleet.update import prediction_errors, update


@pytest.fixture(scope="module")
def learned_fleet() -> tuple[Fleet, DriftParameters, FleetState]:
    """A known fleet, the parameters learned from it and its state by them."""
    fleet = simulate(40_000, 6, np.random.default_rng(11))  # sampling error of a coverage: 0.1 %
    learned = learn_parameters(fleet.model, fleet.start, fleet.observations, rng=np.random.default_rng(12))
    return fleet, learned, update(learned, new_instruments(learned, fleet.model, fleet.start), fleet.observations)


@pytest.mark.parametrize("horizon", [0.0, 1.0, 4.0])
def test_forecasts_with_learned_parameters_cover_the_truth_of_a_known_fleet(horizon, learned_fleet):
    fleet, learned, state = learned_fleet
    rng = np.random.default_rng(13)
    wander = TRUTH.wander[fleet.model, 0] * fleet.scale * np.sqrt(horizon)
    truth = fleet.error + fleet.rate * horizon + wander * rng.normal(size=fleet.error.size)
    ahead = forecast(learned, state, horizon)
    inside = (truth >= ahead.quantile(0.025)[:, 0]) & (truth <= ahead.quantile(0.975)[:, 0])
    assert 0.94 <= float(np.mean(inside)) <= 0.96


def test_a_fleet_that_jumps_is_forecast_with_its_tails():
    """Learned from one half, seen in the other; the control, without the tails, promises too much."""
    taught, seen = (simulate(20_000, 6, np.random.default_rng(seed), jumping=0.1) for seed in (18, 19))
    learned = learn_parameters(taught.model, taught.start, taught.observations, rng=np.random.default_rng(20))
    plain = replace(learned, tail_scale=np.ones(2), tail_freedom=np.full(2, np.inf))
    covered = {}
    for name, parameters in (("with", learned), ("without", plain)):
        state = new_instruments(parameters, seen.model, seen.start)
        _, z = prediction_errors(parameters, state, seen.observations)
        covered[name] = tuple(float(np.mean(np.abs(z) < limit)) for limit in (1.96, 2.576))
    assert covered["with"] == (pytest.approx(0.95, abs=0.01), pytest.approx(0.99, abs=0.004))
    assert covered["without"][1] < 0.98


def test_a_fleet_that_does_not_jump_has_no_tails():
    fleet = simulate(20_000, 6, np.random.default_rng(21))
    learned = learn_parameters(fleet.model, fleet.start, fleet.observations, rng=np.random.default_rng(22))
    np.testing.assert_allclose(learned.tail_scale, 1.0, atol=0.03)
    assert np.all(learned.tail_freedom > 40.0)


@given(p=st.floats(1e-3, 0.999), freedom=st.floats(2.0, 1e4), scale=st.floats(0.5, 2.0), tail=st.floats(3.0, 1e4))
def test_quantiles_and_normal_scores_undo_one_another(p, freedom, scale, tail):
    value = t_value(p, np.array([freedom]), np.array([scale]), np.array([tail]))
    back = stats.norm.cdf(normal_scores(value, np.array([freedom]), np.array([scale]), np.array([tail])))
    np.testing.assert_allclose(back, p, atol=8e-3)


@pytest.mark.parametrize("p", [1e-9, 0.025, 0.5, 0.975])
def test_without_tails_of_the_fleet_the_quantile_is_that_of_the_t_distribution(p):
    found = ErrorForecast(
        mean=np.array([[1.0]]),
        scale=np.array([[2.0]]),
        freedom=np.array([5.0]),
        tail_scale=np.ones(1),
        tail_freedom=np.array([np.inf]),
    )
    np.testing.assert_allclose(found.quantile(p), 1.0 + 2.0 * stats.t.ppf(p, 5.0), rtol=1e-9)


@pytest.mark.parametrize("p", [0.0, 1.0, np.nan])
def test_a_quantile_at_an_impossible_probability_is_refused(p):
    state = new_instruments(TRUTH, np.array([0]), np.array([2020.0]))
    with pytest.raises(ParameterError, match="p"):
        forecast(TRUTH, state, 1.0).quantile(p)


def test_work_orders_come_before_the_true_crossing_in_95_percent_of_cases():
    """Ordered at P(|error| > MPE) = 1 %; the truth is followed in steps of 0.05 years for 10 years."""
    fleet = simulate(20_000, 6, np.random.default_rng(14))
    state = update(TRUTH, new_instruments(TRUTH, fleet.model, fleet.start), fleet.observations)
    mpe, longest, step = 3.0, 10.0, 0.05
    due = years_until_doubtful(TRUTH, state, mpe, probability=0.01, longest=longest)
    rng = np.random.default_rng(15)
    error, crossing = fleet.error.copy(), np.where(np.abs(fleet.error) > mpe, 0.0, np.inf)
    wander = TRUTH.wander[fleet.model, 0] * fleet.scale * np.sqrt(step)
    for k in range(1, int(longest / step) + 1):
        error = error + fleet.rate * step + wander * rng.normal(size=error.size)
        crossing = np.where(np.isinf(crossing) & (np.abs(error) > mpe), k * step, crossing)
    crossed = np.isfinite(crossing) & (crossing > 0.0)
    assert np.mean(due[crossed] <= crossing[crossed]) >= 0.95


def test_the_probability_is_that_of_the_t_distribution():
    found = ErrorForecast(
        mean=np.array([[0.0, 0.5, -2.0]] * 4),
        scale=np.array([[1.0, 0.2, 0.7]] * 4),
        freedom=np.array([2.0, 5.0, 30.0, 1e6]),
        tail_scale=np.ones(4),
        tail_freedom=np.full(4, np.inf),
    )
    exact = stats.t.sf((1.0 - found.mean) / found.scale, found.freedom[:, None])
    exact = exact + stats.t.sf((1.0 + found.mean) / found.scale, found.freedom[:, None])
    np.testing.assert_allclose(probability_outside(found, 1.0), exact, atol=3e-3)


def test_the_due_date_is_where_the_probability_crosses_the_limit():
    fleet = simulate(500, 6, np.random.default_rng(16))
    state = update(TRUTH, new_instruments(TRUTH, fleet.model, fleet.start), fleet.observations)
    due = years_until_doubtful(TRUTH, state, 2.5, probability=0.1, longest=20.0)
    inside = (due > 0.0) & (due < 20.0)
    assert inside.sum() > 100
    at = probability_outside(forecast(TRUTH, state, due), 2.5)[:, 0]
    np.testing.assert_allclose(at[inside], 0.1, atol=1e-3)
    assert np.all(at[due == 0.0] > 0.1)
    assert np.all(at[due == 20.0] <= 0.1)


def test_a_tighter_limit_is_never_later():
    fleet = simulate(500, 6, np.random.default_rng(17))
    state = update(TRUTH, new_instruments(TRUTH, fleet.model, fleet.start), fleet.observations)
    loose = years_until_doubtful(TRUTH, state, 2.5, probability=0.1, longest=10.0)
    assert np.all(years_until_doubtful(TRUTH, state, 2.5, probability=0.05, longest=10.0) <= loose + 1e-3)
    assert np.all(years_until_doubtful(TRUTH, state, 2.0, probability=0.1, longest=10.0) <= loose + 1e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"probability": 0.0}, "probability"),
        ({"probability": 1.0}, "probability"),
        ({"longest": 0.0}, "longest"),
        ({"longest": np.inf}, "longest"),
        ({"maximum_permissible_error": -1.0}, "maximum_permissible_error"),
        ({"maximum_permissible_error": np.nan}, "maximum_permissible_error"),
    ],
)
def test_impossible_questions_are_refused_by_name(change, named):
    state = new_instruments(TRUTH, np.array([0]), np.array([2020.0]))
    given = {"maximum_permissible_error": 1.0, "probability": 0.05, "longest": 10.0, **change}
    mpe = given.pop("maximum_permissible_error")
    with pytest.raises(ParameterError) as caught:
        years_until_doubtful(TRUTH, state, mpe, **given)
    assert caught.value.field == named


@pytest.mark.parametrize("horizon", [-1.0, np.nan, np.inf])
def test_an_impossible_horizon_is_refused(horizon):
    state = new_instruments(TRUTH, np.array([0]), np.array([2020.0]))
    with pytest.raises(ParameterError, match="horizon"):
        forecast(TRUTH, state, horizon)
