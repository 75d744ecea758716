"""Validation of the GUM uncertainty framework by Monte Carlo (JCGM 101:2008, 8.1)."""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.calibration.engine.montecarlo.adaptive import numerical_tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Whether the GUM result holds to `digits` significant digits of u(y).

    `tolerance` is the numerical tolerance delta, `d_low` and `d_high` the distances of the intervals' ends, all in the
    output's unit; `valid` if neither exceeds delta.
    """

    digits: int
    tolerance: float
    d_low: float
    d_high: float

    @property
    def valid(self) -> bool:
        """8.1.3: both distances are within the tolerance."""
        return self.d_low <= self.tolerance and self.d_high <= self.tolerance


def validate(
    *,
    standard_uncertainty: float,
    gum_interval: tuple[float, float],
    monte_carlo_interval: tuple[float, float],
    digits: int = 2,
) -> Validation:
    """Compare y -+ U with the Monte Carlo interval: 8.1.3, equations (24) and (25).

    Args:
        standard_uncertainty: u_c(y) of the GUM framework, > 0.
        gum_interval: its interval (low, high) for the coverage probability p.
        monte_carlo_interval: that of Monte Carlo, for the same p. Its own error should be below delta / 5 (8.2): make
            trials enough, or use the adaptive procedure with one digit more.
        digits: how many digits of u(y) are regarded as meaningful, 1 or 2.

    Raises MonteCarloError for a standard uncertainty that is not positive.
    """
    return Validation(
        digits=digits,
        tolerance=numerical_tolerance(standard_uncertainty, digits),
        d_low=abs(gum_interval[0] - monte_carlo_interval[0]),
        d_high=abs(gum_interval[1] - monte_carlo_interval[1]),
    )
