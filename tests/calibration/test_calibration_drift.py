"""The filter against a dense reference computation, and what must not change its result."""

from dataclasses import fields, replace

import numpy as np
import pytest
from calibration.fleets import daily_record, model_levels, parameters
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.catalogue import builtin_catalogue
from steelyard.calibration.engine.tracking.change import ChangeDesign
from steelyard.calibration.engine.tracking.drift import ErrorRecord, filter_fleet
from steelyard.calibration.engine.tracking.forecast import first_day_above, forecast, rate_significance
from steelyard.calibration.engine.tracking.priors import DEFAULT_PRIOR, PRIORS, prior_of
from steelyard.calibration.engine.tracking.state import level_at, predicted

NEVER = ChangeDesign(k=0.5, h=1e9, clip=1e6)
DESIGN = ChangeDesign(k=0.5, h=9.35)


def certificates(t, y, u, *, adjusted=None):
    t, y = np.atleast_2d(np.asarray(t, float)), np.atleast_2d(np.asarray(y, float))
    return ErrorRecord(
        t=t,
        error=y,
        noise=np.broadcast_to(np.asarray(u, float), y.shape).copy(),
        pair=np.zeros(y.shape, np.bool_),
        adjusted=np.zeros(y.shape, np.bool_) if adjusted is None else np.atleast_2d(adjusted),
        count=np.full(y.shape[0], y.shape[1]),
    )


def dense(t, y, u, pair, p, at):
    """The same posterior by conditioning one joint normal distribution: mean and sd of the level at `at`."""
    t0 = t[0]

    def covariance(a, b):
        low = np.minimum(a, b)
        spread = p.wander[0] ** 2 * low + p.rate_wander[0] ** 2 * (low**2 * np.maximum(a, b) / 2.0 - low**3 / 6.0)
        return p.level[0] ** 2 + p.rate[0] ** 2 * a * b + spread

    s, target = np.asarray(t) - t0, at - t0
    k = covariance(s[:, None], s[None, :]) + p.reference[0] ** 2 * np.outer(pair, pair) + np.diag(np.asarray(u) ** 2)
    cross = covariance(s, target)
    gain = np.linalg.solve(k, cross)
    mean = p.level_mean[0] + gain @ (np.asarray(y) - p.level_mean[0])
    return mean, np.sqrt(covariance(target, target) - gain @ cross)


observation = st.tuples(st.floats(0.01, 1.0), st.floats(-2.0, 2.0), st.floats(0.05, 0.5))


@given(st.lists(observation, min_size=1, max_size=8), st.floats(0.0, 2.0))
def test_certificates_at_irregular_times_give_the_exact_posterior(rows, ahead):
    t = 50.0 + np.cumsum([row[0] for row in rows])
    y, u = [row[1] for row in rows], [row[2] for row in rows]
    p = parameters(1, reference=0.0)
    found = filter_fleet(certificates(t, y, u), p, NEVER)
    mean, variance = level_at(found.state, p, np.array([t[-1] + ahead]))
    expected, sd = dense(t, y, u, np.zeros(len(rows)), p, t[-1] + ahead)
    assert mean[0] == pytest.approx(expected, abs=1e-9)
    assert np.sqrt(variance[0]) == pytest.approx(sd, rel=1e-7)


def test_certificates_and_a_pair_together_give_the_exact_posterior():
    rng = np.random.default_rng(1)
    t = np.sort(50.0 + rng.uniform(0.0, 2.0, 30))
    pair = rng.random(30) < 0.8
    y, u = rng.normal(0.3, 0.2, 30), np.where(pair, 0.05, 0.15)
    p = parameters(1, reference=0.12, noise=0.05)
    record = replace(certificates(t, y, u), pair=pair[None, :])
    found = filter_fleet(record, p, NEVER)
    # The noise of pair observations is estimated, not told: compute with what was found, which is nearly constant.
    mean, _ = level_at(found.state, p, np.array([t[-1]]))
    expected, sd = dense(t, y, np.where(pair, found.noise[0], u), pair.astype(float), p, t[-1])
    assert mean[0] == pytest.approx(expected, abs=0.25 * sd)


def test_the_uncertainty_of_the_reference_does_not_average_out():
    rng = np.random.default_rng(2)
    p = parameters(200, level=5.0, reference=0.2, wander=0.01, rate_wander=0.01)
    truth = rng.normal(0.0, 0.2, 200)
    y = truth[:, None] + rng.normal(0.0, 0.2, 200)[:, None] + rng.normal(0.0, 0.02, (200, 1000))
    found = filter_fleet(daily_record(y, 0.02), p, DESIGN)
    u = np.sqrt(found.state.v_ll)
    assert np.all(u > 0.199)
    assert np.std(found.state.level - truth) == pytest.approx(0.2, rel=0.15)


