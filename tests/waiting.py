"""Waiting for a state.

A test says what it waits for, never how long that may take: on a busy machine everything takes longer, and is right all
the same. `PATIENCE_S` only ends a test that hangs.
"""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 300.0
"""Seconds after which a test that waits is taken to hang: far beyond anything that a loaded machine needs."""

State = TypeVar("State")


def until(condition: Callable[[], State], what: str, *, pause_s: float = 0.01, say: Callable[[], str] = str) -> State:
    """Wait until `condition()` is true, and return what it gave.

    Args:
        condition: asked again and again.
        what: for the message, should the state never come.
        pause_s: seconds between two questions.
        say: more for that message, asked at the end: a log, say.
    """
    end = time.monotonic() + PATIENCE_S
    while not (state := condition()):
        assert time.monotonic() < end, f"{what}: not after {PATIENCE_S:g} s; the test hangs. {say()}"
        time.sleep(pause_s)
    return state
