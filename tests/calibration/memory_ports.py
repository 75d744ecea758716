"""The service's ports in memory: what a store promises, and nothing else. Only for tests of calibration itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.errors import OrderChanged, OrderExists
from steelyard.calibration.ports import Cursor, RecordSize
from steelyard.calibration.verification.assessment import Assessment
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation, ReferencePair
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.work_orders import WorkOrder
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.registry import Channel, Instrument


class PowerCut(Exception):
    """The process dies here."""


class MemoryRegistry:
    def __init__(self) -> None:
        self.instrument_list: list[Instrument] = []
        self.channel_list: list[Channel] = []
        self.legal: dict[InstrumentId, LegalStatus] = {}
        self.pairs: list[ReferencePair] = []
        self.states: list[StateEntry] = []

    def device_states(self) -> Sequence[StateEntry]:
        return sorted(self.states, key=lambda one: (one.instrument, one.since))

    def instruments(self) -> Sequence[Instrument]:
        return list(self.instrument_list)

    def channels(self) -> Sequence[Channel]:
        return list(self.channel_list)

    def legal_statuses(self) -> Sequence[LegalStatus]:
        return list(self.legal.values())

    def reference_pairs(self) -> Sequence[ReferencePair]:
        return list(self.pairs)


class MemoryVerification:
    def __init__(self) -> None:
        self.event_list: list[VerificationEvent] = []
        self.observation_list: list[ErrorObservation] = []
        self.cursor_map: dict[str, Cursor] = {}
        self.assessments: list[Assessment] = []
        self.appends_until_power_cut: int | None = None
        self._keys: set[tuple[object, ...]] = set()

    def record_sizes(self) -> Mapping[InstrumentId, RecordSize]:
        names = {one.instrument for one in self.event_list} | {one.instrument for one in self.observation_list}
        return {
            name: RecordSize(events=len(self.events(name)), observations=len(self.observations(name))) for name in names
        }

    def events(self, instrument: InstrumentId) -> Sequence[VerificationEvent]:
        return sorted((e for e in self.event_list if e.instrument == instrument), key=lambda e: e.completed)

    def observations(self, instrument: InstrumentId) -> Sequence[ErrorObservation]:
        return sorted((o for o in self.observation_list if o.instrument == instrument), key=lambda o: o.t_ns)

    def cursors(self) -> Mapping[str, Cursor]:
        return dict(self.cursor_map)

    def append_observations(self, observations: Sequence[ErrorObservation], cursors: Sequence[Cursor]) -> int:
        if self.appends_until_power_cut is not None:
            if self.appends_until_power_cut == 0:
                raise PowerCut
            self.appends_until_power_cut -= 1
        new = 0
        for one in observations:
            key = (one.instrument, one.channel, one.t_ns, one.source, one.stage, one.test_point)
            if key not in self._keys:
                self._keys.add(key)
                self.observation_list.append(one)
                new += 1
        self.cursor_map.update({cursor.name: cursor for cursor in cursors})
        return new

    def save_assessments(self, assessments: Sequence[Assessment]) -> None:
        self.assessments.extend(assessments)

    def latest_assessments(self) -> Mapping[InstrumentId, Assessment]:
        return {one.instrument: one for one in self.assessments}


class MemoryOrders:
    def __init__(self) -> None:
        self.orders: dict[str, WorkOrder] = {}
        self.audit: list[AuditEntry] = []
        self.power_cut = False

    def open_orders(self) -> Sequence[WorkOrder]:
        return [one for one in self.orders.values() if one.open]

    def orders_of(self, instrument: InstrumentId) -> Sequence[WorkOrder]:
        return [one for one in self.orders.values() if one.instrument == instrument]

    def add_order(self, order: WorkOrder, audit: AuditEntry) -> None:
        if self.power_cut:
            raise PowerCut
        same = [one for one in self.open_orders() if (one.instrument, one.trigger) == (order.instrument, order.trigger)]
        if order.id in self.orders or same:
            raise OrderExists("id", order.id, "it is there already")
        self.orders[order.id] = order
        self.audit.append(audit)

    def update_order(self, order: WorkOrder, audit: AuditEntry) -> None:
        if self.orders[order.id].revision != order.revision - 1:
            raise OrderChanged("revision", order.revision, "read it again")
        self.orders[order.id] = order
        self.audit.append(audit)


@dataclass(frozen=True)
class MemorySeries:
    t: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.int16]


@dataclass(frozen=True)
class MemorySample:
    t: int
    value: float | None
    status: int


class MemoryReadings:
    """`until_ns` hides what lies later: history that has not arrived yet."""

    def __init__(self) -> None:
        self.channels: dict[tuple[str, str], MemorySeries] = {}
        self.until_ns: int | None = None
        self.calls = 0

    def put(
        self, instrument: str, channel: str, t: NDArray[np.int64], value: NDArray[np.float64], status: int = 0
    ) -> None:
        self.channels[instrument, channel] = MemorySeries(t, value, np.full(t.size, status, np.int16))

    def series(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int) -> MemorySeries:
        self.calls += 1
        held = self._arrived(self.channels.get((instrument, channel)))
        keep = (held.t >= start_ns) & (held.t < end_ns)
        return MemorySeries(held.t[keep], held.value[keep], held.status[keep])

    def latest(self, instrument: InstrumentId) -> Mapping[ChannelId, MemorySample]:
        found: dict[ChannelId, MemorySample] = {}
        for (name, channel), series in self.channels.items():
            held = self._arrived(series)
            if name == instrument and held.t.size:
                sample = MemorySample(int(held.t[-1]), float(held.value[-1]), int(held.status[-1]))
                found[ChannelId(channel)] = sample
        return found

    def _arrived(self, series: MemorySeries | None) -> MemorySeries:
        if series is None:
            return MemorySeries(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
        if self.until_ns is None:
            return series
        keep = series.t < self.until_ns
        return MemorySeries(series.t[keep], series.value[keep], series.status[keep])


@dataclass
class MemoryStores:
    """All ports of one installation."""

    registry: MemoryRegistry
    verification: MemoryVerification
    orders: MemoryOrders
    readings: MemoryReadings

    @classmethod
    def empty(cls) -> "MemoryStores":
        return cls(MemoryRegistry(), MemoryVerification(), MemoryOrders(), MemoryReadings())

    def add_events(self, events: Iterable[VerificationEvent]) -> None:
        self.verification.event_list.extend(events)
