"""The record of every value that was served: the oracle of the loss tests.

SQLite, one row a value, in the order of serving. It is written in batches and not flushed to the disk on each: if the
machine fails, the test has failed anyway; a reader may open it while the simulator runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.device import Served
from steelyard.firmware_sim.errors import TruthFileError

BATCH = 1_000
"""Rows kept back at most before they are written."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS served (
    number INTEGER PRIMARY KEY,
    instrument TEXT NOT NULL,
    channel TEXT NOT NULL,
    t_ns INTEGER NOT NULL,
    value REAL
)
"""


class ServedLog:
    """Writes served values to a file; goes on where an earlier run ended."""

    def __init__(self, path: Path) -> None:
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise TruthFileError(f"{path}: cannot be written as the record of served values ({error})") from error
        self._waiting: list[Served] = []

    def add(self, served: Sequence[Served]) -> None:
        """Note values; written at the latest when `BATCH` have gathered or on `flush`."""
        self._waiting += served
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if not self._waiting:
            return
        rows = [(s.instrument, s.channel, s.t_ns, s.value) for s in self._waiting]
        self._waiting.clear()
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO served (instrument, channel, t_ns, value) VALUES (?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.flush()
        self._database.close()


def read_served(path: Path) -> Iterator[Served]:
    """The served values in the order of serving.

    Raises:
        TruthFileError: if `path` is no record of served values.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            for instrument, channel, t_ns, value in database.execute(
                "SELECT instrument, channel, t_ns, value FROM served ORDER BY number"
            ):
                yield Served(InstrumentId(instrument), ChannelId(channel), t_ns, value)
    except sqlite3.Error as error:
        raise TruthFileError(f"{path}: cannot be read as a record of served values ({error})") from error
