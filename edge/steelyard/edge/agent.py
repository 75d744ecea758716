"""The agent: everything a gateway does, put together.

instruments ──▶ rounds ──▶ frames ──▶ spool (its thread) ──▶ sender ──▶ broker
                                        ▲                      │
                                        └────── receipts ──────┘
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steelyard.broker_config.errors import BrokerConfigError
from steelyard.contracts.clock import Clock, ScaledClock, SystemClock, make_clock
from steelyard.contracts.errors import ContractError
from steelyard.contracts.identifiers import InstrumentId
from steelyard.contracts.reading import Quality
from steelyard.edge.errors import SpoolError
from steelyard.edge.frames import FrameMaker
from steelyard.edge.history import tell_history
from steelyard.edge.instrument import PolledInstrument, SharedLine
from steelyard.edge.modbus import ModbusLine
from steelyard.edge.rounds import Rounds
from steelyard.edge.schedule import NS, Schedule, make_schedule, stagger_ns
from steelyard.edge.sender import ForgetOn, Sender
from steelyard.edge.settings import EdgeConfig, load_config
from steelyard.edge.spool import Gap, Spool, SpoolLimits
from steelyard.edge.spooler import Spooler
from steelyard.edge.statistics import PollStatistics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steelyard.contracts.frame import Block
    from steelyard.edge.frames import SignedFrame
    from steelyard.edge.rounds import CompletedRound

logger = logging.getLogger(__name__)

FAREWELL_S = 3.0
"""Seconds that a stopping gateway tries to get what it holds to the broker; the rest waits in the spool."""
TICK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollGroup:
    """The instruments with one period (seconds): they share rounds, and so frames."""

    period_s: float
    schedule: Schedule
    instruments: dict[InstrumentId, PolledInstrument]
    offsets_ns: dict[InstrumentId, int]
    rounds: Rounds


class Agent:
    """A gateway at work. Made within a running event loop.

    Args:
        config: checked, with every file read.
        clock: for time stamps; a scaled one is followed step by step until it has become the wall clock.
        wall: the wall clock, to whose multiples of the period rounds are aligned.
        monotonic_ns: for deadlines; the event loop's own clock in nanoseconds.
        randomness: four random bytes that name the boot.
        forget_on: see `Sender`; for tests.
    """

    def __init__(
        self,
        config: EdgeConfig,
        *,
        clock: Clock,
        wall: Clock,
        monotonic_ns: Callable[[], int],
        randomness: bytes,
        forget_on: ForgetOn = ForgetOn.RECEIPT,
    ) -> None:
        self.statistics = PollStatistics()
        self._config = config
        self._clock = clock
        self._wall = wall
        self._monotonic_ns = monotonic_ns
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._sleepers: set[asyncio.Future[None]] = set()
        self._full: str | None = None
        self._full_from_ns = 0
        self._full_polls = 0
        self._unframed: dict[float, Gap] = {}  # by period
        spool = Spool(
            config.spool_path,
            SpoolLimits(
                max_frames=config.spool.max_frames,
                max_bytes=config.spool.max_bytes,
                min_free_bytes=config.spool.min_free_bytes,
                ballast_bytes=config.spool.ballast_bytes,
            ),
            randomness,
        )
        if not spool.ballast_ready:
            logger.warning("no room on the disk for %d bytes of ballast", config.spool.ballast_bytes)
        self._spooler = Spooler(spool, on_stored=self._on_stored, on_full=self._on_full)
        self._frames = FrameMaker(gateway=config.gateway, boot=spool.boot, key=config.key, clock=clock)
        self._sender = Sender(
            config,
            boots=spool.boots,
            kept={boot.counter: spool.last_seq(boot.counter) for boot in spool.boots},
            spooler=self._spooler,
            clock=clock,
            monotonic_ns=monotonic_ns,
            missed_polls=lambda: self.statistics.missed,
            forget_on=forget_on,
        )
        self._lines: list[SharedLine] = []
        self._instruments = self._make_instruments()
        self._groups: list[PollGroup] = []
        logger.info(
            "gateway %s, boot %s: %d instruments, %d frames in the spool",
            config.gateway,
            spool.boot.id,
            len(config.instruments),
            spool.frames,
        )

    def _make_instruments(self) -> dict[float, dict[InstrumentId, PolledInstrument]]:
        """The instruments by period; those with one address share a line."""
        lines: dict[tuple[str, int], SharedLine] = {}
        by_period: dict[float, dict[InstrumentId, PolledInstrument]] = {}
        for config in self._config.instruments:
            address = (config.host, config.port)
            if address not in lines:
                line = ModbusLine(config.host, config.port, config.timeout_s)
                lines[address] = SharedLine(line, self._monotonic_ns)
            instrument = PolledInstrument(config, lines[address], clock=self._clock, monotonic_ns=self._monotonic_ns)
            by_period.setdefault(config.period_s, {})[config.id] = instrument
        self._lines = list(lines.values())
        return by_period

    def _make_group(self, period_s: float, instruments: dict[InstrumentId, PolledInstrument]) -> PollGroup:
        period_ns = int(period_s * NS)
        step_ns = stagger_ns(
            instruments=len(instruments), period_ns=period_ns, step_ns=int(self._config.poll.stagger_s * NS)
        )
        return PollGroup(
            period_s=period_s,
            schedule=make_schedule(now_ns=self._monotonic_ns(), wall_ns=self._wall.now_ns(), period_ns=period_ns),
            instruments=instruments,
            offsets_ns={instrument: place * step_ns for place, instrument in enumerate(instruments)},
            rounds=Rounds(list(instruments)),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish the round, send what can be sent, and end.

        Raises:
            BrokerConfigError: a file of the broker's settings cannot be used.
            SpoolError: the spool's thread ended: nothing can be kept any more.
        """
        self._spooler.start()
        try:
            self._sender.start()
        except BrokerConfigError:
            self._spooler.stop(FAREWELL_S)
            raise
        # Everything that polls: first what tells the history, if there is one; it adds those that keep the deadlines.
        polls: list[asyncio.Task[None]] = []
        polls.append(asyncio.create_task(self._begin(polls), name="begin"))
        try:
            while not stop.is_set():
                try:
                    await asyncio.wait_for(stop.wait(), TICK_S)
                except TimeoutError:
                    self._tick()
                    for poll in polls:
                        if poll.done():
                            poll.result()  # raises what ended it: that polling stops is nothing to be quiet about
        finally:
            await self._finish(polls)

    async def _begin(self, polls: list[asyncio.Task[None]]) -> None:
        """Follow a scaled clock until it has caught up, then begin to keep the deadlines."""
        if isinstance(self._clock, ScaledClock):
            self.statistics.missed += await tell_history(
                self._clock, self._poll_step, lambda: self._stopping, self._monotonic_ns
            )
        if self._stopping:
            return
        for period_s, instruments in self._instruments.items():
            group = self._make_group(period_s, instruments)
            self._groups.append(group)
            # One beginning for all, or those that begin a round later would seem to have missed it.
            first = group.schedule.latest_due(self._monotonic_ns()) + 1
            polls += [
                asyncio.create_task(self._poll(group, instrument, first), name=f"poll {instrument}")
                for instrument in group.instruments
            ]

    async def _poll_step(self) -> bool:
        """Ask every instrument once and send what came; False while there is no room for it, or nobody to ask."""
        if self._full is not None:
            return False
        rounds = {
            period_s: tuple(await asyncio.gather(*(self._ask(each, insist=True) for each in instruments.values())))
            for period_s, instruments in self._instruments.items()
        }
        if any(_nobody_there(block) for blocks in rounds.values() for block in blocks):
            return False  # the clock waits, and the step is asked again
        for period_s, blocks in rounds.items():
            self._send(period_s, blocks)
        return True

    async def _ask(self, instrument: PolledInstrument, *, insist: bool = False) -> Block:
        try:
            return await instrument.poll(insist=insist)
        except Exception:
            # One instrument's trouble, of whatever kind, must not end the reading of the others.
            logger.exception("instrument %s: poll failed", instrument.id)
            return instrument.missing(Quality.MALFORMED_REPLY, self._clock.now_ns())

    def _tick(self) -> None:
        if not self._spooler.alive:
            raise SpoolError(f"{self._config.spool_path}: the spool's thread ended; see the log above")
        self._sender.tick()

    async def _finish(self, polls: list[asyncio.Task[None]]) -> None:
        self._stopping = True
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        await asyncio.gather(*polls)
        for group in self._groups:
            for completed in group.rounds.flush():
                self._complete(group, completed)
        for period_s in self._instruments:
            self._end_loss(period_s)
        for line in self._lines:
            line.line.close()
        self._end_gap()
        await self._farewell()
        await self._sender.stop()
        if not await asyncio.to_thread(self._spooler.stop, 30.0):
            logger.error("the spool did not close within 30 s")

    async def _farewell(self) -> None:
        """Give the frames that are on their way a moment to reach the broker and their receipts a moment to come."""
        end_ns = self._monotonic_ns() + int(FAREWELL_S * NS)
        while self._monotonic_ns() < end_ns:
            await asyncio.sleep(0.05)
            if self._sender.idle or not self._sender.connected:
                return
            self._sender.tick()  # what went to a broker that had forgotten its subscribers goes again

    async def _poll(self, group: PollGroup, instrument_id: InstrumentId, number: int) -> None:
        """Keep one instrument's deadlines from round `number` until the end."""
        instrument = group.instruments[instrument_id]
        offset_ns = group.offsets_ns[instrument_id]
        schedule = group.schedule
        while True:
            due_ns = schedule.deadline_ns(number, offset_ns)
            await self._sleep_until(due_ns)
            if self._stopping:
                return
            if self._full is None:
                self.statistics.started(instrument_id, due_ns, self._monotonic_ns())
                block = await self._ask(instrument)
                for completed in group.rounds.report(instrument_id, number, block):
                    self._complete(group, completed)
            else:
                self._full_polls += 1
            following = schedule.following(number, self._monotonic_ns(), offset_ns)
            if following.missed:
                self.statistics.missed += following.missed
            number = following.round

    async def _sleep_until(self, due_ns: int) -> None:
        if self._stopping or due_ns <= self._monotonic_ns():
            await asyncio.sleep(0)
            return
        sleeper = self._loop.create_future()
        self._sleepers.add(sleeper)
        handle = self._loop.call_at(due_ns / NS, _wake, sleeper)
        try:
            await sleeper
        finally:
            handle.cancel()
            self._sleepers.discard(sleeper)

    def _complete(self, group: PollGroup, completed: CompletedRound) -> None:
        """Send a round, with a block for everybody who missed it."""
        missing = [self._missed_block(group, completed.number, instrument) for instrument in completed.missed]
        self._send(group.period_s, (*completed.blocks, *missing))

    def _send(self, period_s: float, blocks: tuple[Block, ...]) -> None:
        """Make the frame of a round and hand it to the spool."""
        try:
            frames = self._frames.make(blocks)
        except ContractError as error:
            self._lose_round(period_s, str(error), len(blocks))
            return
        self._end_loss(period_s)
        self.statistics.frames += len(frames)
        self._spooler.append(frames)

    def _lose_round(self, period_s: float, cause: str, polls: int) -> None:
        """A round that gives no frame (the clock stands in 1970, say) is gone: say so, once, and count."""
        now_ns = self._clock.now_ns()
        gap = self._unframed.get(period_s)
        if gap is None:
            logger.error("rounds are lost, they give no frame: %s", cause)
            self._sender.say(f"rounds are lost: {cause}")
            gap = Gap(cause=cause, from_ns=now_ns, to_ns=now_ns, polls=0)
        self._unframed[period_s] = replace(gap, to_ns=now_ns, polls=gap.polls + polls)

    def _end_loss(self, period_s: float) -> None:
        gap = self._unframed.pop(period_s, None)
        if gap is not None:
            self._spooler.record(gap)
            logger.warning("rounds give frames again; %d polls are lost", gap.polls)
            self._sender.say(f"{gap.polls} polls are lost: {gap.cause}")

    def _missed_block(self, group: PollGroup, number: int, instrument: InstrumentId) -> Block:
        ago_ns = self._monotonic_ns() - group.schedule.deadline_ns(number, group.offsets_ns[instrument])
        return group.instruments[instrument].missing(Quality.NO_REPLY, self._clock.now_ns() - ago_ns)

    # In the spool's thread.

    def _on_stored(self, frames: list[SignedFrame]) -> None:
        self._loop.call_soon_threadsafe(self._sender.stored, frames)

    def _on_full(self, cause: str | None) -> None:
        if cause is None:
            self._loop.call_soon_threadsafe(self._end_gap)
        else:
            self._loop.call_soon_threadsafe(self._begin_gap, cause)

    # In the event loop again.

    def _begin_gap(self, cause: str) -> None:
        self._full = cause
        self._full_from_ns = self._clock.now_ns()
        self._full_polls = 0
        logger.error("measuring stops: %s", cause)
        self._sender.say(f"measuring stopped: {cause}")

    def _end_gap(self) -> None:
        if self._full is None:
            return
        gap = Gap(cause=self._full, from_ns=self._full_from_ns, to_ns=self._clock.now_ns(), polls=self._full_polls)
        self._full = None
        self._spooler.record(gap)
        logger.warning("measuring goes on; %d polls were left out", gap.polls)
        self._sender.say(f"{gap.polls} polls were left out: {gap.cause}")


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def run_edge(config_path: Path, stop: threading.Event, *, forget_on: ForgetOn = ForgetOn.RECEIPT) -> PollStatistics:
    """Run the gateway that `config_path` describes until `stop` is set.

    Args:
        config_path: the configuration file.
        stop: set it (from a signal handler, say) to end in good order.
        forget_on: for tests, see `Sender`.

    Returns:
        What was polled and missed.

    Raises:
        ContractError, BrokerConfigError: a setting is not right; names the file, the key and the remedy.
        SpoolError: the spool cannot be opened, or its thread ended.
    """
    return asyncio.run(_run(load_config(config_path), stop, forget_on))


async def _run(config: EdgeConfig, stop: threading.Event, forget_on: ForgetOn) -> PollStatistics:
    wall = SystemClock()
    agent = Agent(
        config,
        clock=make_clock(config.clock, wall),
        wall=wall,
        monotonic_ns=time.monotonic_ns,
        randomness=os.urandom(4),
        forget_on=forget_on,
    )
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def watch() -> None:
        stop.wait()
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)

    # A daemon: when the agent fails, nobody sets `stop`, and nobody may wait for it.
    threading.Thread(target=watch, name="stop", daemon=True).start()
    gc.freeze()  # what is made so far stays for years: no need to look through it again
    await agent.run(ended)
    return agent.statistics


def _nobody_there(block: Block) -> bool:
    """Whether a poll found no connection: somebody who comes back just afterwards has not been asked."""
    return any(Quality.NOT_CONNECTED in statuses for statuses in block.status)
