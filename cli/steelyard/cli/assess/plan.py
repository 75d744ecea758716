"""The plan of the coming year: what is to be done with which instrument in which month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.judging import Judgement
from steelyard.calibration.verification.devices import Device
from steelyard.calibration.verification.due_date import add_months, valid_until
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.law import Rules
from steelyard.calibration.verification.law_book import LawBook
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.triggers import Trigger
from steelyard.cli.assess.answer import DASH, Answer, Work, in_words
from steelyard.contracts.identifiers import InstrumentId
from steelyard.storage.tables import Column, Sheet, write_workbook

PLANNED_MONTHS = 12
_DECIDES_ANEW = frozenset({Trigger.REPLACE, Trigger.SEAL_BROKEN, Trigger.REPAIR, Trigger.FAILED_CHECK})
"""After these the old period is over: its end is no work of its own."""
_COLUMNS = (
    *("month", "due date", "instrument", "name", "kind", "serial", "owner", "region", "valid until", "certificate"),
    *("trigger", "reason"),
)
_DATES = frozenset({"due date", "valid until"})


def year(answer: Answer, catalogue: Catalogue) -> list[Work]:
    """The orders, and every date within a year for which no order is raised yet, by date."""
    end = add_months(answer.on, PLANNED_MONTHS)
    rules = _rules(answer, catalogue)
    found = [work for each in answer.judgements for work in _of(each, rules.get(each.instrument), answer.on, end)]
    return sorted(found, key=lambda work: (work.due_date, work.instrument, work.trigger))


def as_plan(answer: Answer, catalogue: Catalogue) -> bytes:
    """A workbook: the year's work, and the rows that are not right."""
    devices = {device.id: device for device in answer.ledger.devices}
    valid = {each.instrument: each.valid_until for each in answer.judgements}
    certificates = _newest_certificates(answer.ledger.events, answer.on)
    plan: list[list[str | int | date]] = []
    for work in year(answer, catalogue):
        device = devices[work.instrument]
        plan.append(
            [
                # What should have been done long ago is work of this month.
                f"{max(work.due_date, answer.on):%Y-%m}",
                work.due_date,
                device.id,
                device.name,
                device.kind,
                device.serial or DASH,
                device.owner or DASH,
                device.region or DASH,
                valid[device.id] or DASH,
                certificates.get(device.id, DASH),
                in_words(work.trigger),
                work.reason,
            ]
        )
    problems: list[list[str | int | date]] = [
        [p.sheet, p.row, p.column, p.instrument, p.value, p.remedy] for p in answer.ledger.problems
    ]
    problems += [["", "", "", "", "", sentence] for sentence in answer.problems]
    sheet, rows = answer.ledger.sheet, answer.ledger.rows
    problems += [[sheet, rows.get(name, ""), "", name, "", sentence] for name, sentence in answer.of_judgements()]
    return write_workbook(
        [
            Sheet(
                name="plan",
                columns=tuple(Column(heading=name, date=name in _DATES) for name in _COLUMNS),
                rows=plan,
            ),
            Sheet(
                name="problems",
                columns=tuple(
                    Column(heading=name) for name in ("sheet", "row", "column", "instrument", "value", "remedy")
                ),
                rows=problems,
            ),
        ]
    )


def _of(judgement: Judgement, rules: Rules | None, on: date, end: date) -> Iterator[Work]:
    """One instrument's work: its orders, and the ends of its periods that follow."""
    wanted = {order.trigger for order in judgement.orders}
    over = wanted & _DECIDES_ANEW
    for order in judgement.orders:
        if order.trigger is not Trigger.DUE or not over:
            yield Work(
                instrument=judgement.instrument, due_date=order.due_date, trigger=order.trigger, reason=order.reason
            )
    if over or judgement.due_date is None:
        return
    ends = judgement.due_date
    regime = None if rules is None else rules.regime
    replaced = regime is Regime.FIRST_LIMITED
    if Trigger.DUE not in wanted and on <= ends < end:
        yield Work(
            instrument=judgement.instrument,
            due_date=ends,
            trigger=Trigger.REPLACE if replaced else Trigger.DUE,
            reason=f"The period {'of use ' if replaced else ''}ends: the last day is {valid_until(ends)}.",
        )
    months = None if rules is None or replaced else rules.period_months
    if months is None:
        return
    # Whoever is late begins the next period this month.
    begins, number = max(ends, on), 1
    while (following := add_months(begins, number * months)) < end:
        yield Work(
            instrument=judgement.instrument,
            due_date=following,
            trigger=Trigger.DUE,
            reason=f"The period that begins in {add_months(begins, (number - 1) * months):%Y-%m} ends.",
        )
        number += 1


def _rules(answer: Answer, catalogue: Catalogue) -> Mapping[InstrumentId, Rules]:
    """What the law says of each instrument on the day."""
    of_device: dict[InstrumentId, list[VerificationEvent]] = {}
    for event in answer.ledger.events:
        of_device.setdefault(event.instrument, []).append(event)
    book = LawBook(catalogue)
    found: dict[InstrumentId, Rules] = {}
    for device in answer.ledger.devices:
        rules = _rules_of(book, device, of_device.get(device.id, ()), answer.on)
        if rules is not None:
            found[device.id] = rules
    return found


def _rules_of(book: LawBook, device: Device, events: Sequence[VerificationEvent], on: date) -> Rules | None:
    try:
        return book.law(device, events)[0].on(on)
    except CalibrationError:
        return None  # the judgement has told of it


def _newest_certificates(events: Sequence[VerificationEvent], on: date) -> Mapping[InstrumentId, str]:
    """The number of the newest certificate of each instrument on the day."""
    newest: dict[InstrumentId, tuple[date, str]] = {}
    for event in events:
        if event.certificate is None or event.completed > on:
            continue
        if event.instrument not in newest or event.completed >= newest[event.instrument][0]:
            newest[event.instrument] = (event.completed, event.certificate)
    return {instrument: certificate for instrument, (_, certificate) in newest.items()}
