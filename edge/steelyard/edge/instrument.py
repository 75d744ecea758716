"""One instrument: asked once a round, answering with a block, whatever happens."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from steelyard.contracts.frame import Block
from steelyard.contracts.reading import Quality
from steelyard.edge.backoff import Backoff
from steelyard.edge.decoder import RequestDecoder
from steelyard.edge.errors import DeviceException, NotConnected, ReadError
from steelyard.edge.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.contracts.clock import Clock
    from steelyard.edge.modbus import ModbusLine
    from steelyard.edge.planner import ReadRequest
    from steelyard.edge.settings import InstrumentConfig

logger = logging.getLogger(__name__)

STEADY_POLLS = 3
"""Good polls in a row after which an instrument answers again: one that flutters gives one line, not hundreds."""

_GOOD = int(Quality.GOOD)
_CLOCK_UNSYNCED = int(Quality.CLOCK_UNSYNCED)


class SharedLine:
    """A line with the instruments on it asked in turn, and left alone for a while when it cannot be opened."""

    def __init__(self, line: ModbusLine, monotonic_ns: Callable[[], int]) -> None:
        self.line = line
        self.turn = asyncio.Lock()
        self._backoff = Backoff()
        self._monotonic_ns = monotonic_ns

    async def read(self, unit: int, request: ReadRequest, *, insist: bool = False) -> bytes:
        """As `ModbusLine.read`, opening the line before if it is not open; to be called with `turn` held."""
        if not self.line.is_open:
            if not insist and not self._backoff.may_try(self._monotonic_ns()):
                raise NotConnected(f"no connection to {self.line.host}:{self.line.port}")
            try:
                await self.line.open()
            except NotConnected:
                self._backoff.failed(self._monotonic_ns())
                raise
            self._backoff.succeeded()
        return await self.line.read(unit, request)


class PolledInstrument:
    """Reads one instrument.

    Args:
        config: what to read and where.
        line: the connection, perhaps shared.
        clock: for the time stamps.
        monotonic_ns: for durations.
    """

    def __init__(
        self, config: InstrumentConfig, line: SharedLine, *, clock: Clock, monotonic_ns: Callable[[], int]
    ) -> None:
        self.id = config.id
        self._unit = config.unit
        self._line = line
        self._clock = clock
        self._monotonic_ns = monotonic_ns
        self._backoff = Backoff()
        requests = plan(config.channels, config.profile.limits)
        self._requests = tuple((request, RequestDecoder(request, config.profile)) for request in requests)
        self._channels = tuple(channel.id for request in requests for channel in request.channels)
        self._trouble: ReadError | None = None
        self._trouble_since_ns = 0
        self._steady = 0

    async def poll(self, *, insist: bool = False) -> Block:
        """Ask for every channel once and return what came, with a cause for each value that did not.

        `insist`: also in a pause after failures. Pauses are seconds; by a scaled clock they would be months.

        After a reply that did not come or was not right, the round's further requests are not sent: their channels have
        the same cause, and the round ends in time. An exception response concerns its own request alone.
        """
        if not insist and not self._backoff.may_try(self._monotonic_ns()) and self._trouble is not None:
            return self.missing(self._trouble.quality, self._clock.now_ns())
        async with self._line.turn:
            return await self._read(insist=insist)

    async def _read(self, *, insist: bool) -> Block:
        values: list[float | None] = []
        statuses: list[int] = []
        trouble: ReadError | None = None
        sent_ns, start_ns = self._clock.now_ns(), self._monotonic_ns()
        received_ns, end_ns = sent_ns, start_ns
        for request, decoder in self._requests:
            if trouble is None or isinstance(trouble, DeviceException):
                try:
                    registers = await self._line.read(self._unit, request, insist=insist)
                except ReadError as error:
                    trouble = error
                else:
                    received_ns, end_ns = self._clock.now_ns(), self._monotonic_ns()
                    decoded, quality = decoder.decode(registers)
                    values += decoded
                    statuses += quality
                    continue
            values += [None] * len(request.channels)
            statuses += [int(trouble.quality)] * len(request.channels)
        self._note(trouble, self._monotonic_ns())
        # The middle between the first request and the last reply; without a reply, the time of asking.
        middle_ns = (sent_ns + received_ns) // 2
        if self._clock.status.state != "simulated":
            # Not the mean of both: where the clock was stepped in between, that is a time which it never showed.
            middle_ns = received_ns - (end_ns - start_ns) // 2
        return self._block(values, statuses, middle_ns, (end_ns - start_ns) // 1000)

    def missing(self, quality: Quality, t_ns: int) -> Block:
        """The block of a poll that was not made: every channel without value, for the cause `quality`, at `t_ns`."""
        count = len(self._channels)
        return self._block([None] * count, [int(quality)] * count, t_ns, 0)

    def _block(self, values: list[float | None], statuses: list[int], t_ns: int, span_us: int) -> Block:
        if self._clock.status.state == "unsynced":
            statuses = [_CLOCK_UNSYNCED if status == _GOOD else status for status in statuses]
        return Block(
            instrument=self.id,
            channels=self._channels,
            t=(t_ns,),
            span_us=(span_us,),
            values=tuple([(value,) for value in values]),
            status=tuple([(status,) for status in statuses]),
        )

    def _note(self, trouble: ReadError | None, now_ns: int) -> None:
        """Pause or not, and one line for each change."""
        if trouble is None:
            self._backoff.succeeded()
            self._note_good(now_ns)
            return
        if isinstance(trouble, DeviceException):
            self._backoff.succeeded()
        else:
            self._backoff.failed(now_ns)
        if self._trouble is None:
            self._trouble_since_ns = now_ns
        if self._trouble is None or type(self._trouble) is not type(trouble):
            logger.warning("instrument %s: %s; its values are missing until it answers", self.id, trouble)
        self._trouble = trouble
        self._steady = 0

    def _note_good(self, now_ns: int) -> None:
        if self._trouble is None:
            return
        self._steady += 1
        if self._steady >= STEADY_POLLS:
            logger.info("instrument %s: answers again after %.1f s", self.id, (now_ns - self._trouble_since_ns) / 1e9)
            self._trouble = None
