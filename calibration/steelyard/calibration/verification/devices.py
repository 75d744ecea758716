"""What the register says of an instrument: a device with a legal life, whatever reads it and wherever it hangs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from steelyard.calibration.catalogue.words import DeviceState, Regime
from steelyard.calibration.errors import LegalDataError
from steelyard.calibration.mpe import MaximumPermissibleError
from steelyard.contracts.devices import Use
from steelyard.contracts.identifiers import InstrumentId
from steelyard.contracts.registry import Instrument

__all__ = ["Device", "DeviceState", "Use", "device_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device as its name plate and its register entry say.

    `kind` is a name of the catalogue; `range_low`, `range_high` and `scale_interval` (e) in `unit`; `parameters` are
    those of the kind's class table and rules (dn, q3, r, qmax, imin, gas …). `state` holds since `state_since` (None:
    not known since when). `seal` is the register's note on the seal. `regime`, `period_months` and `mpe` override what
    the catalogue says.
    """

    id: InstrumentId
    name: str
    kind: str
    accuracy_class: str | None = None
    range_low: float | None = None
    range_high: float | None = None
    unit: str | None = None
    scale_interval: float | None = None
    use: Use = Use.NONE
    region: str | None = None
    owner: str | None = None
    state: DeviceState = DeviceState.IN_USE
    state_since: date | None = None
    put_into_use: date | None = None
    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    batch: str | None = None
    seal: str | None = None
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    regime: Regime | None = None
    period_months: int | None = None
    mpe: MaximumPermissibleError | None = None

    def __post_init__(self) -> None:
        """Refuse a register entry that contradicts itself."""
        if (self.range_low is None) != (self.range_high is None):
            raise LegalDataError("range_high", self.range_high, "give both ends of the range, or none")
        if self.range_low is not None and self.range_high is not None:
            finite = math.isfinite(self.range_low) and math.isfinite(self.range_high)
            if not finite or self.range_low >= self.range_high:
                raise LegalDataError("range_high", self.range_high, f"give a number above {self.range_low!r}")
        if self.scale_interval is not None and not (math.isfinite(self.scale_interval) and self.scale_interval > 0.0):
            raise LegalDataError("scale_interval", self.scale_interval, "give a positive number")
        if self.period_months is not None and not 1 <= self.period_months <= 1200:
            raise LegalDataError("period_months", self.period_months, "give 1 to 1200 calendar months")


def device_of(instrument: Instrument, state: DeviceState = DeviceState.IN_USE) -> Device:
    """Return what the law needs to know of a registered instrument.

    Raises:
        LegalDataError: if its name plate contradicts itself.
    """
    return Device(
        id=instrument.id,
        name=instrument.name,
        kind=instrument.kind,
        accuracy_class=instrument.accuracy_class or None,
        range_low=instrument.range_low,
        range_high=instrument.range_high,
        unit=instrument.unit,
        scale_interval=instrument.scale_interval,
        use=instrument.use or Use.NONE,
        owner=instrument.organization,
        state=state,
        put_into_use=instrument.put_into_use,
        maker=instrument.maker,
        model=instrument.model,
        serial=instrument.serial or None,
        batch=instrument.batch,
        parameters=instrument.parameters or {},
    )
