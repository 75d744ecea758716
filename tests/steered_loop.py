"""An event loop whose time the test lets pass.

What a timeout or a deadline does is then a matter of order and not of how fast the machine is: no pause, however long,
makes a timer fire, and none has to be waited for.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from waiting import PATIENCE_S

Result = TypeVar("Result")

TURNS = 10
"""Turns of the loop after which all has run that a timer sets off without waiting for anything outside."""


class SteeredLoop(asyncio.SelectorEventLoop):
    """Timers look at a clock that stands still until `pass_time` or `live` moves it; sockets and threads are real."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        """Seconds since the loop was made, as the test let them pass."""
        return self._now

    def time_ns(self) -> int:
        """The same in nanoseconds: a monotonic clock for what is tested."""
        return round(self._now * 1e9)

    def pass_time(self, seconds: float) -> None:
        """From another thread: let `seconds` pass; returns when what became due has run, or the loop has ended."""
        done = threading.Event()

        async def advance() -> None:
            await self._advance_to(self._now + seconds)
            done.set()

        self.call_soon_threadsafe(lambda: self.create_task(advance()))
        end = time.monotonic() + PATIENCE_S
        while not done.wait(0.05) and not self.is_closed():
            assert time.monotonic() < end, "the loop hangs"

    async def live(self, seconds: float, quiet: Callable[[], bool]) -> None:
        """Within the loop: let `seconds` pass, from timer to timer, each time after all is `quiet` again."""
        end = self._now + seconds
        while self._now < end:
            await self.until(quiet)
            due = min((timer.when() for timer in self._scheduled if not timer.cancelled()), default=end)
            await self._advance_to(min(max(due, self._now), end))
        await self.until(quiet)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Within the loop: wait for sockets and threads, in which no time passes here."""
        pause, end = threading.Event(), time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, "the test hangs"
            await self.run_in_executor(None, pause.wait, 0.001)

    async def _advance_to(self, instant: float) -> None:
        self._now = instant
        for _ in range(TURNS):
            await asyncio.sleep(0)


def run(main: Callable[[SteeredLoop], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main(loop)` in a steered loop until it ends."""
    with asyncio.Runner(loop_factory=SteeredLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SteeredLoop)
        return runner.run(main(loop))
