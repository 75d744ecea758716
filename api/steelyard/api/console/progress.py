"""In the demonstration: what the pages do not show yet, and why."""

from __future__ import annotations

from steelyard.api.desk import Desk
from steelyard.contracts.clock import ScaledClock

HELD_BACK_S = 3.0
"""Seconds behind its plan from which on the history is said to be slow."""


def progress(desk: Desk) -> tuple[str, ...]:
    """Return sentences on what is still missing; none once everything has arrived and is assessed."""
    clock = desk.clock
    if isinstance(clock, ScaledClock) and not clock.caught_up:
        told = f"The simulated history is still being played back: these pages stand at {desk.today()}."
        follows = "Estimates, due dates and work orders appear once it has reached today."
        if clock.held_back_s > HELD_BACK_S:
            return (told, "This machine is busy, so playback is slower than planned; no reading is skipped.", follows)
        return (told, follows)
    missing = desk.still_missing()
    if not missing.any:
        return ()
    return (
        f"{len(missing.any)} of {missing.instruments} instruments are still being assessed.",
        "Their estimates, due dates and work orders are not complete yet.",
    )
