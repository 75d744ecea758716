"""Consensus of laboratories that state their uncertainties: weighted means, with and without a random effect.

M. G. Cox, Metrologia 39 (2002) 589-595 (procedure A); R. DerSimonian and N. Laird, Controlled Clinical Trials 7 (1986)
177-188; R. C. Paule and J. Mandel, J. Res. NBS 87 (1982) 377-385; R. N. Kacker, Metrologia 41 (2004) 132-136; R.
DerSimonian and R. Kacker, Contemporary Clinical Trials 28 (2007) 105-114; R. T. Birge, Phys. Rev. 40 (1932) 207-227.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.results import check_results, check_significance, check_uncertainties

SIGNIFICANCE = 0.05
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Consensus:
    """A consensus `value` with its standard uncertainty, 1 / sqrt(sum of weights) unless the method says otherwise.

    `chi_square` is Cochran's Q, sum (x - weighted mean)^2 / u^2 with the stated uncertainties alone, whatever the
    method; `p_value` the chance of more than that with `degrees_of_freedom`; `consistent` that it is not below the
    significance level. `birge_ratio` = sqrt(Q / (n - 1)); `heterogeneity` I^2 = max(0, 1 - (n - 1) / Q).
    `knapp_hartung_standard_uncertainty` lets the scatter about the consensus speak as well (J. Hartung and G. Knapp,
    Statistics in Medicine 20 (2001) 3875-3889). `weights` float64[n], sum 1.
    """

    value: float
    standard_uncertainty: float
    between_laboratory_standard_deviation: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float
    consistent: bool
    birge_ratio: float
    heterogeneity: float
    knapp_hartung_standard_uncertainty: float
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Results:
    """Results about their median, in units of their largest distance or uncertainty: `x`, variances `v`."""

    x: NDArray[np.float64]
    v: NDArray[np.float64]

    def moment(self, weights: NDArray[np.float64]) -> float:
        """The between-laboratory variance by the generalized method of moments, not below zero.

        (Q_w - (sum w v - sum w^2 v / sum w)) / (sum w - sum w^2 / sum w) (DerSimonian and Kacker 2007, eq. 6).
        """
        total = float(weights.sum())
        mean = float(weights @ self.x) / total
        q = float(weights @ (self.x - mean) ** 2)
        expected = float(weights @ self.v) - float(weights**2 @ self.v) / total
        return max(0.0, (q - expected) / (total - float(weights @ weights) / total))

    def generalized_chi_square(self, variance: float) -> tuple[float, float]:
        """The sum of (x - mean)^2 / (v + variance) about its weighted mean, and its derivative."""
        weights = 1.0 / (self.v + variance)
        mean = float(weights @ self.x) / float(weights.sum())
        squares = (self.x - mean) ** 2
        return float(weights @ squares), -float(weights**2 @ squares)

    def solve(self, wanted: float) -> float:
        """The variance at which the generalized chi-square is as wanted, 0 if it is not above that at 0.

        The function falls and is convex, so that Newton's steps from 0 rise to the root and never pass it
        (DerSimonian and Kacker 2007, clause 2.3).
        """
        variance = 0.0
        for _ in range(_MOST_STEPS):
            q, slope = self.generalized_chi_square(variance)
            if q <= wanted:
                return variance
            step = (wanted - q) / slope
            if step <= 1e-15 * variance:
                return variance
            variance += step
        return variance


def _none(_: _Results) -> float:
    return 0.0


def _dersimonian_laird(results: _Results) -> float:
    return results.moment(1.0 / results.v)


def _cochran(results: _Results) -> float:
    return results.moment(np.ones_like(results.v))


def _two_step_dersimonian_laird(results: _Results) -> float:
    return results.moment(1.0 / (results.v + _dersimonian_laird(results)))


def _two_step_cochran(results: _Results) -> float:
    return results.moment(1.0 / (results.v + _cochran(results)))


def _paule_mandel(results: _Results) -> float:
    return results.solve(len(results.x) - 1.0)


def _modified_mandel_paule(results: _Results) -> float:
    return results.solve(float(len(results.x)))


METHODS: Mapping[str, Callable[[_Results], float]] = MappingProxyType(
    {
        "weighted-mean": _none,
        "dersimonian-laird": _dersimonian_laird,
        "paule-mandel": _paule_mandel,
        "mandel-paule": _paule_mandel,
        "modified-mandel-paule": _modified_mandel_paule,
        "cochran": _cochran,
        "two-step-dersimonian-laird": _two_step_dersimonian_laird,
        "two-step-cochran": _two_step_cochran,
    }
)
"""name -> between-laboratory variance. Mandel-Paule is another name of Paule-Mandel; modified: its sum is n instead of
n - 1, which brings it near maximum likelihood (A. L. Rukhin, B. J. Biggerstaff, M. G. Vangel, J. Stat. Plan. Inference
83 (2000) 319-330); Cochran: the plain analysis of variance of the results (W. G. Cochran, Biometrics 10 (1954)
101-129), also Hedges'; two-step: its or DerSimonian-Laird's variance in the weights of a second moment estimate."""


def consensus(
    values: ArrayLike,
    standard_uncertainties: ArrayLike,
    method: str = "weighted-mean",
    *,
    significance: float = SIGNIFICANCE,
) -> Consensus:
    """The consensus of laboratories by a method.

    The value is sum w x / sum w with w = 1 / (u^2 + s_B^2); the method gives the between-laboratory variance s_B^2.

    Args:
        values: float64[n], two results or more.
        standard_uncertainties: float64[n], positive.
        method: a name of `METHODS`.
        significance: of the test of consistency (Cox 2002, 5: 0.05).

    Raises:
        ComparisonError: an unknown method, one laboratory alone, values that are not finite, u that are not positive.
    """
    x = check_results(values)
    u = check_uncertainties(standard_uncertainties, len(x))
    check_significance(significance)
    if method not in METHODS:
        raise ComparisonError("method", method, f"there are {', '.join(METHODS)}")
    centre = float(np.median(x))
    unit = max(float(np.abs(x - centre).max()), float(u.max()))
    scaled = _Results(x=(x - centre) / unit, v=(u / unit) ** 2)
    between = METHODS[method](scaled)
    q, _ = scaled.generalized_chi_square(0.0)
    n = len(x)
    weights = 1.0 / (scaled.v + between)
    total = float(weights.sum())
    mean = float(weights @ scaled.x) / total
    p_value = float(chdtrc(n - 1, q))
    scatter = float(weights @ (scaled.x - mean) ** 2) / (n - 1)
    return Consensus(
        value=centre + unit * mean,
        standard_uncertainty=unit / math.sqrt(total),
        between_laboratory_standard_deviation=unit * math.sqrt(between),
        chi_square=q,
        degrees_of_freedom=n - 1,
        p_value=p_value,
        consistent=p_value >= significance,
        birge_ratio=math.sqrt(q / (n - 1)),
        heterogeneity=max(0.0, 1.0 - (n - 1) / q) if q > 0.0 else 0.0,
        knapp_hartung_standard_uncertainty=unit * math.sqrt(scatter / total),
        weights=weights / total,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equivalence:
    """Degrees of equivalence, float64[n]: `deviation` x - value with its standard uncertainty."""

    deviation: NDArray[np.float64]
    standard_uncertainty: NDArray[np.float64]


def degrees_of_equivalence(
    values: ArrayLike, standard_uncertainties: ArrayLike, value: float, standard_uncertainty: float, member: ArrayLike
) -> Equivalence:
    """Degrees of equivalence with a weighted mean (Cox 2002, clause 5, eq. 5 and 6).

    u^2(d) = u^2(x) - u^2(value) for a laboratory whose result is in the mean (`member`, bool[n]): it is correlated with
    it; + for one that is not.

    Raises:
        ComparisonError: values that are not finite, u that are not positive.
    """
    x = check_results(values, least=1)
    u = check_uncertainties(standard_uncertainties, len(x))
    sign = np.where(np.asarray(member, dtype=np.bool_), -1.0, 1.0)
    variance = np.maximum(u * u + sign * standard_uncertainty**2, 0.0)
    return Equivalence(deviation=x - value, standard_uncertainty=np.sqrt(variance))
