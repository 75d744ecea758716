"""Error observations from a reference pair: matching, robust daily means, their uncertainty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.tracking.pairs import (
    PairDifferences,
    matching_tolerance,
    pair_differences,
    robust_bucket_means,
)

S = 1_000_000_000
DAY = 86_400 * S


def differences(t, error, reference=None):
    error = np.asarray(error, float)
    reference = np.full(error.size, 10.0) if reference is None else np.asarray(reference, float)
    return PairDifferences(t=np.asarray(t, np.int64), error=error, reference=reference)


def match(t, value, reference_t, reference, *, tolerance=S, relative=False):
    t = np.asarray(t, np.int64)
    return pair_differences(
        t,
        np.asarray(value, float),
        np.asarray(reference_t, np.int64),
        np.asarray(reference, float),
        tolerance_ns=np.full(t.size, tolerance, np.int64),
        relative=relative,
    )


def test_readings_of_one_round_are_subtracted():
    found = match([0, 10 * S, 20 * S], [1.0, 2.0, 3.0], [5_000_000, 10 * S - 7, 20 * S], [0.5, 1.0, 1.5])
    assert found.error.tolist() == [0.5, 1.0, 1.5]
    assert found.t.tolist() == [0, 10 * S, 20 * S]


def test_a_reading_whose_round_has_no_reference_is_left_out():
    found = match([0, 10 * S, 20 * S], [1.0, 2.0, 3.0], [0, 20 * S], [0.0, 0.0])
    assert found.t.tolist() == [0, 20 * S]


def test_without_any_reference_there_is_no_error():
    assert match([0, S], [1.0, 1.0], [], []).t.size == 0
    assert match([], [], [0], [1.0]).t.size == 0


def test_relative_errors_are_percent_of_the_references_magnitude():
    found = match([0, 10 * S, 20 * S], [101.0, -99.0, 5.0], [0, 10 * S, 20 * S], [100.0, -100.0, 0.0], relative=True)
    assert found.error.tolist() == pytest.approx([1.0, 1.0])


def test_the_width_of_a_round_follows_each_days_own_sampling():
    slow = np.arange(4, dtype=np.int64) * (DAY // 4)
    fast = DAY + np.arange(100, dtype=np.int64) * S
    tolerance = matching_tolerance(np.concatenate([slow, fast]), DAY)
    assert np.all(tolerance[:4] == DAY // 16)
    assert np.all(tolerance[4:] == S)


def test_a_single_reading_has_a_second():
    assert matching_tolerance(np.array([5], np.int64), DAY).tolist() == [S]


def test_a_day_becomes_one_robust_mean():
    t = np.arange(24, dtype=np.int64) * 3600 * S
    error = np.random.default_rng(1).normal(0.2, 0.01, 24)
    error[7] = 40.0
    found = robust_bucket_means(differences(t, error), bucket_ns=DAY, resolution=0.0)
    assert found.count.tolist() == [23]
    assert found.error[0] == pytest.approx(0.2, abs=0.01)
    assert found.standard_uncertainty[0] == pytest.approx(0.01 / np.sqrt(23), rel=0.4)
    assert 0 <= found.t[0] < DAY


def test_few_readings_carry_the_uncertainty_of_few():
    # JCGM 101:2008, 6.4.9.4: u = sqrt((n-1)/(n-3)) s / sqrt(n).
    error = [0.0, 0.1, 0.2, 0.3]
    found = robust_bucket_means(differences(np.arange(4) * S, error), bucket_ns=DAY, resolution=0.0)
    assert found.standard_uncertainty[0] == pytest.approx(np.sqrt(3.0) * np.std(error, ddof=1) / 2.0)


def test_rounding_does_not_average_out():
    found = robust_bucket_means(differences(np.arange(10_000) * S, np.zeros(10_000)), bucket_ns=DAY, resolution=0.1)
    assert found.standard_uncertainty[0] == pytest.approx(0.1 / np.sqrt(12.0))


def test_a_day_of_too_few_readings_gives_nothing():
    t = np.array([0, S, DAY, DAY + S, DAY + 2 * S])
    found = robust_bucket_means(differences(t, np.arange(5.0)), bucket_ns=DAY, resolution=0.1)
    assert found.t.size == 1
    assert found.t[0] >= DAY


@pytest.mark.parametrize("bad", [{"minimum_count": 2, "bucket_ns": DAY}, {"minimum_count": 3, "bucket_ns": 0}])
def test_settings_without_sense_are_refused(bad):
    with pytest.raises(ValueError, match="minimum_count"):
        robust_bucket_means(differences([0], [1.0]), resolution=0.1, **bad)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-100, 100)), min_size=1, max_size=60))
def test_each_day_is_what_it_is_alone(rows):
    """Computing all days at once gives what computing each of them by itself gives."""
    rows = sorted(rows)
    t = np.array([day * DAY + i * S for i, (day, _) in enumerate(rows)], np.int64)
    error = np.array([value for _, value in rows])
    together = robust_bucket_means(differences(t, error), bucket_ns=DAY, resolution=0.01)
    alone = [
        robust_bucket_means(differences(t[t // DAY == day], error[t // DAY == day]), bucket_ns=DAY, resolution=0.01)
        for day in np.unique(t // DAY)
    ]
    for name in ("t", "error", "standard_uncertainty", "reference", "count"):
        expected = np.concatenate([getattr(one, name) for one in alone])
        np.testing.assert_allclose(getattr(together, name), expected, rtol=1e-9, atol=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=30), st.floats(0.01, 100))
def test_scaling_the_unit_scales_the_result(values, factor):
    t = np.arange(len(values)) * S
    one = robust_bucket_means(differences(t, values), bucket_ns=DAY, resolution=0.5)
    other = robust_bucket_means(differences(t, np.asarray(values) * factor), bucket_ns=DAY, resolution=0.5 * factor)
    np.testing.assert_allclose(other.error, one.error * factor, rtol=1e-6, atol=1e-9)
