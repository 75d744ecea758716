"""Method A3, the staircase and Weibull intervals against published numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from steelyard.calibration.engine.intervals.binomial import Counts, rejection_confidence, reliability_limits
from steelyard.calibration.engine.intervals.errors import IntervalError
from steelyard.calibration.engine.intervals.method_a3 import interval_test
from steelyard.calibration.engine.intervals.reliability_models import weibull_interval
from steelyard.calibration.engine.intervals.staircase import (
    Finding,
    StaircaseRule,
    decrease_for_target,
    finding_of,
    staircase,
)

# In tolerance, calibrations, target, confidence of the bounds; rejection confidence, interval in days (365 before),
# reliability bounds, all as printed: NCSLI 2019 tutorial on calibration intervals (asset 1); suncal's test suite.
PUBLISHED = [
    pytest.param(15, 20, 0.95, 0.5, 0.9949, 231, 0.6516, 0.8286, id="NCSLI 2019, asset 1"),
    pytest.param(14, 20, 0.95, 0.5, 0.9993, 205, 0.6000, 0.7843, id="NCSLI 2019, asset 2"),
    pytest.param(16, 20, 0.95, 0.5, 0.9682, 523 / 2, 0.7041, 0.8716, id="NCSLI 2019, asset 3, after 730 days"),
    pytest.param(42, 50, 0.9, 0.3, 0.7557, 329, 0.8067, 0.8664, id="suncal, made up"),
]


@pytest.mark.parametrize(("passed", "n", "target", "confidence", "rejection", "interval", "low", "high"), PUBLISHED)
def test_published_interval_tests(passed, n, target, confidence, rejection, interval, low, high):
    found = interval_test(Counts.of(passed, n), 365.0, target, confidence=confidence)
    assert float(found.rejection_confidence) == pytest.approx(rejection, abs=5e-5)
    assert float(found.interval) == pytest.approx(interval, abs=0.5)
    assert float(found.reliability_low) == pytest.approx(low, abs=5e-5)
    assert float(found.reliability_high) == pytest.approx(high, abs=5e-5)
    assert float(found.observed_reliability) == passed / n
    assert bool(found.rejected)


def test_too_good_a_record_lengthens_the_interval():
    # 198 of 200 at a target of 0.9. suncal 1.7.1 leaves 365 days with rejection confidence 0.
    found = interval_test(Counts.of(198, 200), 365.0, 0.9)
    assert float(found.rejection_confidence) == pytest.approx(1.0 - 2.0 * binom.sf(197, 200, 0.9), rel=1e-9)
    assert float(found.interval) == 730.0
    # 93 of 100: R above the target by 0.03, which 10^(0.03 / (1 - Q)) enlarges the more the surer it is.
    found = interval_test(Counts.of(93, 100), 365.0, 0.9)
    sure = 1.0 - 2.0 * binom.sf(92, 100, 0.9)
    assert 0.5 < sure < 0.7
    assert float(found.interval) == pytest.approx(365.0 * 10.0 ** (0.03 / (1.0 - sure)), rel=1e-9)


def test_one_pass_of_twenty_is_a_low_reliability():
    # suncal 1.7.1 prints (0.966, 1) for an observed reliability of 0.05.
    found = interval_test(Counts.of(1, 20), 365.0, 0.9)
    assert float(found.reliability_low) < 0.05 < float(found.reliability_high) < 0.15
    assert float(found.interval) == 182.5


def test_nothing_and_everything_in_tolerance():
    found = interval_test(Counts.of([0, 20], 20), 365.0, 0.95)
    assert found.rejection_confidence.tolist() == [pytest.approx(1.0 - 0.05**20), pytest.approx(1.0 - 0.95**20)]
    # suncal 1.7.1: 503 days after twenty passes.
    assert found.interval.tolist() == [182.5, pytest.approx(365.0 * 10.0 ** (0.05 / 0.95**20))]
    assert float(found.interval[1]) == pytest.approx(503.0, abs=0.5)
    assert found.reliability_low.tolist() == [0.0, pytest.approx(0.25 ** (1 / 20))]
    assert found.reliability_high.tolist() == [pytest.approx(1.0 - 0.25 ** (1 / 20)), 1.0]


@pytest.mark.parametrize(("passed", "n", "target"), [(3, 3, 0.95), (2, 3, 0.8), (19, 20, 0.95), (46, 50, 0.9)])
def test_an_interval_that_is_not_rejected_stays_as_it_is(passed, n, target):
    found = interval_test(Counts.of(passed, n), 365.0, target)
    assert float(found.rejection_confidence) < 0.5
    assert not bool(found.rejected)
    assert float(found.interval) == 365.0


def test_one_calibration_gives_no_interval():
    found = interval_test(Counts.of([1, 19], [1, 20]), 365.0, 0.95)
    assert found.sufficient.tolist() == [False, True]
    assert math.isnan(found.interval[0])


counted = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counted, st.floats(0.01, 0.99))
def test_the_limits_are_those_of_clopper_and_pearson(counts, confidence):
    low, high = reliability_limits(Counts.of(*counts), confidence)
    other = binomtest(*counts).proportion_ci(confidence, method="exact")
    assert float(low) == pytest.approx(other.low, abs=1e-9)
    assert float(high) == pytest.approx(other.high, abs=1e-9)


@given(counted, st.floats(0.02, 0.98))
def test_the_rejection_confidence_is_where_the_limits_meet_the_target(counts, target):
    q = float(rejection_confidence(Counts.of(*counts), target))
    assert 0.0 <= q <= 1.0
    if 0.01 < q < 0.999 and 0 < counts[0] < counts[1]:
        low, high = reliability_limits(Counts.of(*counts), q)
        assert min(abs(float(low) - target), abs(float(high) - target)) < 1e-6


@given(counted, st.floats(0.05, 0.95), st.floats(1.0, 5.0), st.floats(0.01, 1e4))
def test_intervals_scale_with_their_unit_and_stay_within_the_change_factor(counts, target, factor, unit):
    one = interval_test(Counts.of(*counts), 1.0, target, max_change_factor=factor)
    other = interval_test(Counts.of(*counts), unit, target, max_change_factor=factor)
    if bool(one.sufficient):
        assert float(other.interval) == pytest.approx(unit * float(one.interval), rel=1e-12)
        assert 1.0 / factor - 1e-12 <= float(one.interval) <= factor + 1e-12


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: Counts.of(5, 0), "calibrations"),
        (lambda: Counts.of(5, 4), "in_tolerance"),
        (lambda: Counts.of(1.5, 4), "in_tolerance"),
        (lambda: Counts.of(-1, 4), "in_tolerance"),
        (lambda: Counts.of(math.nan, 4), "in_tolerance"),
        (lambda: interval_test(Counts.of(3, 4), 0.0, 0.9), "current_interval"),
        (lambda: interval_test(Counts.of(3, 4), [1.0, math.nan], 0.9), "current_interval"),
        (lambda: interval_test(Counts.of(3, 4), 1.0, 1.0), "target"),
        (lambda: interval_test(Counts.of(3, 4), 1.0, 0.9, confidence=0.0), "confidence"),
        (lambda: interval_test(Counts.of(3, 4), 1.0, 0.9, max_change_factor=0.5), "max_change_factor"),
        (lambda: weibull_interval(0.0, 1.0, 0.9), "scale"),
        (lambda: weibull_interval(1.0, -1.0, 0.9), "shape"),
        (lambda: weibull_interval(1.0, 1.0, 1.5), "target"),
        (lambda: decrease_for_target(0.1, 1.0), "target"),
        (lambda: StaircaseRule(increase=0.0, decrease=0.5), "increase"),
        (lambda: StaircaseRule(increase=0.1, decrease=1.0), "decrease"),
        (lambda: StaircaseRule(increase=0.1, decrease=0.5, shortest=2.0, longest=1.0), "longest"),
        (lambda: finding_of(math.nan, -1.0, 1.0), "errors"),
        (lambda: finding_of(0.0, 0.5, 1.0), "lower"),
        (lambda: finding_of(0.0, -1.0, 1.0, comfortable=0.0), "comfortable"),
        (lambda: staircase(-1.0, [Finding.INSIDE], StaircaseRule(increase=0.1, decrease=0.5)), "current_interval"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, field):
    with pytest.raises(IntervalError) as caught:
        call()
    assert caught.value.field == field


def test_a_weibull_interval_is_where_its_reliability_meets_the_target():
    t = weibull_interval(1000.0, 1.5, 0.9)
    assert math.exp(-((t / 1000.0) ** 1.5)) == pytest.approx(0.9, rel=1e-14)
    assert weibull_interval(8.0, 1.0, 0.75) == pytest.approx(-8.0 * math.log(0.75))


def test_the_staircase_goes_up_stays_and_comes_down():
    findings = [finding_of(each, -1.0, 1.0) for each in (0.1, -0.8, 0.9, 1.2)]
    assert findings == [Finding.WELL_INSIDE, Finding.WELL_INSIDE, Finding.INSIDE, Finding.OUTSIDE]
    found = staircase(100.0, findings, StaircaseRule(increase=0.1, decrease=0.5))
    assert found.steps == pytest.approx((110.0, 121.0, 121.0, 60.5))
    assert found.interval == pytest.approx(60.5)
    bounded = staircase(100.0, findings, StaircaseRule(increase=0.1, decrease=0.5, shortest=80.0, longest=115.0))
    assert bounded.steps == pytest.approx((110.0, 115.0, 115.0, 80.0))
    assert staircase(100.0, [], StaircaseRule(increase=0.1, decrease=0.5)).reason is not None


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95])
def test_the_staircase_stands_still_in_the_long_run_at_its_target(target):
    decrease = decrease_for_target(0.1, target)
    assert target * math.log(1.1) + (1.0 - target) * math.log(1.0 - decrease) == pytest.approx(0.0, abs=1e-12)


def test_a_staircase_finds_the_interval_of_its_target():
    # Reliability exp(-t / 1000): the target 0.9 is met at 105; the steps hover about it.
    generator = np.random.default_rng(7)
    rule = StaircaseRule(increase=0.02, decrease=decrease_for_target(0.02, 0.9))
    interval, logs = 300.0, []
    for _ in range(20_000):
        passed = generator.random() < math.exp(-interval / 1000.0)
        interval = staircase(interval, [Finding.WELL_INSIDE if passed else Finding.OUTSIDE], rule).interval
        logs.append(math.log(interval))
    assert math.exp(np.mean(logs[2000:])) == pytest.approx(105.4, rel=0.1)
