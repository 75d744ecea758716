"""The pace that several processes keep together while a scaled clock tells them the time.

A clock that runs a million times too fast waits for nobody: on a busy machine polls would be missed that a calm one
keeps, and the history would be another one. So the clock's next step is taken only when everybody who measures is done
with the one before. They say so in a small file, one 64-bit number each, which all of them map into memory.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from steelyard.contracts.errors import SettingsError

_NUMBER_BYTES = 8
_LEFT = 2**63 - 1
"""Later than any instant: waits for nobody."""


class Pace:
    """How far each member is, UTC nanoseconds of the scaled clock.

    Args:
        path: the file that `create` made.
        member: which member this process is, from 0; None if it only looks.
    """

    def __init__(self, path: Path, member: int | None = None) -> None:
        try:
            with path.open("rb" if member is None else "r+b") as file:
                access = mmap.ACCESS_READ if member is None else mmap.ACCESS_WRITE
                # Numbers of the machine's own size and order are written and read whole, never half.
                self._done_ns = memoryview(mmap.mmap(file.fileno(), 0, access=access)).cast("q")
        except (OSError, ValueError, TypeError) as error:
            remedy = f"is no file in which a pace is kept ({error}); who starts the clock has to make it first"
            raise SettingsError("clock.pace", str(path), remedy) from error
        if member is not None and not 0 <= member < len(self._done_ns):
            raise SettingsError("clock.pace_member", member, f"must be 0 to {len(self._done_ns) - 1}")
        self._member = member

    @staticmethod
    def create(path: Path, members: int, done_ns: int) -> None:
        """Make the file; every member is done with `done_ns`, the step before the first."""
        new = path.with_suffix(".new")
        new.write_bytes(memoryview(bytearray(members * _NUMBER_BYTES)))
        with new.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped, memoryview(mapped).cast("q") as numbers:
            for member in range(members):
                numbers[member] = done_ns
        new.replace(path)

    def done_upto_ns(self) -> int:
        """The instant that everybody is done with."""
        return min(self._done_ns)

    def slowest(self) -> list[int]:
        """The members for whom the others wait."""
        upto = self.done_upto_ns()
        return [member for member, done_ns in enumerate(self._done_ns) if done_ns == upto]

    def done(self, t_ns: int) -> None:
        """This member is done with the instant `t_ns`, and with all before it."""
        if self._member is not None:
            self._done_ns[self._member] = max(t_ns, self._done_ns[self._member])

    def leave(self) -> None:
        """Nobody has to wait for this member any more."""
        self.done(_LEFT)
