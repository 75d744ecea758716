"""What is assumed about an instrument's error before anything was seen of it.

All numbers are in units of the MPE at verification, so that one table serves every range. They are assumptions chosen
wide enough that a year of data outweighs them, not measured facts; what a fleet's certificates show replaces the table
(`prior_learning`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPrior:
    """Standard deviations of the error model, in MPE.

    `level` of an unknown error (also after an adjustment), `rate` of its rate per year, `wander` of the error's random
    walk per square root of a year, `rate_wander` of the rate's, per year and square root of a year. `noise` is the
    first guess of the scatter of daily reference-pair means; it is estimated as data come.
    """

    level: float
    rate: float
    wander: float
    rate_wander: float
    noise: float


DEFAULT_PRIOR: Final = DriftPrior(level=0.5, rate=0.4, wander=0.15, rate_wander=0.1, noise=0.05)

PRIORS: Final[dict[str, DriftPrior]] = {
    "electricity_meter": DriftPrior(level=0.3, rate=0.15, wander=0.05, rate_wander=0.1, noise=0.05),
    "resistance_thermometer": DriftPrior(level=0.4, rate=0.3, wander=0.1, rate_wander=0.1, noise=0.05),
    "digital_indicating_scale": DriftPrior(level=0.5, rate=0.4, wander=0.15, rate_wander=0.1, noise=0.1),
    "pressure_transmitter": DriftPrior(level=0.4, rate=0.4, wander=0.07, rate_wander=0.15, noise=0.05),
    "pressure_gauge": DriftPrior(level=0.5, rate=0.5, wander=0.2, rate_wander=0.1, noise=0.05),
}


OBSERVED_RATE_FACTOR: Final = 4.0
"""How much wider the prior of the rate is where a reference pair observes it every day.

Weeks of daily data tell the rate by themselves; a narrow prior would only make a fast drift look like a row of steps.
"""


def prior_of(kind: str) -> DriftPrior:
    """The prior of an instrument kind; the default for a kind that the table does not name."""
    return PRIORS.get(kind, DEFAULT_PRIOR)
