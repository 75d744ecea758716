"""What the demonstration says while it works: lines for people, or JSON for programs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


class Telling:
    """Writes to standard output.

    A progress line that is written over where a person looks, and nothing of it in JSON.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._terminal = sys.stdout.isatty()
        self._open_line = 0

    def say(self, text: str) -> None:
        """A line for people; programs do not see it."""
        if self._as_json:
            return
        self._close()
        print(text, flush=True)

    def progress(self, *, share: float, at_ns: int, readings: int) -> None:
        """How much of the history has been told; written over the line before on a terminal."""
        if self._as_json:
            return
        done = int(share * 30)
        line = (
            f"  history [{'#' * done}{'.' * (30 - done)}] {share:4.0%}"
            f"  {datetime.fromtimestamp(at_ns / 1e9, UTC):%Y-%m-%d}  {readings:,} readings in the ledger"
        )
        if self._terminal:
            print("\r" + line.ljust(self._open_line), end="", flush=True)
            self._open_line = len(line)
        else:
            print(line, flush=True)

    def object(self, **fields: object) -> None:
        """One JSON object on a line, for programs; people do not see it."""
        if self._as_json:
            print(json.dumps(fields), flush=True)

    def _close(self) -> None:
        if self._open_line:
            print(flush=True)
            self._open_line = 0
