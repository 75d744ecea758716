"""Guard-band factors from the test uncertainty ratio: acceptance limit = factor x tolerance, about its middle.

TUR = tolerance half-width / U, with U for k = 2 (`capability.uncertainty_ratio`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.probability import Floats, require


def _root_sum_square(tur: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(1.0 - 1.0 / tur**2, 0.0)))


def _expanded_uncertainty(tur: Floats) -> Floats:
    return 1.0 - 1.0 / tur


def _iso_14253(tur: Floats) -> Floats:
    return 1.0 - 0.83 / tur


def _rp10(tur: Floats) -> Floats:
    return 1.25 - 1.0 / tur


def _managed_risk(tur: Floats) -> Floats:
    return np.asarray(1.0 - (1.04 - np.exp(0.38 * np.log(tur) - 0.54)) / tur)


_RULES: Final[dict[str, tuple[Callable[[Floats], Floats], str]]] = {
    "simple": (np.ones_like, "JCGM 106:2012, 8.2; ILAC-G8:09/2019, 4.2.1: no guard band"),
    "u": (_expanded_uncertainty, "JCGM 106:2012, 8.3.2; ILAC-G8:09/2019, 4.2.2: w = U, also called 95 % test limits"),
    "iso14253": (_iso_14253, "ISO 14253-1:2017 and ILAC-G8:09/2019, table 1: w = 0.83 U"),
    "rss": (_root_sum_square, "root sum square: sqrt(1 - 1/TUR^2)"),
    "rp10": (_rp10, "NCSL RP-10: 1.25 - 1/TUR"),
    "dobbert": (
        _managed_risk,
        "M. Dobbert, NCSLI 2008 (Z540.3 handbook, method 6): w = (1.04 - exp(0.38 ln TUR - 0.54)) U",
    ),
}

GUARD_BAND_RULES: Final = tuple(_RULES)
"""Names that `guard_band_factor` knows."""


def guard_band_factor(rule: str, uncertainty_ratio: ArrayLike) -> Floats:
    """The factor of a named rule, shape of `uncertainty_ratio`: 1 for no guard band, never more.

    A rule that would accept beyond the tolerance at a high ratio (rp10 above 4, dobbert above about 4.6) is held at 1.
    Raises ConformanceError for an unknown rule, a ratio that is not positive, and where the rule leaves nothing to
    accept.
    """
    if rule not in _RULES:
        raise ConformanceError("guard_band", rule, f"give one of {', '.join(_RULES)}")
    tur = np.asarray(uncertainty_ratio, dtype=np.float64)
    require((tur > 0.0) & np.isfinite(tur), "test_uncertainty_ratio", tur, "must be a positive finite number")
    factor = np.minimum(_RULES[rule][0](tur), 1.0)
    require(factor > 0.0, "test_uncertainty_ratio", tur, f"leaves nothing to accept by the guard band {rule!r}")
    return np.asarray(factor)


def source_of(rule: str) -> str:
    """The document of a named rule."""
    return _RULES[rule][1]
