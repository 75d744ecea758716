"""The jump detector: published run lengths, the designed rate of false alarms, and what is no jump."""

import numpy as np
import pytest
from calibration.fleets import YEAR_DAYS, daily_record, drifting_levels, model_levels, parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from scipy import stats

from steelyard.calibration.engine.tracking.change import (
    ChangeDesign,
    average_run_length,
    change_index,
    decision_interval,
)
from steelyard.calibration.engine.tracking.drift import NOISE_UNCERTAINTY, filter_fleet
from steelyard.calibration.estimating import change_design
from steelyard.calibration.settings import CalibrationSettings

# Lucas and Crosier, Technometrics 24 (1982), Table 1: two-sided, k = 0.5, h = 4, zero start.
LUCAS_CROSIER = [
    (0.0, 168.0, 0.5), (0.25, 74.2, 0.05), (0.5, 26.6, 0.05), (0.75, 13.3, 0.05), (1.0, 8.38, 0.005),
    (1.5, 4.75, 0.005), (2.0, 3.34, 0.005), (2.5, 2.62, 0.005), (3.0, 2.19, 0.005), (4.0, 1.71, 0.005),
    (5.0, 1.31, 0.005),
]  # fmt: skip

FALSE_ALARM_YEARS = 100.0
DESIGN = change_design(CalibrationSettings(false_jump_years=FALSE_ALARM_YEARS))


@pytest.mark.parametrize(("shift", "published", "tolerance"), LUCAS_CROSIER)
def test_run_lengths_are_the_published_ones(shift, published, tolerance):
    assert average_run_length(0.5, 4.0, shift) == pytest.approx(published, abs=tolerance)


@given(st.floats(10.0, 1e6))
@settings(max_examples=examples(30))
def test_the_decision_interval_gives_the_run_length_it_was_asked_for(run_length):
    assert average_run_length(0.5, decision_interval(0.5, run_length)) == pytest.approx(run_length, rel=1e-4)


def test_a_run_length_that_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="no decision interval"):
        decision_interval(0.5, 1.5)


@pytest.mark.parametrize("values", [{"k": 0.0, "h": 4.0}, {"k": 0.5, "h": -1.0}, {"k": 0.5, "h": 4.0, "clip": 0.4}])
def test_a_chart_that_cannot_work_is_refused(values):
    with pytest.raises(ValueError, match="give positive values"):
        ChangeDesign(**values)


def test_one_or_two_outlying_days_cannot_raise_an_alarm():
    assert 2.0 * (DESIGN.clip - DESIGN.k) < DESIGN.h


def test_a_change_is_dated_to_its_first_observation():
    assert change_index(np.array([0.3, -0.2, 0.4, 5.0, 4.0, 6.0])) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "instruments", "years"), [(0.02, 1000, 6), (0.05, 600, 10), (0.15, 1000, 6)])
def test_in_control_a_false_alarm_comes_once_in_the_stated_years(noise, instruments, years):
    # 6,000 instrument-years: 60 alarms expected at most; Poisson, 3 sigma above: 83. The filter's time goes by the
    # years, not by the instruments, so that only one case has ten: a filter that goes astray later shows in it.
    # The noise is not told to the filter: its first guess is 0.05.
    rng = np.random.default_rng(20261121)
    p = parameters(instruments)
    level = model_levels(rng, instruments, years * 365, p)
    y = level + rng.normal(0.0, 0.1, instruments)[:, None] + rng.normal(0.0, noise, level.shape)
    found = filter_fleet(daily_record(y, noise), p, DESIGN)
    assert len(found.changes) <= 83
    assert np.median(found.noise) == pytest.approx(noise, rel=0.05)
    assert np.std(found.noise) / noise == pytest.approx(NOISE_UNCERTAINTY, rel=0.15)


def test_a_chart_on_an_estimated_sigma_has_a_wider_interval_that_its_own_runs_confirm():
    wanted, u = 2000.0, 0.1
    known, estimated = (decision_interval(0.5, wanted, sigma_uncertainty=each) for each in (0.0, u))
    assert known == decision_interval(0.5, wanted)
    # The mean of 1 / run length over the estimates, by brute force: 4,000 places of equal probability.
    factors = 1.0 + u * stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    grid = np.linspace(factors.min(), factors.max(), 60)

    def alarms(h):
        lengths = [average_run_length(0.5 * factor, h * factor) for factor in grid]
        return float(np.mean(np.exp(-np.interp(factors, grid, np.log(lengths)))))

    assert alarms(estimated) == pytest.approx(1.0 / wanted, rel=0.01)
    assert alarms(known) > 1.5 / wanted  # the control: without the allowance there are too many


