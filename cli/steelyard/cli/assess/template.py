"""An empty ledger to fill in: a workbook with headings, notes and drop-down lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.ledger import EVENT_COLUMNS, INSTRUMENT_COLUMNS, ColumnWords
from steelyard.calibration.verification.devices import DeviceState, Use
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.storage.tables import Column, Sheet, write_workbook

_DATES = frozenset({"state_since", "put_into_use", "completed"})
_NOT_OFFERED = frozenset({"range"})
"""Read, but better said in columns of their own."""


def template(catalogue: Catalogue) -> bytes:
    """The workbook."""
    of_instruments = {
        "kind": tuple(catalogue.kinds),
        "use": tuple(use.value for use in Use),
        "state": tuple(state.value for state in DeviceState),
        "regime": tuple(regime.value for regime in Regime),
    }
    of_events = {
        "kind": tuple(kind.value for kind in EventKind),
        "decision": tuple(decision.value for decision in Decision),
    }
    return write_workbook(
        [
            Sheet(name="instruments", columns=_columns(INSTRUMENT_COLUMNS, of_instruments)),
            Sheet(name="events", columns=_columns(EVENT_COLUMNS, of_events)),
        ]
    )


def _columns(columns: Sequence[ColumnWords], choices: Mapping[str, tuple[str, ...]]) -> tuple[Column, ...]:
    return tuple(
        Column(
            heading=column.name,
            note=_note(column),
            choices=choices.get(column.name, ()),
            date=column.name in _DATES,
        )
        for column in columns
        if column.name not in _NOT_OFFERED
    )


def _note(column: ColumnWords) -> str:
    needed = " Needed in every row." if column.required else ""
    chinese = next((word for word in column.words.split() if not word.isascii()), None)
    return f"{column.note}{needed}" + (f" ({chinese})" if chinese else "")
