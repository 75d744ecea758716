"""Coverage regions of complex outputs (JCGM 102:2011, 6.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.budget.evaluation import BudgetResult


@dataclass(frozen=True, slots=True, kw_only=True)
class EllipticalRegion:
    """The ellipse in which a complex output lies with the coverage probability, for a bivariate normal.

    `centre` (real, imaginary part) and `semi_axes` (major, minor) in the output's unit; `angle` of the major axis with
    the real one in radians, between -pi/2 and pi/2; `coverage_factor` k_p by which the covariance's own ellipse is
    blown up.
    """

    name: str
    centre: tuple[float, float]
    semi_axes: tuple[float, float]
    angle: float
    coverage_factor: float


def elliptical_coverage_factor(coverage_probability: float) -> float:
    """k_p of a bivariate normal: k_p^2 is the p-quantile of chi-square with two degrees of freedom, -2 ln(1 - p).

    6.5.2.2, table 1: 2.45 for 95 %. Finite degrees of freedom are not taken into account (6.5.2.3 leaves them open).
    """
    return math.sqrt(-2.0 * math.log1p(-coverage_probability))


def complex_regions(result: BudgetResult) -> tuple[EllipticalRegion, ...]:
    """The region of each complex output of a budget that has an uncertainty: of each pair NAME.re and NAME.im."""
    names = [each.name for each in result.outputs]
    k = elliptical_coverage_factor(result.coverage_probability)
    found = []
    for index, name in enumerate(names):
        partner = f"{name.removesuffix('.re')}.im"
        if not name.endswith(".re") or partner not in names:
            continue
        pair = (index, names.index(partner))
        covariance = result.covariance[np.ix_(pair, pair)]
        if not np.all(np.isfinite(covariance)):
            continue
        variances, vectors = np.linalg.eigh(covariance)
        minor, major = np.sqrt(np.maximum(variances, 0.0)) * k
        x, y = vectors[:, 1]
        angle = math.atan(y / x) if x != 0.0 else math.copysign(math.pi / 2.0, y)
        found.append(
            EllipticalRegion(
                name=name.removesuffix(".re"),
                centre=(result.outputs[pair[0]].value, result.outputs[pair[1]].value),
                semi_axes=(float(major), float(minor)),
                angle=angle,
                coverage_factor=k,
            )
        )
    return tuple(found)
