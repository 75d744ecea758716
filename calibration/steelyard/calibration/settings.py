"""The `[calibration]` table of a server's configuration."""

from __future__ import annotations

import msgspec

from steelyard.calibration.errors import CalibrationSettingsError
from steelyard.contracts.toml import convert

_RANGES: dict[str, tuple[float, float]] = {
    "period_s": (0.1, 86_400.0),
    "lead_days": (1, 365),
    "drift_lead_days": (1, 365),
    "horizon_days": (1, 3650),
    "reliability_target": (0.5, 0.9999),
    "drift_significance": (1.0, 10.0),
    "false_jump_years": (1.0, 10_000.0),
    "jump_fraction": (0.0, 10.0),
    "rejection_probability": (0.5, 0.9999),
    "urgent_days": (0, 365),
    "utc_offset_minutes": (-840, 840),
    "minimum_readings": (3, 100_000),
    "minimum_load": (0.0, 0.9),
    "backlog_days": (1, 36_500),
}


class CalibrationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Policy of the calibration service; every default is what a careful institute would choose."""

    period_s: float = 5.0
    """How often the service looks for new readings, events and dates, in seconds of the wall clock."""
    lead_days: int = 30
    """How many days before the statutory or agreed date a `due` order is raised."""
    drift_lead_days: int = 90
    """How many days before its error becomes too likely to be too large a drifting instrument gets its order."""
    horizon_days: int = 365
    """How many days a forecast reaches."""
    reliability_target: float = 0.90
    """P(|error| <= MPE in use) below which an instrument should be verified (JJF 1139-2005; ILAC-G24)."""
    drift_significance: float = 3.0
    """Rate over its standard uncertainty from which a drift counts as evidence (3: 0.3 % by chance)."""
    false_jump_years: float = 100.0
    """Years of daily observations of one instrument between two false alarms of the jump detector."""
    jump_fraction: float = 1 / 3
    """Smallest jump that matters, as a part of the MPE in use; 1/3 is what a verification must be able to tell."""
    rejection_probability: float = 0.95
    """P(|error| > MPE in use) from which in-service evidence counts as a failed check (JCGM 106, guarded rejection)."""
    urgent_days: int = 7
    """Days given to react to a jump, a broken seal, a failed check."""
    utc_offset_minutes: int = 480
    """Legal time minus UTC; dates are legal dates. China Standard Time."""
    minimum_readings: int = 3
    """Readings that a day must have to make an observation of a reference pair."""
    minimum_load: float = 0.05
    """Part of the measuring range below which relative errors are not looked at."""
    backlog_days: int = 1100
    """How far back the service looks for readings of a pair that it has not seen yet."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise CalibrationSettingsError(name, value, f"give {low} to {high}")

    @property
    def out_of_tolerance_limit(self) -> float:
        """P(|error| > MPE in use) that must not be exceeded."""
        return 1.0 - self.reliability_target


def parse_calibration_settings(table: object, source: str = "[calibration]") -> CalibrationSettings:
    """Settings from a parsed TOML table.

    Raises steelyard.contracts.errors.SettingsError naming `source`, the key, its value and the nearest known key.
    """
    return convert(table, CalibrationSettings, source)
