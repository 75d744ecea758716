"""Rounds by a scaled clock: one for each of its steps, until it has caught up with the wall clock.

A deadline of such a clock is no deadline of the machine's: the next round is due when the clock has gone on, and with a
pace (`contracts.pace`) the clock goes on when the round is done. So a busy machine takes longer, and misses nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from steelyard.contracts.clock import ScaledClock

SHORTEST_LOOK_NS, LONGEST_LOOK_NS = 500_000, 20_000_000
"""Nanoseconds between two looks at whether the clock has gone on: a small part of what a step takes."""
NO_ROOM_S = 0.1
"""Seconds to wait where a round cannot be kept because the spool is full."""


async def tell_history(
    clock: ScaledClock,
    poll_step: Callable[[], Awaitable[bool]],
    stopping: Callable[[], bool],
    monotonic_ns: Callable[[], int],
) -> int:
    """Poll once at each step of `clock` until it has caught up or `stopping()`.

    Args:
        clock: with steps.
        poll_step: polls everything once; False where it could not, to be called again.
        stopping: asked before each step.
        monotonic_ns: for how long a step takes.

    Returns:
        How many steps the clock took that were not polled; with a pace, none.
    """
    missed = 0
    last_ns: int | None = None
    began_ns, look_ns = monotonic_ns(), SHORTEST_LOOK_NS
    while not stopping() and not clock.caught_up:
        t_ns = clock.now_ns()
        if last_ns is not None and t_ns <= last_ns:
            await asyncio.sleep(look_ns / 1e9)
        elif await poll_step():
            # The longer a step of all takes, the more rarely it is looked for: looking takes time from the others.
            ended_ns = monotonic_ns()
            look_ns = min(max((ended_ns - began_ns) // 8, SHORTEST_LOOK_NS), LONGEST_LOOK_NS)
            began_ns = ended_ns
            if last_ns is not None:
                missed += max(0, (t_ns - last_ns) // clock.step_ns - 1)
            clock.done(t_ns)
            last_ns = t_ns
        else:
            await asyncio.sleep(NO_ROOM_S)
    if clock.caught_up:
        clock.leave()
        if last_ns is not None:
            missed += (clock.now_ns() - last_ns) // clock.step_ns
    return missed
