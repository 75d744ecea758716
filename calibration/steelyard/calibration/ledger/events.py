"""Rows of the sheet of events: one row a test point, the rows of one event together, an event for each instrument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import NamedTuple

from steelyard.calibration.catalogue import Kind
from steelyard.calibration.errors import CatalogueError, LedgerError
from steelyard.calibration.ledger import words
from steelyard.calibration.ledger.cells import as_text, day, identifier, instant_ns, plain, several
from steelyard.calibration.ledger.headings import ColumnWords, LedgerTable, find_headings
from steelyard.calibration.ledger.instruments import Instruments, is_range
from steelyard.calibration.ledger.points import POINT_COLUMNS, read_point
from steelyard.calibration.ledger.problems import RowProblem
from steelyard.calibration.ledger.sheet_rows import SheetRow, rows_below
from steelyard.calibration.verification.certificates import require_plausible_date
from steelyard.calibration.verification.due_date import legal_date
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.contracts.identifiers import InstrumentId

EVENT_COLUMNS: tuple[ColumnWords, ...] = (
    ColumnWords(
        name="id",
        words="事件编号 记录编号 检定编号 event event_id record_no",
        note="Of the event; rows with the same id are test points of one event. Without this column, rows of one "
        "instrument, kind, day and certificate are one event.",
    ),
    ColumnWords(
        name="instrument",
        words="编号 器具编号 仪器编号 设备编号 计量编号 管理编号 统一编号 资产编号 instrument_id instruments",
        note="The id of the sheet instruments; several with ; between them where one certificate is for many.",
        required=True,
    ),
    ColumnWords(
        name="kind",
        words="检定类别 检定类型 检定种类 类别 种类 类型 event_kind type",
        note="first_verification, subsequent_verification, after_repair, arbitration, interim, calibration, "
        "intermediate_check, repair, seal_opened.",
        required=True,
    ),
    ColumnWords(
        name="completed",
        words="检定日期 校准日期 完成日期 日期 date completed_on",
        note="The day on which it was completed, as 2026-03-15.",
        required=True,
    ),
    ColumnWords(
        name="decision",
        words="结论 检定结论 检定结果 结果 result conclusion",
        note="passed, failed, limited, not_testable, none. Only events that decide nothing may leave it empty.",
    ),
    ColumnWords(name="limited_to", words="降级后等级 准用等级 降为", note="The class that a limited decision leaves."),
    ColumnWords(
        name="certificate", words="证书编号 证书号 证书 certificate_no certificate_number", note="Unique to the body."
    ),
    ColumnWords(
        name="performed_by",
        words="检定机构 检定单位 校准机构 校准单位 机构 body laboratory",
        note="The body or laboratory that did it.",
    ),
    ColumnWords(
        name="supersedes",
        words="取代 替代 代替",
        note="The id or certificate of the event in whose place this one stands; with the decision none: which it "
        "withdraws.",
    ),
    ColumnWords(
        name="completed_at",
        words="完成时间 检定时间 instant",
        note="The instant, ISO 8601: 2026-03-15T10:30:00+08:00; without an offset it is legal time.",
    ),
    *POINT_COLUMNS,
)

_NAMING = ("instrument", "kind", "completed")
"""Columns that name an event of a sheet without ids, beside its certificate and its instant."""
_DECIDES_NOTHING = frozenset(
    {EventKind.CALIBRATION, EventKind.INTERMEDIATE_CHECK, EventKind.REPAIR, EventKind.SEAL_OPENED}
)


class _Head(NamedTuple):
    """What all rows of one event say alike."""

    instrument: tuple[InstrumentId, ...]
    kind: EventKind
    completed: date
    decision: Decision
    limited_to: str | None
    certificate: str | None
    performed_by: str | None
    supersedes: str | None
    completed_at: int | None


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An event whose rows are still being read."""

    id: str
    row: SheetRow
    head: _Head
    points: dict[InstrumentId, list[EventPoint]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The sheet as far as it has been read."""

    instruments: Instruments
    on: date
    utc_offset_minutes: int
    drafts: dict[str, _Draft] = field(default_factory=dict)
    """By their ids in small letters."""
    said: dict[tuple[str | None, ...], _Draft] = field(default_factory=dict)
    """The newest by what its first row has in the cells that name an event where ids are missing."""
    certificates: dict[str, list[_Draft]] = field(default_factory=dict)
    """By number."""


def read_events(
    table: LedgerTable, problems: list[RowProblem], *, instruments: Instruments, on: date, utc_offset_minutes: int
) -> tuple[tuple[VerificationEvent, ...], tuple[str, ...]]:
    """The events of a sheet in the order of their first rows, and the headings that mean nothing here.

    What is not right is added to `problems`; so is what happened after the day `on`. Raises LedgerError where the sheet
    lacks a required column.
    """
    if not table.rows:
        return (), ()  # nobody has entered any
    headings = find_headings(table, EVENT_COLUMNS)
    reading = _Reading(instruments=instruments, on=on, utc_offset_minutes=utc_offset_minutes)
    for row, readable in rows_below(table, headings, "instrument", problems):
        if readable:
            _read_row(row, reading)
            problems.extend([*row.problems, *row.notes])
    return tuple(_events(reading)), headings.ignored


def _read_row(row: SheetRow, reading: _Reading) -> None:
    own = row.take("id", lambda text, _: as_text(text), required=row.headed("id") is not None)
    draft = _continued(row, reading) if own is None else reading.drafts.get(own.casefold())
    head = _head(row, reading, None if draft is None else draft.head)
    if head is None:
        return
    if own is None:
        own = _derived_id(head, reading) if draft is None else draft.id
        draft = reading.drafts.get(own.casefold())
    if head.supersedes is not None and as_text(head.supersedes).casefold() == own.casefold():
        row.refuse("supersedes", head.supersedes, "is this event itself; give the id of the one that it replaces")
        return
    if draft is not None and draft.head != head:
        differing = next(name for name in _Head._fields if getattr(head, name) != getattr(draft.head, name))
        row.refuse(
            differing,
            row.text(differing) or "",
            f"row {draft.row.number} counts and says otherwise of the event {own}; correct one, or give another id",
        )
        return
    if draft is None:
        draft = _Draft(id=own, row=row, head=head)
        if not _certificate_is_its_own(draft, reading):
            return
        reading.drafts[own.casefold()] = draft
        reading.said[_cells_that_name(row)] = draft
        if head.completed > reading.on:
            told = f"lies after the day of the question, {reading.on}; check the year"
            row.note("completed", row.text("completed") or "", told)
    for name in head.instrument:
        point = read_point(
            row,
            reading.instruments.units[name],
            reading.instruments.second_units.get(name),
            also_indicated=reading.instruments.also_indicated.get(name),
            limited=reading.instruments.devices[name].mpe is not None,
        )
        # What was decided on which day stands, whatever is wrong with one of the values.
        row.spare("this test point is left out, the event stands")
        if point is not None:
            draft.points.setdefault(name, []).append(point)


def _cells_that_name(row: SheetRow) -> tuple[str | None, ...]:
    return tuple(None if (told := row.text(column)) is None else plain(told).casefold() for column in _NAMING)


def _continued(row: SheetRow, reading: _Reading) -> _Draft | None:
    """The event above of which the row, in a sheet without ids, is another test point."""
    above = reading.said.get(_cells_that_name(row))
    if above is None:
        return None
    for column in ("certificate", "completed_at", "decision", "limited_to", "performed_by", "supersedes"):
        told, before = row.text(column), above.row.text(column)
        if told is not None and (before is None or plain(told).casefold() != plain(before).casefold()):
            return None
    return above


def _head(row: SheetRow, reading: _Reading, before: _Head | None) -> _Head | None:
    """What the row says of the event; an empty cell of a further row of an event says what its first row said."""
    first = before is None
    names = row.take("instrument", partial(_instruments, row, reading.instruments), required=first)
    kind = row.take("kind", words.EVENT_KINDS.meant, required=first)
    completed = row.take("completed", _completed, required=first)
    decision = row.take("decision", words.DECISIONS.meant, required=first and kind not in {*_DECIDES_NOTHING, None})
    instant = row.take("completed_at", partial(instant_ns, utc_offset_minutes=reading.utc_offset_minutes))
    certificate = row.text("certificate")
    performed_by, supersedes = row.text("performed_by"), row.text("supersedes")
    if completed is not None and instant is not None and legal_date(instant, reading.utc_offset_minutes) != completed:
        row.refuse("completed_at", row.text("completed_at") or "", f"is not on {completed}; correct one of the two")
    decided = decision if before is None or decision is not None else before.decision
    limited_to = _limited_to(row, reading, names or (() if before is None else before.instrument), decided)
    if row.problems:
        return None
    if before is None:
        if not names or kind is None or completed is None:
            return None
        decision = Decision.NONE if decision is None else decision
        return _Head(names, kind, completed, decision, limited_to, certificate, performed_by, supersedes, instant)
    return _Head(
        names or before.instrument,
        kind or before.kind,
        completed or before.completed,
        decision or before.decision,
        limited_to or before.limited_to,
        certificate or before.certificate,
        performed_by or before.performed_by,
        supersedes or before.supersedes,
        before.completed_at if instant is None else instant,
    )


def _limited_to(
    row: SheetRow, reading: _Reading, names: tuple[InstrumentId, ...], decision: Decision | None
) -> str | None:
    """What a limited decision leaves: a class by the catalogue's name, or a part of the range as text."""
    told = row.text("limited_to")
    if told is None:
        if decision is Decision.LIMITED and row.text("decision") is not None:
            row.note("limited_to", "", "is empty beside the decision limited; give the class or the range that is left")
        return None
    if decision not in {Decision.LIMITED, None}:
        row.refuse("limited_to", told, "only the decision limited leaves a class; correct one of the two")
        return None
    kinds = {reading.instruments.kinds[name].id: reading.instruments.kinds[name] for name in names}
    for kind in kinds.values():
        try:
            return _left(told, kind)
        except CatalogueError as error:
            remedy = f"{error.remedy}, or give the range that is left, as 0~30 t; what it is limited to is not known"
            row.note("limited_to", told, remedy)
            return None
    return told


def _left(told: str, kind: Kind) -> str:
    if not kind.classes or is_range(told):
        return told
    first, _, rest = told.partition(" ")
    parts = several(told)
    if len(parts) == 1 and is_range(rest):
        parts = [first, rest]
    return ", ".join(part if is_range(part) else kind.plate.class_named(part) or part for part in parts)


def _completed(text: str, column: str) -> date:
    completed = day(text, column)
    require_plausible_date(completed)
    return completed


def _instruments(row: SheetRow, instruments: Instruments, text: str, column: str) -> tuple[InstrumentId, ...]:
    names = []
    strangers = []
    whole = identifier(text, column)
    items = [whole] if whole.casefold() in instruments.spellings else several(text)
    for item in items:
        name = identifier(item, column)
        name = instruments.spellings.get(name.casefold(), name)
        if name in instruments.devices:
            names.append(name)
        elif name in instruments.refused:
            strangers.append(
                (item, f"its row {instruments.refused[name]} among the instruments is refused; mend that one")
            )
        else:
            strangers.append((item, "no instrument of this ledger has this id; add its row, or correct the id"))
    for item, remedy in strangers:
        # One item more or less does not spoil the certificate of the others.
        (row.note if names else row.refuse)(column, item, remedy)
    if not names and not strangers:
        raise LedgerError(column, text, "names no instrument; give its id")
    return tuple(dict.fromkeys(names))


def _derived_id(head: _Head, reading: _Reading) -> str:
    """An identifier for a ledger whose events have none: rows that say the same are one event."""
    stem = f"{head.instrument[0]}-{head.completed:%Y%m%d}-{head.kind.value}"
    number, name = 1, stem
    while (other := reading.drafts.get(name.casefold())) is not None and (
        other.head.certificate != head.certificate or other.head.completed_at != head.completed_at
    ):
        number += 1
        name = f"{stem}-{number}"
    return name


def _certificate_is_its_own(draft: _Draft, reading: _Reading) -> bool:
    """Whether no other event has this certificate's number of this body; else the row is refused.

    Certificate numbers are unique to the body that issues them; one certificate for many items names them in one cell.
    """
    head = draft.head
    if head.certificate is None:
        return True
    number = plain(head.certificate).casefold()
    replaced = None if head.supersedes is None else as_text(head.supersedes).casefold()
    others = [other for other in reading.certificates.get(number, ()) if replaced not in {other.id.casefold(), number}]
    for other in others:
        if not _may_be_one_body(other.head, head):
            continue
        differs = _certified_otherwise(other.head, head)
        if differs is not None:
            draft.row.refuse("certificate", head.certificate, f"by row {other.row.number} it {differs}")
            return False
    reading.certificates[number] = [*others, draft]
    return True


def _may_be_one_body(one: _Head, other: _Head) -> bool:
    """Whether two events may be of one body: of one that does not say so, nobody can tell that it is another."""
    bodies = {plain(head.performed_by).casefold() for head in (one, other) if head.performed_by}
    return len(bodies) < 2


def _certified_otherwise(earlier: _Head, head: _Head) -> str | None:
    """What an earlier event says of the same certificate otherwise, and what to do about it; None if nothing."""
    if set(earlier.instrument) != set(head.instrument):
        items = ", ".join(earlier.instrument)
        return f"belongs to {items}; correct it, or name all items of one certificate in one cell"
    if earlier.completed != head.completed:
        return f"is dated {earlier.completed}; correct it, or say in supersedes that this one stands in its place"
    if earlier.decision is not head.decision:
        said = earlier.decision.value
        return f"says {said}; correct one of them, or say in supersedes that this one stands in its place"
    return None


def _events(reading: _Reading) -> Iterator[VerificationEvent]:
    taken = {draft.id for draft in reading.drafts.values()}
    names = {
        (draft.id.casefold(), instrument): _unique(draft, instrument, taken)
        for draft in reading.drafts.values()
        for instrument in draft.head.instrument
    }
    for draft in reading.drafts.values():
        head = draft.head
        for instrument in head.instrument:
            supersedes = head.supersedes
            if supersedes is not None:
                # The id that the event got where one certificate was for many; else a certificate's number, perhaps.
                supersedes = names.get((as_text(supersedes).casefold(), instrument), supersedes)
            yield VerificationEvent(
                id=names[draft.id.casefold(), instrument],
                instrument=instrument,
                kind=head.kind,
                completed=head.completed,
                decision=head.decision,
                performed_by=head.performed_by or "",
                certificate=head.certificate,
                points=tuple(draft.points.get(instrument, ())),
                completed_at_ns=head.completed_at,
                limited_to=head.limited_to,
                supersedes=supersedes,
            )


def _unique(draft: _Draft, instrument: InstrumentId, taken: set[str]) -> str:
    """The event's own id where it is of one instrument, else the id with the instrument's behind it."""
    if len(draft.head.instrument) == 1:
        return draft.id
    stem = name = f"{draft.id}-{instrument}"
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
