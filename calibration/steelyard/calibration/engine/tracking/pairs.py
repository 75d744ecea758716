"""Error observations from a reference pair: two channels that measure one quantity at the same time.

The difference indication - reference at equal time is free of the process. One robust mean a day makes an observation:
its standard uncertainty is that of the random part alone. The reference's own uncertainty is the same every day; it is
a state of the filter and does not average out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDifferences:
    """Matched readings: `t` int64[n] ns of the instrument's reading, `error` and `reference` float64[n]."""

    t: Integers
    error: Floats
    reference: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketMeans:
    """Robust means of buckets, each array of one length, by rising time.

    `t` int64 ns, the mean time of the readings kept; `error`, `standard_uncertainty` (type A), `reference` their means;
    `count` how many readings each rests on.
    """

    t: Integers
    error: Floats
    standard_uncertainty: Floats
    reference: Floats
    count: Integers


def matching_tolerance(t: Integers, bucket_ns: int) -> Integers:
    """How far from each reading of `t` a reading of the same poll round may lie, int64[n] ns.

    A quarter of the median interval of the reading's bucket, at least 1 s. Nearest readings of one gateway lie
    milliseconds apart; the width matters only for pairs across gateways and for clocks that run fast in a simulation.
    """
    if t.size < 2:
        return np.full(t.size, 1_000_000_000, np.int64)
    bucket = t // bucket_ns
    label, start = np.unique(bucket, return_index=True)
    interval = np.diff(t, prepend=t[0] - (t[1] - t[0])).astype(np.float64)
    median = _medians(interval, np.searchsorted(label, bucket), start)
    quarter = (median / 4.0).astype(np.int64)[np.searchsorted(label, bucket)]
    return np.maximum(quarter, 1_000_000_000)


def pair_differences(
    t: Integers,
    value: Floats,
    reference_t: Integers,
    reference_value: Floats,
    *,
    tolerance_ns: Integers,
    relative: bool,
) -> PairDifferences:
    """Match each reading to the nearest one of the reference and take the difference.

    `t`, `reference_t` int64 ns strictly rising; values float64 of the same lengths, finite. Readings without a
    reference within `tolerance_ns` (int64, one for each of `t`) are left out. `relative`: errors in % of the magnitude
    of the reference; readings at reference zero are left out.
    """
    if t.size == 0 or reference_t.size == 0:
        return PairDifferences(t=np.empty(0, np.int64), error=np.empty(0), reference=np.empty(0))
    right = np.clip(np.searchsorted(reference_t, t), 0, reference_t.size - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(reference_t[left] - t) <= np.abs(reference_t[right] - t), left, right)
    keep = np.abs(reference_t[nearest] - t) <= tolerance_ns
    if relative:
        keep &= reference_value[nearest] != 0.0
    reference = reference_value[nearest[keep]]
    error = value[keep] - reference
    if relative:
        error = 100.0 * error / np.abs(reference)
    return PairDifferences(t=t[keep], error=error, reference=reference)


def robust_bucket_means(
    differences: PairDifferences, *, bucket_ns: int, resolution: float | Floats, minimum_count: int = 3
) -> BucketMeans:
    """One robust mean per bucket of time (buckets start at multiples of `bucket_ns` since 1970).

    Readings further than 3.5 normal-consistent MADs from the bucket's median are left out (GUM 4.2 speaks of repeated
    observations; a spike is none). Type A: s/sqrt(n) with the factor sqrt((n-1)/(n-3)) for few readings (JCGM 101:2008,
    6.4.9.4), not below resolution/sqrt(12) (GUM F.2.2.1), because rounding need not average out. `resolution` is in the
    errors' unit, one for all readings or one for each, of which a bucket takes the median. Buckets of fewer than
    `minimum_count` >= 3 readings give nothing: they have no usable scatter.
    """
    if minimum_count < 3 or bucket_ns <= 0:
        raise ValueError(f"minimum_count={minimum_count}, bucket_ns={bucket_ns}: give at least 3 and a positive length")
    bucket = differences.t // bucket_ns
    label, start = np.unique(bucket, return_index=True)
    row = np.searchsorted(label, bucket)
    error = differences.error
    rounding = _medians(np.broadcast_to(resolution, error.shape) / np.sqrt(12.0), row, start)
    middle = _medians(error, row, start)
    scale = 1.4826 * _medians(np.abs(error - middle[row]), row, start)
    kept = np.abs(error - middle[row]) <= 3.5 * np.maximum(scale, rounding)[row]
    row, error, reference, t = row[kept], error[kept], differences.reference[kept], differences.t[kept]
    size = label.size
    count = np.bincount(row, minlength=size)
    usable = count >= minimum_count
    n = np.maximum(count, 1)
    mean = np.bincount(row, error, minlength=size) / n
    squares = np.bincount(row, (error - mean[row]) ** 2, minlength=size)
    sd = np.sqrt(squares / np.maximum(n - 1, 1))
    few = np.sqrt((n - 1) / np.maximum(n - 3, 1))
    type_a = np.maximum(sd / np.sqrt(n) * np.where(n > 3, few, np.sqrt(2.0)), rounding)
    inside = np.bincount(row, (t - label[row] * bucket_ns).astype(np.float64), minlength=size) / n
    return BucketMeans(
        t=(label * bucket_ns + inside.astype(np.int64))[usable],
        error=mean[usable],
        standard_uncertainty=type_a[usable],
        reference=(np.bincount(row, reference, minlength=size) / n)[usable],
        count=count[usable].astype(np.int64),
    )


def _medians(value: Floats, row: Integers, start: Integers) -> Floats:
    """The median of each group; `row` is the rising group number, `start` the first index of each group."""
    ordered = value[np.lexsort((value, row))]
    length = np.diff(np.append(start, value.size))
    return np.asarray(0.5 * (ordered[start + (length - 1) // 2] + ordered[start + length // 2]), dtype=np.float64)