@pytest.mark.parametrize("rate", [-0.5, 1.0, 2.0, 4.0])
def test_a_steady_drift_is_no_jump(rate):
    rng = np.random.default_rng(7)
    level = drifting_levels(rng, 200, 730, rate=rate)
    y = level + rng.normal(0.0, 0.03, level.shape)
    found = filter_fleet(daily_record(y, 0.03), parameters(200, rate=1.6), DESIGN)
    assert len(found.changes) <= 13  # 400 instrument-years: 4 expected, Poisson beyond 13: 2e-4
    assert found.state.rate == pytest.approx(np.full(200, rate), abs=0.1)


@pytest.mark.parametrize(("jump", "delay"), [(1.5, 3), (-0.3, 3), (0.15, 12)])
def test_a_jump_is_found_in_days_dated_and_measured_and_is_no_drift(jump, delay):
    rng = np.random.default_rng(11)
    level = drifting_levels(rng, 200, 730, jump=jump, jump_day=690)
    y = level + rng.normal(0.0, 0.03, level.shape)
    found = filter_fleet(daily_record(y, 0.03), parameters(200, rate=1.6), DESIGN)
    by_row = {change.row: change for change in found.changes if change.index >= 680}
    assert len(by_row) == 200
    late = [change for change in by_row.values() if (change.detected_t - change.t) * YEAR_DAYS > delay]
    assert len(late) <= 10
    assert np.median([abs(change.index - 690) for change in by_row.values()]) <= 1.0
    sizes = np.array([change.size for change in by_row.values()])
    u = np.array([change.standard_uncertainty for change in by_row.values()])
    # An alarm favours jumps that look larger than they are; a third of a standard deviation is what it makes here.
    assert np.mean(np.abs(sizes - jump) < 2.0 * u) > 0.90
    assert np.mean(sizes) == pytest.approx(jump, abs=0.03)
    assert np.mean(np.abs(found.state.rate) > 3.0 * np.sqrt(found.state.v_rr)) < 0.01


def test_after_a_jump_the_level_is_the_new_one_at_once():
    rng = np.random.default_rng(3)
    level = drifting_levels(rng, 100, 400, jump=1.5, jump_day=390)
    y = level + rng.normal(0.0, 0.03, level.shape)
    found = filter_fleet(daily_record(y, 0.03), parameters(100, reference=0.05), DESIGN)
    assert np.mean(found.state.level) == pytest.approx(1.5, abs=0.03)


def test_a_jump_within_a_day_is_one_jump():
    rng = np.random.default_rng(5)
    level = drifting_levels(rng, 50, 200, jump=1.0, jump_day=151)
    level[:, 150] += 0.5  # half of that day's readings came after the jump
    y = level + rng.normal(0.0, 0.02, level.shape)
    found = filter_fleet(daily_record(y, 0.02), parameters(50), DESIGN)
    assert len(found.changes) == 50
    assert {change.index for change in found.changes} == {150}
    assert np.mean([change.size for change in found.changes]) == pytest.approx(1.0, abs=0.05)


def test_a_spike_of_a_day_is_no_jump_and_moves_little():
    rng = np.random.default_rng(6)
    level = drifting_levels(rng, 50, 200)
    y = level + rng.normal(0.0, 0.02, level.shape)
    clean = filter_fleet(daily_record(y, 0.02), parameters(50), DESIGN)
    y[:, 150] += 50.0
    spiked = filter_fleet(daily_record(y, 0.02), parameters(50), DESIGN)
    assert not spiked.changes
    assert np.abs(spiked.state.level - clean.state.level).max() < 0.02


def test_two_jumps_are_two():
    rng = np.random.default_rng(8)
    level = drifting_levels(rng, 20, 400, jump=1.0, jump_day=100)
    level[:, 300:] -= 0.6
    y = level + rng.normal(0.0, 0.03, level.shape)
    found = filter_fleet(daily_record(y, 0.03), parameters(20), DESIGN)
    assert {change.index for change in found.changes} == {100, 300}


def test_what_jumps_every_week_is_given_up_on_not_looped_on():
    rng = np.random.default_rng(9)
    y = rng.choice([-1.0, 1.0], (3, 60)).repeat(10, axis=1) * 5.0 + rng.normal(0.0, 0.01, (3, 600))
    found = filter_fleet(daily_record(y, 0.01), parameters(3), DESIGN)
    assert np.all(np.isfinite(found.state.level))
    assert len(found.changes) <= 75
