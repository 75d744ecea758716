"""A ledger's file: a workbook, two CSV files, or a registry file, as devices and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.ledger import Ledger, RowProblem, read_ledger, sheet_meant
from steelyard.calibration.verification.devices import Device
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.cli.commands.registry import read_registry
from steelyard.cli.errors import CommandError
from steelyard.cli.registry_file import RegistryFile
from steelyard.contracts.identifiers import InstrumentId
from steelyard.storage.errors import TableError
from steelyard.storage.tables import Book, Table, read_tables

RowsRead = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """What the file says, and the rows and headings of it that say nothing.

    `unsaid_use` is how many devices do not say what they are used for; `rows` are the numbers of the devices' rows in
    the sheet `sheet`.
    """

    devices: tuple[Device, ...]
    events: tuple[VerificationEvent, ...]
    problems: tuple[RowProblem, ...] = ()
    ignored: tuple[str, ...] = ()
    unsaid_use: int = 0
    sheet: str = ""
    rows: Mapping[InstrumentId, int] = field(default_factory=dict)

    @property
    def rows_left_out(self) -> int:
        """How many rows are not judged, each for at least one of the problems."""
        return len({(problem.sheet, row) for problem in self.problems for row in problem.left_out})

    def problems_of(self) -> Mapping[InstrumentId, list[str]]:
        """The problems of rows that speak of an instrument of the ledger, by instrument."""
        found: dict[InstrumentId, list[str]] = {device.id: [] for device in self.devices}
        spellings = {device.id.casefold(): device.id for device in self.devices}
        for problem in self.problems:
            for name in {problem.instrument, *problem.instrument.split(", ")}:
                known = spellings.get(name.casefold())
                if known is not None:
                    found[known].append(str(problem))
        return found


def read_ledger_file(
    path: Path,
    events: Path | None,
    *,
    catalogue: Catalogue,
    on: date,
    utc_offset_minutes: int,
    progress: RowsRead | None = None,
) -> LedgerFile:
    """Read a ledger.

    Args:
        path: a workbook with the sheets `instruments` and `events`, a CSV file of instruments, or a registry file.
        events: a file of events; None: they are in the workbook, or there are none.
        catalogue: the kinds of instruments.
        on: the day whose owners count.
        utc_offset_minutes: legal time minus UTC.
        progress: is told a sheet's name and how many of its rows have been read.

    Raises:
        CommandError: naming the file, what is wrong and the remedy.
    """
    if path.suffix.lower() == ".toml":
        if events is not None:
            raise CommandError(f"--events {events}: a registry file has its events in itself; leave this out")
        return _from_registry(read_registry(path))
    try:
        book = _book(path, progress)
        instruments = _sheet(book, "instruments")
        happened = _events(book, events, progress)
        ledger: Ledger = read_ledger(
            instruments,
            happened,
            catalogue=catalogue,
            on=on,
            utc_offset_minutes=utc_offset_minutes,
        )
    except TableError as error:
        raise CommandError(str(error)) from error
    except CalibrationError as error:
        # The table of a CSV file is called as the file is.
        named = any(str(error).startswith(f"{file.name}: ") for file in (path, events) if file is not None)
        raise CommandError(str(error) if named else f"{path.name}: {error}") from error
    return LedgerFile(
        devices=ledger.devices,
        events=ledger.events,
        problems=ledger.problems,
        ignored=ledger.ignored,
        unsaid_use=ledger.unsaid_use,
        sheet=ledger.sheet,
        rows=ledger.rows,
    )


def _book(path: Path, progress: RowsRead | None) -> Book:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"cannot read {str(path)!r}: that is no file's name") from error
    return read_tables(data, path.name, wanted=lambda name: sheet_meant(name) is not None, progress=progress)


def _events(book: Book, events: Path | None, progress: RowsRead | None) -> Table | None:
    if events is not None:
        return _sheet(_book(events, progress), "events")
    return None if _is_separated(book) else _sheet(book, "events")


def _sheet(book: Book, meant: str) -> Table:
    """The one sheet that is meant; of a CSV file its only table."""
    if _is_separated(book):
        return book.tables[0]
    found = [table for table in book.tables if sheet_meant(table.name) == meant]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(table.name for table in found)
        raise CommandError(f"{book.source}: sheets {names} both mean {meant}: rename one")
    raise CommandError(
        f"{book.source}: sheet {meant!r} is missing; there are {', '.join(book.sheets)}: rename or add it"
    )


def _is_separated(book: Book) -> bool:
    return book.sheets == (book.source,)


def _from_registry(file: RegistryFile) -> LedgerFile:
    """A registry's instruments as devices; what it says of regime, period and MPE overrides the catalogue."""
    registration = file.registration
    legal = {status.instrument: status for status in registration.legal_statuses}
    regions = {organization.id: organization.region for organization in registration.organizations}
    devices = []
    for instrument in registration.instruments:
        status = legal.get(instrument.id)
        device = Device(
            id=instrument.id,
            name=instrument.name,
            kind=instrument.kind,
            accuracy_class=instrument.accuracy_class or None,
            region=regions.get(instrument.organization),
            owner=instrument.organization,
            serial=instrument.serial or None,
            range_low=None if status is None else status.range_low,
            range_high=None if status is None else status.range_high,
            unit=None if status is None else status.mpe.unit,
            put_into_use=None if status is None else status.service_date,
            regime=None if status is None else status.regime,
            period_months=None if status is None else status.period_months,
            mpe=None if status is None else status.mpe,
        )
        devices.append(device)
    return LedgerFile(devices=tuple(devices), events=file.events)
