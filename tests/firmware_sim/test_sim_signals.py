"""Processes and error curves over time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.firmware_sim.durations import SECONDS_PER_YEAR
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.scenario import ErrorTerm, Jump, Smooth, Steps
from steelyard.firmware_sim.signals import ErrorCurve, ErrorIntegral, MemoSignal, StepSignal, smooth_signal

DAY = 86_400.0
RANDOM = RandomStream(1, "test")


def test_smooth_signal_swings_around_its_level_by_its_amplitudes() -> None:
    signal = smooth_signal(Smooth(level=10.0, daily=1.0, weekly=2.0, yearly=3.0, wander=4.0), RANDOM)
    values = [signal.value(hour * 3_600.0) for hour in range(0, 24 * 3 * 365, 5)]
    assert sum(values) / len(values) == pytest.approx(10.0, abs=0.2)
    assert 4.0 < max(values) - 10.0 <= 10.0
    assert 4.0 < 10.0 - min(values) <= 10.0


def test_daily_wave_repeats_after_a_day() -> None:
    signal = smooth_signal(Smooth(level=1.0, daily=0.5), RANDOM)
    assert signal.value(5_000.0) == pytest.approx(signal.value(5_000.0 + 7 * DAY))
    assert abs(signal.value(5_000.0) - signal.value(5_000.0 + DAY / 2)) > 1e-3


def test_trend_is_added_per_day() -> None:
    signal = smooth_signal(Smooth(level=1.0, trend_per_day=0.25), RANDOM)
    assert signal.value(8 * DAY) == pytest.approx(3.0)


@given(st.floats(0.0, 1e8))
def test_wander_never_exceeds_its_bound(t: float) -> None:
    signal = smooth_signal(Smooth(level=0.0, wander=0.3, wander_period="10d"), RANDOM)
    assert abs(signal.value(t)) <= 0.3 + 1e-12


def test_wander_is_slow_compared_with_its_period() -> None:
    signal = smooth_signal(Smooth(level=0.0, wander=1.0, wander_period="10d"), RANDOM)
    assert signal.steepest <= 2 * math.pi / (5 * DAY)


def test_step_signal_holds_its_value_and_is_sometimes_idle() -> None:
    signal = StepSignal(Steps(low=100.0, high=200.0, hold="10min", idle=0.3), RANDOM)
    assert signal.value(600.0) == signal.value(1_199.9)
    values = [signal.value(600.0 * index) for index in range(2_000)]
    assert sum(value == 0.0 for value in values) / 2_000 == pytest.approx(0.3, abs=0.04)
    loads = [value for value in values if value]
    assert min(loads) >= 100.0
    assert max(loads) <= 200.0


def test_memo_gives_the_signal_at_each_instant_asked() -> None:
    signal = smooth_signal(Smooth(level=1.0, daily=0.5), RANDOM)
    memo = MemoSignal(signal)
    for t in (0.0, 1.0, 1.0, 0.0, 7.0):
        assert memo.value(t) == signal.value(t)


def test_error_is_offset_until_the_drift_begins() -> None:
    curve = ErrorCurve(ErrorTerm(offset=0.5, drift_per_year=2.0, drift_from="100d"), RANDOM)
    assert curve.value(-1e7) == 0.5
    assert curve.value(100 * DAY) == pytest.approx(0.5)
    assert curve.value(100 * DAY + SECONDS_PER_YEAR) == pytest.approx(2.5)


def test_jump_happens_at_its_instant_and_lasts() -> None:
    curve = ErrorCurve(ErrorTerm(offset=0.1, jumps=(Jump(at="3d", size=1.0), Jump(at="5d", size=-0.4))), RANDOM)
    assert curve.value(3 * DAY - 1e-3) == pytest.approx(0.1)
    assert curve.value(3 * DAY) == pytest.approx(1.1)
    assert curve.value(900 * DAY) == pytest.approx(0.7)


def test_jumps_of_one_instant_add_up() -> None:
    curve = ErrorCurve(ErrorTerm(jumps=(Jump(at="3d", size=1.0), Jump(at="3d", size=2.0))), RANDOM)
    assert curve.value(3 * DAY) == pytest.approx(3.0)


ZERO = ErrorTerm(offset=5.0, drift_per_year=-9.0, drift_from="2d", wander=3.0, wander_period="4d")
SPAN = ErrorTerm(
    offset=0.002, drift_per_year=0.03, wander=0.001, wander_period="3d", jumps=(Jump(at="5d", size=0.015),)
)


@pytest.mark.parametrize("end_days", [-4.0, 1.0, 2.0, 4.9, 5.0, 12.0])
def test_registered_error_is_the_integral_of_the_error_in_power(end_days: float) -> None:
    power = smooth_signal(Smooth(level=30_000.0, daily=4_000.0, weekly=900.0, wander=500.0), RANDOM)
    zero, span = ErrorCurve(ZERO, RANDOM), ErrorCurve(SPAN, RandomStream(1, "span"))
    integral = ErrorIntegral(zero, span, power)

    def rate(t: float) -> float:
        return zero.value(t) + span.value(t) * power.value(t)

    # Midpoint rule, minute by minute: an independent way to the same number.
    steps = round(abs(end_days) * 1_440)
    h = end_days * DAY / max(steps, 1)
    numeric = h * sum(rate((index + 0.5) * h) for index in range(steps))
    assert integral.value(end_days * DAY) == pytest.approx(numeric, rel=1e-6, abs=1.0)


def test_registered_error_is_zero_at_the_start_and_has_no_step() -> None:
    power = smooth_signal(Smooth(level=30_000.0, daily=4_000.0), RANDOM)
    integral = ErrorIntegral(ErrorCurve(ZERO, RANDOM), ErrorCurve(SPAN, RANDOM), power)
    assert integral.value(0.0) == pytest.approx(0.0, abs=1e-3)
    for edge in (2 * DAY, 5 * DAY):
        assert integral.value(edge) == pytest.approx(integral.value(edge - 1e-3), abs=2.0)
