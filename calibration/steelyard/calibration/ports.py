"""What the calibration service needs of the outside world. Storage implements these; tests keep them in memory.

All times are UTC nanoseconds since 1970. A method that cannot reach its store raises; it never answers "nothing".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.verification.assessment import Assessment
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation, ReferencePair
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.work_orders import WorkOrder
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.registry import Channel, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far the service has read one thing: "pair/INSTRUMENT/CHANNEL" or "seal/INSTRUMENT".

    Everything before `position_ns` is done. `value` is what was last seen there, where that matters (a seal counter).
    """

    name: str
    position_ns: int
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSize:
    """How many events and error observations an instrument has on record; both only ever grow."""

    events: int
    observations: int


class RegistryPort(Protocol):
    """What is registered."""

    def instruments(self) -> Sequence[Instrument]:
        """All instruments."""
        ...

    def channels(self) -> Sequence[Channel]:
        """All channels of all instruments."""
        ...

    def legal_statuses(self) -> Sequence[LegalStatus]:
        """The legal data of all instruments that have any; one per instrument."""
        ...

    def device_states(self) -> Sequence[StateEntry]:
        """The states of all devices by device and day, those of one day in the order of their entry."""
        ...

    def reference_pairs(self) -> Sequence[ReferencePair]:
        """All reference pairs; unique by (instrument, channel, reference_instrument, reference_channel)."""
        ...


class VerificationPort(Protocol):
    """Events, error observations and assessments."""

    def record_sizes(self) -> Mapping[InstrumentId, RecordSize]:
        """Record sizes of all instruments that have an event or an observation: tells what changed, in one query."""
        ...

    def events(self, instrument: InstrumentId) -> Sequence[VerificationEvent]:
        """The instrument's events, by completion date, then by order of entry."""
        ...

    def observations(self, instrument: InstrumentId) -> Sequence[ErrorObservation]:
        """The instrument's error observations, by time, then by order of entry."""
        ...

    def cursors(self) -> Mapping[str, Cursor]:
        """All cursors by name."""
        ...

    def append_observations(self, observations: Sequence[ErrorObservation], cursors: Sequence[Cursor]) -> int:
        """Store observations and set cursors in ONE transaction; returns how many observations were new.

        An observation whose (instrument, channel, t_ns, source, stage, test_point) is stored already is left as it is.
        """
        ...

    def save_assessments(self, assessments: Sequence[Assessment]) -> None:
        """Append assessments in one transaction."""
        ...

    def latest_assessments(self) -> Mapping[InstrumentId, Assessment]:
        """The newest assessment of each instrument that has one."""
        ...


class WorkOrderPort(Protocol):
    """Work orders. Every change is stored together with its audit entry, in one transaction."""

    def open_orders(self) -> Sequence[WorkOrder]:
        """All orders that have not ended."""
        ...

    def orders_of(self, instrument: InstrumentId) -> Sequence[WorkOrder]:
        """All orders of an instrument, ended ones too, oldest first."""
        ...

    def add_order(self, order: WorkOrder, audit: AuditEntry) -> None:
        """Store a new order. Raises OrderExists if its id is taken or an open one of (instrument, trigger) exists."""
        ...

    def update_order(self, order: WorkOrder, audit: AuditEntry) -> None:
        """Replace the order whose stored revision is `order.revision` - 1; raises OrderChanged if it is another."""
        ...


class ReadingSeries(Protocol):
    """One channel over time: `t` int64[n] ns rising, `value` float64[n] (nan where missing), `status` int16[n]."""

    @property
    def t(self) -> NDArray[np.int64]:
        """Times, UTC ns."""
        ...

    @property
    def value(self) -> NDArray[np.float64]:
        """Values in the channel's unit, nan where missing."""
        ...

    @property
    def status(self) -> NDArray[np.int16]:
        """Quality of each value, 0 good."""
        ...


class LatestReading(Protocol):
    """The newest reading of a channel."""

    @property
    def t(self) -> int:
        """Time, UTC ns."""
        ...

    @property
    def value(self) -> float | None:
        """Value in the channel's unit; None or nan where missing."""
        ...

    @property
    def status(self) -> int:
        """Its quality, 0 good."""
        ...


class ReadingsSource(Protocol):
    """The readings store, as far as calibration reads it."""

    def series(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int) -> ReadingSeries:
        """The readings of start <= t < end."""
        ...

    def latest(self, instrument: InstrumentId) -> Mapping[ChannelId, LatestReading]:
        """The newest reading of each channel of the instrument."""
        ...