def test_a_certificate_tells_the_references_error_from_the_instruments():
    y = np.full((1, 100), 0.5)
    p = parameters(1, level=1.0, reference=0.3)
    alone = filter_fleet(daily_record(y, 0.02), p, DESIGN)
    record = daily_record(np.concatenate([y, [[0.1]]], axis=1), 0.02)
    record.pair[0, -1] = False
    with_certificate = filter_fleet(record, p, DESIGN)
    assert with_certificate.state.level[0] == pytest.approx(0.1, abs=0.03)
    assert with_certificate.state.reference[0] == pytest.approx(0.4, abs=0.05)
    assert with_certificate.state.v_ll[0] < alone.state.v_ll[0] / 50.0


def test_an_adjustment_resets_the_level_and_keeps_the_rate():
    t = [50.0, 51.0, 52.0, 53.0, 53.0]
    y = [0.0, 0.5, 1.0, 1.5, 0.0]
    p = parameters(1, reference=0.0)
    found = filter_fleet(certificates(t, y, 0.02, adjusted=[False] * 4 + [True]), p, DESIGN)
    assert found.state.level[0] == pytest.approx(0.0, abs=0.01)
    assert found.state.rate[0] == pytest.approx(0.5, abs=0.1)
    assert not found.changes


def test_an_adjustment_seen_by_the_pair_is_no_jump():
    y = np.concatenate([np.full((1, 100), 1.0), np.full((1, 100), 0.0)], axis=1)
    y += np.random.default_rng(4).normal(0.0, 0.02, y.shape)
    record = daily_record(y, 0.02)
    record.adjusted[0, 100] = True
    found = filter_fleet(record, parameters(1), DESIGN)
    assert not found.changes
    assert found.noise[0] == pytest.approx(0.02, abs=0.01)


def test_a_mistyped_certificate_does_not_poison_the_state():
    t, y = np.arange(50.0, 60.0), np.full(10, 0.1)
    clean = filter_fleet(certificates(t, y, 0.05), parameters(1), DESIGN)
    y[7] = 1000.0
    spoilt = filter_fleet(certificates(t, y, 0.05), parameters(1), DESIGN)
    assert abs(spoilt.state.level[0] - clean.state.level[0]) < 0.3


def test_instruments_do_not_know_of_each_other():
    rng = np.random.default_rng(5)
    p = parameters(6)
    y = model_levels(rng, 6, 300, p) + rng.normal(0.0, 0.05, (6, 300))
    y[2, 200:] += 1.0
    together = filter_fleet(daily_record(y, 0.05), p, DESIGN)
    order = np.array([3, 2, 5, 0, 1, 4])
    shuffled = filter_fleet(daily_record(y[order], 0.05), p, DESIGN)
    for f in fields(together.state):
        np.testing.assert_array_equal(getattr(together.state, f.name)[order], getattr(shuffled.state, f.name))
    alone = filter_fleet(daily_record(y[2:3], 0.05), parameters(1), DESIGN)
    assert alone.state.level[0] == together.state.level[2]
    assert alone.changes[0].size == together.changes[0].size


def test_what_lies_beyond_the_count_is_not_looked_at():
    y = np.array([[0.1, 0.2, np.nan], [0.1, 0.2, 0.3]])
    record = replace(daily_record(y, 0.05), count=np.array([2, 3]))
    found = filter_fleet(record, parameters(2), DESIGN)
    alone = filter_fleet(daily_record(y[:1, :2], 0.05), parameters(1), DESIGN)
    assert found.state.level[0] == alone.state.level[0]


