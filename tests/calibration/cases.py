"""Small instruments, events and estimates for tests of calibration."""

from datetime import UTC, date, datetime

from steelyard.calibration.mpe import Absolute, MaximumPermissibleError
from steelyard.calibration.verification.assessment import ErrorEstimate, Forecast
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.regime import CatalogueReference, Confidence, LegalStatus, Regime

MPE = MaximumPermissibleError(unit="MPa", rule=Absolute(limit=0.008), source="test")
DAY_NS = 86_400 * 10**9
WEEKS = tuple(float(day) for day in range(0, 365, 7))


def ns(year, month, day, hour=12):
    """UTC ns of an hour of a UTC date."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 10**9


def legal(instrument="pt-1", regime=Regime.PERIODIC, months=12, channel="pressure", mpe=MPE, **more):
    return LegalStatus(
        instrument=instrument,
        regime=regime,
        channel=channel,
        mpe=mpe,
        period_months=months,
        catalogue=CatalogueReference(document="JJG 882-2019", confidence=Confidence.MEDIUM),
        **more,
    )


def event(
    completed,
    *points,
    instrument="pt-1",
    decision=Decision.PASSED,
    kind=EventKind.SUBSEQUENT_VERIFICATION,
    name=None,
):
    return VerificationEvent(
        id=name or f"{instrument}-{completed.isoformat()}",
        instrument=instrument,
        kind=kind,
        completed=completed,
        decision=decision,
        performed_by="PIM",
        certificate=f"PIM-{name or instrument}-{completed.isoformat()}",
        points=points,
    )


def point(test_point, as_found, as_left=None, *, unit="MPa", expanded=0.0012):
    return EventPoint(
        test_point=test_point, unit=unit, as_found=as_found, as_left=as_left, expanded_uncertainty=expanded
    )


def estimate(error=0.001, u=0.0003, *, rate=0.0, drifting=False, probabilities=None, **more):
    """An estimate in MPa with an MPE of 0.008 MPa; `probabilities` over the weeks of a year."""
    values = (0.0,) * len(WEEKS) if probabilities is None else tuple(probabilities)
    mean = tuple(error + rate * day / 365.25 for day in WEEKS)
    fields = {
        "channel": "pressure",
        "test_point": 0.8,
        "test_point_unit": "MPa",
        "unit": "MPa",
        "error": error,
        "standard_uncertainty": u,
        "mpe_lower": -0.008,
        "mpe_upper": 0.008,
        "rate_per_year": rate,
        "rate_standard_uncertainty": 0.0005,
        "drift_significant": drifting,
        "probability_out_of_tolerance": values[0],
        "observation_count": 100,
        "last_observation_ns": ns(2026, 11, 20),
        "forecast": Forecast(days=WEEKS, mean=mean, lower=mean, upper=mean, probability=values),
        "in_service": True,
    }
    return ErrorEstimate(**(fields | more))


def ramp(first_day, last_day):
    """A probability that rises from 0 on `first_day` to 1 on `last_day`."""
    return [min(1.0, max(0.0, (day - first_day) / (last_day - first_day))) for day in WEEKS]


TODAY = date(2026, 11, 21)
NOW = ns(2026, 11, 21, 4)
