"""When which fault strikes an instrument."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from steelyard.contracts.identifiers import ChannelId
from steelyard.firmware_sim.channel_models import SEAL
from steelyard.firmware_sim.durations import NS_PER_SECOND, parse_duration
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.scenario import Fault, RegisterFault, ReplyFault, ValueFault

VALUE_FAULTS: frozenset[str] = frozenset(get_args(ValueFault))
REGISTER_FAULTS: frozenset[str] = frozenset(get_args(RegisterFault))
REPLY_FAULTS: frozenset[str] = frozenset(get_args(ReplyFault))


class ActiveFault:
    """A fault with its times worked out."""

    __slots__ = ("_bucket_ns", "_random", "begin_ns", "channel", "code", "delay_s", "kind", "share", "size", "until_ns")

    def __init__(self, fault: Fault, *, start_ns: int, bucket_ns: int, random: RandomStream) -> None:
        self.kind: str = fault.kind
        self.channel: ChannelId | None = fault.channel
        self.size: float = fault.size or 0.0
        self.share = fault.share
        self.code = fault.code
        self.delay_s: float = parse_duration(fault.delay, "fault.delay") / NS_PER_SECOND
        """Seconds of the wall clock: how long a reader waits, not simulated time."""
        self.begin_ns = start_ns + parse_duration(fault.begin, "fault.from")
        self.until_ns: float = math.inf
        if fault.until is not None:
            self.until_ns = start_ns + parse_duration(fault.until, "fault.until")
        self._bucket_ns = bucket_ns
        self._random = random

    def strikes(self, t_ns: int) -> bool:
        """Whether it is on at `t_ns` (from inclusive, until exclusive)."""
        if not self.begin_ns <= t_ns < self.until_ns:
            return False
        return self.share >= 1.0 or self._random.uniform(t_ns // self._bucket_ns) < self.share


class FaultPlan:
    """The faults of one instrument."""

    __slots__ = ("_channel", "_replies", "_seals")

    def __init__(self, faults: Sequence[ActiveFault]) -> None:
        self._seals = tuple(fault.begin_ns for fault in faults if fault.kind == "seal_opened")
        self._replies = tuple(fault for fault in faults if fault.kind in REPLY_FAULTS)
        self._channel = tuple(
            fault for fault in faults if fault.kind in VALUE_FAULTS | REGISTER_FAULTS and fault.kind != "seal_opened"
        )

    def seal_openings(self, t_ns: int) -> int:
        """How often the seal was opened until `t_ns`: a broken seal does not mend, whatever the fault's end."""
        return sum(begin <= t_ns for begin in self._seals)

    def reply(self, t_ns: int) -> ActiveFault | None:
        """The fault that spoils a reply at `t_ns`; of several the first in the scenario."""
        for fault in self._replies:
            if fault.strikes(t_ns):
                return fault
        return None

    def on_channel(self, channel: ChannelId, t_ns: int) -> tuple[ActiveFault, ...]:
        """The value and register faults on `channel` at `t_ns`; the seal counter is hit only if the fault names it."""
        if not self._channel:
            return ()
        return tuple(
            fault
            for fault in self._channel
            if (fault.channel == channel or (fault.channel is None and channel != SEAL)) and fault.strikes(t_ns)
        )
