"""Shewhart chart for single values (or means): limits, and run rules if asked for.

W. A. Shewhart (1931); ISO 7870-2:2023; Montgomery clauses 5.3 and 6.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steelyard.calibration.engine.control.observations import check_centre, check_positive, check_values
from steelyard.calibration.engine.control.run_rules import LIMIT_RULE, RULES, rule_names, violations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShewhartChart:
    """The values, float64[..., n], their limits, and where each rule by name is broken, bool[..., n].

    `first_signal[...]` is the 1-based position of the first value that breaks any, 0 if none does.
    """

    statistic: NDArray[np.float64]
    upper_limit: float
    lower_limit: float
    broken: Mapping[str, NDArray[np.bool_]]
    first_signal: NDArray[np.int64]


def shewhart(
    values: ArrayLike,
    target: float,
    sigma: float,
    *,
    limit: float = 3.0,
    rules: Sequence[str] = (),
    one_sided: bool = False,
) -> ShewhartChart:
    """Draw a Shewhart chart with limits target -+ limit sigma.

    Args:
        values: float64[..., n] by time along the last axis.
        target: the centre line, in the values' unit.
        sigma: the standard deviation of one plotted value, in the values' unit.
        limit: in sigma.
        rules: names of `run_rules.RULES` and `RULE_SETS` beside the limits.
        one_sided: one value above the upper limit is a signal, one below the lower is none.

    Raises:
        ControlError: values that are not finite, none at all, a sigma that is not positive, an unknown rule.
    """
    x = check_values(values)
    check_centre(target, sigma)
    check_positive("limit", limit)
    upper, lower = target + limit * sigma, target - limit * sigma
    z = (x - target) / sigma
    broken = {LIMIT_RULE: x > upper if one_sided else (x > upper) | (x < lower)}
    broken |= {name: violations(z, RULES[name]) for name in rule_names(rules)}
    any_rule = np.logical_or.reduce(list(broken.values()))
    return ShewhartChart(
        statistic=x,
        upper_limit=upper,
        lower_limit=lower,
        broken=broken,
        first_signal=np.where(any_rule.any(axis=-1), any_rule.argmax(axis=-1) + 1, 0),
    )
