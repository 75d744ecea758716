"""Deviations of a series by name, over averaging times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from steelyard.calibration.engine.stability import allan, interval_error, theo1, totals
from steelyard.calibration.engine.stability.allan import Variance
from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.sampling import Sampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """A deviation: what it is called, and how its square comes from the readings and the averaging factor.

    `stride` is the averaging time over factor times interval; `needs` says which factors have terms.
    """

    title: str
    variance: Callable[[Sampled, int], Variance]
    stride: float = 1.0
    needs: str = "needs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A `deviation` at averaging time `tau` = `factor` / rate (`theo1`: 0.75 of it), in seconds, from `n` terms."""

    factor: int
    tau: float
    deviation: float
    n: int


def _of_wander(function: Callable[[allan.Phase, int, float], Variance]) -> Callable[[Sampled, int], Variance]:
    return lambda series, m: function(series.wander, m, series.interval)


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "adev": Statistic(title="Allan deviation", variance=_of_wander(allan.allan)),
        "oadev": Statistic(title="overlapping Allan deviation", variance=_of_wander(allan.overlapping_allan)),
        "mdev": Statistic(title="modified Allan deviation", variance=_of_wander(allan.modified_allan)),
        "tdev": Statistic(title="time deviation", variance=_of_wander(allan.time_variance)),
        "hdev": Statistic(title="Hadamard deviation", variance=_of_wander(allan.hadamard)),
        "ohdev": Statistic(title="overlapping Hadamard deviation", variance=_of_wander(allan.overlapping_hadamard)),
        "totdev": Statistic(title="total deviation", variance=_of_wander(totals.total)),
        "mtotdev": Statistic(title="modified total deviation", variance=_of_wander(totals.modified_total)),
        "ttotdev": Statistic(title="time total deviation", variance=_of_wander(totals.time_total)),
        "htotdev": Statistic(title="Hadamard total deviation", variance=_of_wander(totals.hadamard_total)),
        "theo1": Statistic(
            title="Thêo1 deviation",
            variance=_of_wander(theo1.theo1),
            stride=theo1.STRIDE,
            needs="takes even factors from 10 and needs",
        ),
        "sdev": Statistic(title="standard deviation of the rate", variance=_of_wander(allan.sample_variance)),
        "mtie": Statistic(
            title="maximum time interval error",
            variance=lambda series, m: interval_error.maximum_interval_error(series.phase, m),
        ),
        "tierms": Statistic(
            title="time interval error, rms",
            variance=lambda series, m: interval_error.mean_square_interval_error(series.phase, m),
        ),
    }
)


def deviations(series: Sampled, statistic: str, factors: Sequence[int] | None = None) -> tuple[Deviation, ...]:
    """A statistic at averaging factors.

    Args:
        series: the readings.
        statistic: a name of `STATISTICS`.
        factors: whole numbers from 1; None for 1, 2, 4, … as far as there are terms.

    Raises:
        StabilityError: an unknown name, a factor for which the series is too short.
    """
    if statistic not in STATISTICS:
        raise StabilityError("statistic", statistic, f"there are {', '.join(STATISTICS)}")
    if factors is None:
        found = [_deviation(series, statistic, m) for m in octaves(series.count)]
        return tuple(each for each in found if each.n)
    result = []
    for m in factors:
        if m < 1 or m != int(m):
            raise StabilityError("factors", m, "must be whole numbers from 1")
        each = _deviation(series, statistic, int(m))
        if not each.n:
            needs = f"{statistic} {STATISTICS[statistic].needs} a longer series than {series.count} phase values"
            raise StabilityError("factors", m, needs)
        result.append(each)
    return tuple(result)


def octaves(count: int) -> list[int]:
    """1, 2, 4, … below the number of phase values."""
    return [1 << power for power in range(max(count - 1, 0).bit_length())]


def _deviation(series: Sampled, statistic: str, m: int) -> Deviation:
    chosen = STATISTICS[statistic]
    found = chosen.variance(series, m)
    return Deviation(factor=m, tau=chosen.stride * m * series.interval, deviation=math.sqrt(found.variance), n=found.n)
