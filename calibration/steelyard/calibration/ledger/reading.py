"""A whole ledger: the sheet of instruments and the sheet of events together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.ledger.events import read_events
from steelyard.calibration.ledger.headings import LedgerTable
from steelyard.calibration.ledger.instruments import read_instruments
from steelyard.calibration.ledger.problems import RowProblem
from steelyard.calibration.verification.devices import Device
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.contracts.identifiers import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a ledger says, and what in it is not right.

    `devices` and `events` in the order of their rows, without the rows that `problems` names. `ignored` are headings
    that mean nothing here. `unsaid_use` is how many devices do not say what they are used for: they count as used for
    trade. `rows` are the numbers of the devices' rows in the sheet `sheet`.
    """

    devices: tuple[Device, ...]
    events: tuple[VerificationEvent, ...]
    problems: tuple[RowProblem, ...]
    ignored: tuple[str, ...]
    unsaid_use: int = 0
    sheet: str = ""
    rows: Mapping[InstrumentId, int] = field(default_factory=dict)


def read_ledger(
    instruments: LedgerTable,
    events: LedgerTable | None,
    *,
    catalogue: Catalogue,
    on: date,
    utc_offset_minutes: int,
) -> Ledger:
    """Read a ledger.

    Args:
        instruments: one row a device.
        events: one row a test point, or a row for an event without points; None where there are none.
        catalogue: the kinds of instruments.
        on: the day whose owners count.
        utc_offset_minutes: legal time minus UTC.

    Raises:
        LedgerError: a sheet lacks a required column, or two of its columns mean the same.
    """
    problems: list[RowProblem] = []
    found = read_instruments(instruments, problems, catalogue=catalogue, on=on)
    happened: tuple[VerificationEvent, ...] = ()
    ignored = found.ignored
    if events is not None:
        happened, also_ignored = read_events(
            events, problems, instruments=found, on=on, utc_offset_minutes=utc_offset_minutes
        )
        ignored += also_ignored
    return Ledger(
        devices=tuple(found.devices.values()),
        events=happened,
        problems=tuple(problems),
        ignored=ignored,
        unsaid_use=found.unsaid_use,
        sheet=instruments.name,
        rows=found.rows,
    )
