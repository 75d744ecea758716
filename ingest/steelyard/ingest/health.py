"""How each gateway does, as its frames and statuses say. One thread writes, another takes the rows to the records."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from steelyard.storage.records.health import GatewayHealth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steelyard.contracts.frame import Frame
    from steelyard.contracts.identifiers import BootId, GatewayId
    from steelyard.contracts.status import GatewayStatus

ONLINE = "online"


@dataclass(slots=True, kw_only=True)
class _State:
    boot: BootId
    state: str = ONLINE
    contiguous_upto: int = 0
    last_frame_ns: int | None = None
    frames: int = 0
    readings: int = 0
    missed_polls: int = 0
    spooled_frames: int = 0
    clock_state: str = "unknown"
    clock_error_ms: float | None = None


@dataclass(slots=True)
class HealthBook:
    """The newest state of each gateway, and which have changed since they were last taken."""

    _states: dict[GatewayId, _State] = field(default_factory=dict)
    _changed: set[GatewayId] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def resume(self, rows: Iterable[GatewayHealth]) -> None:
        """Go on counting where the records stand; a gateway that was heard meanwhile keeps what it said."""
        with self._lock:
            for row in rows:
                here = self._states.get(row.gateway)
                if here is not None:
                    here.frames += row.received_frames
                    here.readings += row.received_readings
                    continue
                self._states[row.gateway] = _State(
                    boot=row.boot,
                    state=row.state,
                    contiguous_upto=row.contiguous_upto,
                    last_frame_ns=row.last_frame_ns,
                    frames=row.received_frames,
                    readings=row.received_readings,
                    missed_polls=row.missed_polls,
                    spooled_frames=row.spooled_frames,
                    clock_state=row.clock_state,
                    clock_error_ms=row.clock_error_ms,
                )

    def stored(self, frames: Sequence[Frame], now_ns: int) -> None:
        """`frames` are new in the ledger at `now_ns`."""
        with self._lock:
            for frame in frames:
                state = self._of(frame.gateway, frame.boot)
                state.frames += 1
                state.readings += frame.readings
                state.last_frame_ns = now_ns
                state.clock_state, state.clock_error_ms = frame.clock.state, frame.clock.error_ms
                if frame.boot > state.boot:
                    # A later run (boot ids begin with a counter) whose birth has not come yet.
                    state.boot, state.state, state.contiguous_upto = frame.boot, ONLINE, 0

    def reported(self, status: GatewayStatus) -> None:
        """A gateway, or its last will, has spoken. A will of an earlier run may arrive after a later run's birth."""
        with self._lock:
            state = self._of(status.gateway, status.boot)
            if status.boot != state.boot:
                if status.state != ONLINE:
                    return
                # Not "later than": a gateway that got a new disk counts its boots from one again.
                state.boot, state.contiguous_upto = status.boot, 0
            state.state = status.state
            if status.state == ONLINE:
                # A will was written before the fact: its counts are of the beginning.
                state.missed_polls, state.spooled_frames = status.missed_polls, status.spooled_frames

    def receipted(self, gateway: GatewayId, boot: BootId, contiguous_upto: int) -> None:
        """A receipt says how far this boot has arrived."""
        with self._lock:
            state = self._of(gateway, boot)
            if state.boot == boot:
                state.contiguous_upto = contiguous_upto

    def take(self, registered: Iterable[GatewayId], now_ns: int) -> list[GatewayHealth]:
        """Return the rows that have changed, of `registered` gateways only; they count as written."""
        with self._lock:
            changed = sorted(self._changed.intersection(registered))
            self._changed.difference_update(changed)
            return [_row(gateway, self._states[gateway], now_ns) for gateway in changed]

    def give_back(self, rows: Iterable[GatewayHealth]) -> None:
        """These could not be written: take them again next time."""
        with self._lock:
            self._changed.update(row.gateway for row in rows)

    def rows(self, now_ns: int) -> list[GatewayHealth]:
        """Every gateway's row, changed or not."""
        with self._lock:
            return [_row(gateway, state, now_ns) for gateway, state in sorted(self._states.items())]

    def _of(self, gateway: GatewayId, boot: BootId) -> _State:
        self._changed.add(gateway)
        state = self._states.get(gateway)
        if state is None:
            state = self._states[gateway] = _State(boot=boot)
        return state


def _row(gateway: GatewayId, state: _State, now_ns: int) -> GatewayHealth:
    return GatewayHealth(
        gateway=gateway,
        boot=state.boot,
        state=state.state,
        contiguous_upto=state.contiguous_upto,
        last_frame_ns=state.last_frame_ns,
        received_frames=state.frames,
        received_readings=state.readings,
        missed_polls=state.missed_polls,
        spooled_frames=state.spooled_frames,
        clock_state=state.clock_state,
        clock_error_ms=state.clock_error_ms,
        updated_ns=now_ns,
    )
