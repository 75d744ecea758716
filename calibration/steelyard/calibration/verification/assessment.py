"""An assessment: what is known about an instrument at one moment, as it is stored and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.contracts.identifiers import ChannelId, InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The error's distribution over the days to come; all tuples have one length.

    `days` after the assessment; `mean`, `lower`, `upper` in the assessment's unit, the last two the 95 % interval;
    `probability` that the error lies outside the MPE in use on that day.
    """

    days: tuple[float, ...]
    mean: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    probability: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A sudden change of the error against the reference.

    `t_ns` is when it probably happened, `detected_ns` the time of the observation that made it certain; `size` and
    `standard_uncertainty` in the assessment's unit.
    """

    t_ns: int
    detected_ns: int
    size: float
    standard_uncertainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What was assumed of the instrument before anything was seen of it, in the estimate's unit.

    Standard deviations: of its `error` when unknown, of its `rate_per_year`, of the `wander` of the error in a year.
    Learned from `certificates` of so many `instruments` of its kind; 0 where they are the table's.
    """

    error: float
    rate_per_year: float
    wander: float
    instruments: int
    certificates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEstimate:
    """The error at one test point.

    `error` +- `standard_uncertainty` and the MPE in use (`mpe_lower` <= 0 <= `mpe_upper`, not both 0) in `unit`: the
    channel's unit, the limits' own, or "%" of the test point. `rate_per_year` +- `rate_standard_uncertainty` in `unit`
    per 365.25 days. `probability_out_of_tolerance` is P(error outside the MPE in use) at the assessment.
    `observation_count` and `last_observation_ns` say what it rests on, `drift_significant` whether the rate differs
    from zero with the required confidence, `in_service` whether it was observed at work since the newest certificate.
    `probability_when_observed` is that same probability at the last observation: what has grown since is uncertainty.
    It and `assumed` are None in assessments from before they were kept.
    """

    channel: ChannelId
    test_point: float
    test_point_unit: str
    unit: str
    error: float
    standard_uncertainty: float
    mpe_lower: float
    mpe_upper: float
    rate_per_year: float
    rate_standard_uncertainty: float
    drift_significant: bool
    probability_out_of_tolerance: float
    observation_count: int
    last_observation_ns: int
    forecast: Forecast
    jump: Jump | None = None
    in_service: bool = False
    assumed: Assumed | None = None
    probability_when_observed: float | None = None

    @property
    def expanded_uncertainty(self) -> float:
        """For a coverage factor of 2."""
        return 2.0 * self.standard_uncertainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is known about an instrument at `at_ns`.

    `estimate` is None, with the cause in `reason`, when no error was ever observed. `statutory_due` is the date that
    the law or the agreed interval sets, `recommended_due` the one that evidence suggests, `due_date` the one that
    holds; each is None where there is none. `reason` is a sentence for people.
    """

    instrument: InstrumentId
    at_ns: int
    status: InstrumentStatus
    reason: str
    statutory_due: date | None
    recommended_due: date | None
    due_date: date | None
    estimate: ErrorEstimate | None = None

    @property
    def probability_out_of_tolerance(self) -> float | None:
        """P(error outside the MPE in use) at the assessment, None when nothing is known."""
        return None if self.estimate is None else self.estimate.probability_out_of_tolerance