def test_a_noisy_day_is_taken_at_its_word():
    y = np.zeros((1, 100))
    y[0, 99] = 0.3
    calm, noisy = daily_record(y, 0.05), daily_record(y, 0.05)
    noisy.noise[0, 99] = 1.0
    assert (
        filter_fleet(noisy, parameters(1), DESIGN).state.level[0]
        < 0.2 * (filter_fleet(calm, parameters(1), DESIGN).state.level[0])
    )


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda r: replace(r, error=r.error[:, :-1]), "error"),
        (lambda r: replace(r, count=np.array([0, 5])), "count"),
        (lambda r: replace(r, count=np.array([5, 6])), "count"),
        (lambda r: replace(r, t=r.t[:, ::-1].copy()), "t: "),
        (lambda r: replace(r, noise=r.noise * 0.0), "noise"),
        (lambda r: replace(r, noise=-r.noise), "noise"),
        (lambda r: replace(r, error=r.error * np.nan), "error"),
    ],
)
def test_records_that_cannot_be_used_are_refused_by_name(spoil, named):
    with pytest.raises(ValueError, match=named):
        filter_fleet(spoil(daily_record(np.zeros((2, 5)), 0.05)), parameters(2), DESIGN)


def test_parameters_of_another_fleet_are_refused():
    with pytest.raises(ValueError, match="parameters"):
        filter_fleet(daily_record(np.zeros((2, 5)), 0.05), parameters(3), DESIGN)


@pytest.mark.slow
@pytest.mark.parametrize("horizon", [0, 30, 90, 180])
def test_95_percent_forecasts_hold_the_truth_in_93_to_97_percent(horizon, forecast_fleet):
    level, found, p = forecast_fleet
    day = np.array([float(horizon)])
    ahead = forecast(found.state, p, now=found.state.t, days=day, lower=-np.ones(2000), upper=np.ones(2000))
    truth = level[:, 729 + horizon]
    inside = np.abs(truth - ahead.mean[0]) < 1.959964 * ahead.standard_uncertainty[0]
    assert 0.93 < np.mean(inside) < 0.97


@pytest.mark.slow
def test_probabilities_outside_come_true_as_often_as_they_say(forecast_fleet):
    level, found, p = forecast_fleet
    ahead = forecast(
        found.state, p, now=found.state.t, days=np.array([180.0]), lower=-np.ones(2000), upper=np.ones(2000)
    )
    outside = np.abs(level[:, 729 + 180]) > 1.0
    said = ahead.probability[0]
    assert np.mean(outside) == pytest.approx(np.mean(said), abs=0.02)
    likely = said > 0.5
    assert np.mean(outside[likely]) == pytest.approx(np.mean(said[likely]), abs=0.08)


@pytest.fixture(scope="module")
def forecast_fleet():
    """2,000 instruments, two years of daily pair observations, and what became of them in the half year after."""
    rng = np.random.default_rng(20261122)
    p = parameters(2000)
    level = model_levels(rng, 2000, 730 + 181, p)
    bias = rng.normal(0.0, 1.0, 2000) * p.reference
    y = level[:, :730] + bias[:, None] + rng.normal(0.0, 0.05, (2000, 730))
    return level, filter_fleet(daily_record(y, 0.05), p, DESIGN), p


def test_prediction_in_two_steps_is_prediction_in_one():
    p = parameters(3)
    found = filter_fleet(daily_record(np.random.default_rng(1).normal(0, 0.1, (3, 20)), 0.1), p, DESIGN)
    end = found.state.t + 2.0
    two = predicted(predicted(found.state, p, found.state.t + 0.7), p, end)
    one = predicted(found.state, p, end)
    for f in fields(one):
        np.testing.assert_allclose(getattr(two, f.name), getattr(one, f.name), rtol=1e-10, atol=1e-14)


def test_the_first_day_above_a_limit_is_found_or_not_given():
    p = parameters(2, wander=0.01, rate_wander=0.01)
    found = filter_fleet(certificates([[50.0, 51.0]] * 2, [[0.0, 0.8], [0.0, 0.0]], 0.02), p, DESIGN)
    ahead = forecast(found.state, p, now=found.state.t, days=np.arange(120.0), lower=-np.ones(2), upper=np.ones(2))
    first = first_day_above(ahead, 0.1)
    assert 0.0 < first[0] < 120.0
    assert np.isnan(first[1])
    assert rate_significance(found.state)[0] > 3.0 > rate_significance(found.state)[1]


def test_a_forecast_does_not_look_back():
    p = parameters(1)
    found = filter_fleet(certificates([50.0, 51.0], [0.0, 0.1], 0.1), p, DESIGN)
    with pytest.raises(ValueError, match="now"):
        forecast(found.state, p, now=found.state.t - 1.0, days=np.zeros(1), lower=-np.ones(1), upper=np.ones(1))


def test_priors_are_of_kinds_of_the_catalogue_and_every_other_kind_has_the_default():
    assert PRIORS.keys() <= builtin_catalogue().kinds.keys()
    assert prior_of("sundial") is DEFAULT_PRIOR
