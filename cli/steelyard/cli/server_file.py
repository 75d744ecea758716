"""server.toml.

One file for ingest, calibrate and api. Each part parses its own tables; this module only splits them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steelyard.cli.errors import CommandError
from steelyard.contracts.clock import Clock, ClockSettings, make_clock
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.toml import convert, parse_toml

TABLES = ("broker", "stores", "ingest", "calibration", "api", "alerts", "clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFile:
    """The tables of a server.toml, not yet parsed by their parts. `path` is where it was read."""

    path: Path
    tables: dict[str, Any]

    @property
    def name(self) -> str:
        """The file's name for messages."""
        return self.path.name

    @property
    def directory(self) -> Path:
        """Relative paths in the file count from here."""
        return self.path.resolve().parent

    def clock(self) -> Clock:
        """The clock that the file asks for: the system's without a ``[clock]`` table."""
        table = self.tables.get("clock")
        return make_clock(None if table is None else convert(table, ClockSettings, f"{self.name} [clock]"))


def read_server_file(path: Path) -> ServerFile:
    """Read `path`.

    Raises CommandError if it cannot be read, SettingsError if it is no TOML or has a table nobody reads.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise CommandError(f"cannot read the configuration {path}: {reason}") from error
    tables = parse_toml(text, path.name)
    for name, table in tables.items():
        if name not in TABLES:
            near = difflib.get_close_matches(name, TABLES, n=1)
            hint = f"did you mean [{near[0]}]?" if near else f"there are {', '.join(f'[{each}]' for each in TABLES)}"
            raise SettingsError(f"{path.name}: [{name}]", name, f"no part of Steelyard reads this table; {hint}")
        if not isinstance(table, dict):
            raise SettingsError(f"{path.name}: {name}", table, f"must be a table: write [{name}] above its keys")
    return ServerFile(path=path, tables=tables)
