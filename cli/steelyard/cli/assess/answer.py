"""The answer about a ledger: one JSON object for programs, text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from steelyard.calibration.judging import Judgement
from steelyard.calibration.verification.devices import Device
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.cli.assess.ledger_file import LedgerFile
from steelyard.cli.calc.printing import table
from steelyard.contracts.identifiers import InstrumentId

DASH = "–"
"""What nobody has said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of work: of which instrument, by when, from which cause and why."""

    instrument: InstrumentId
    due_date: date
    trigger: Trigger
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A judged ledger. `problems` are sentences about the ledger as a whole, beside those of its rows."""

    on: date
    ledger: LedgerFile
    judgements: Sequence[Judgement]
    problems: Sequence[str]

    def orders(self) -> list[Work]:
        """What would be raised as work orders, by date."""
        found = [
            Work(instrument=each.instrument, due_date=order.due_date, trigger=order.trigger, reason=order.reason)
            for each in self.judgements
            for order in each.orders
        ]
        return sorted(found, key=lambda work: (work.due_date, work.instrument, work.trigger))

    def all_problems(self) -> list[str]:
        """Those of rows in the order of the sheets, then those of the whole."""
        of_whole = []
        begins = {f"instrument {name}": self.place_of(name) for name in self.unjudged()}
        for sentence in self.problems:
            place = begins.get(sentence.partition(": ")[0], "")
            of_whole.append(f"{place}: {sentence}" if place else sentence)
        return [*map(str, self.ledger.problems), *of_whole]

    def of_judgements(self) -> list[tuple[InstrumentId, str]]:
        """The problems that came up while the instruments were judged."""
        return [(each.instrument, problem) for each in self.judgements for problem in each.problems]

    def place_of(self, instrument: InstrumentId) -> str:
        """Where the instrument stands in its sheet, "" where that is not known."""
        row = self.ledger.rows.get(instrument)
        return "" if row is None else f"{self.ledger.sheet}, row {row}"

    def unjudged(self) -> list[InstrumentId]:
        """The instruments whose rows were read and that could not be judged."""
        judged = {each.instrument for each in self.judgements}
        return [device.id for device in self.ledger.devices if device.id not in judged]


def as_json(answer: Answer) -> dict[str, object]:
    """The object that ``--json`` prints."""
    of_rows = answer.ledger.problems_of()
    return {
        "instruments": [
            {
                "id": each.instrument,
                "status": each.status.value,
                "statutory_due": _iso(each.statutory_due),
                "valid_until": _iso(each.valid_until),
                "due_date": _iso(each.due_date),
                "doubtful": each.doubtful,
                "orders": [
                    {"trigger": order.trigger.value, "due_date": _iso(order.due_date), "reason": order.reason}
                    for order in each.orders
                ],
                "problems": [*each.problems, *of_rows.get(each.instrument, ())],
            }
            for each in answer.judgements
        ],
        "problems": answer.all_problems(),
    }


def as_text(answer: Answer) -> str:
    """What is not judged, counts by status, what needs work by date, what is not right."""
    devices = {device.id: device for device in answer.ledger.devices}
    parts = [_counts(answer)]
    work = answer.orders()
    if work:
        rows = [
            [
                str(each.due_date),
                each.instrument,
                *_about(devices, each.instrument),
                in_words(each.trigger),
                each.reason,
            ]
            for each in work
        ]
        header = ["due", "instrument", "kind", "owner", "region", "trigger", "reason"]
        parts.append(f"What needs work ({len(work)})\n\n{table(header, rows, left=len(header))}")
    else:
        parts.append("Nothing needs work.")
    said = [f"{_named(answer, name)}: {problem}" for name, problem in answer.of_judgements()]
    problems = [*answer.all_problems(), *said]
    if problems:
        parts.append("\n".join([f"What is not right ({len(problems)})", "", *problems]))
    return "\n\n".join(parts)


def _counts(answer: Answer) -> str:
    counts = Counter(each.status for each in answer.judgements)
    left_out = answer.ledger.rows_left_out + len(answer.unjudged())
    lines = [f"{left_out} {'row is' if left_out == 1 else 'rows are'} not judged: see below"] if left_out else []
    lines += [f"On {answer.on}: {len(answer.judgements)} instruments, {len(answer.ledger.events)} events"]
    lines += [f"{counts[status]:>7}  {in_words(status)}" for status in InstrumentStatus if counts[status]]
    doubtful = sum(each.doubtful for each in answer.judgements)
    if doubtful:
        lines.append(f"{doubtful:>7}  of them doubtful")
    return "\n".join(lines)


def _named(answer: Answer, instrument: InstrumentId) -> str:
    place = answer.place_of(instrument)
    return f"{place} ({instrument})" if place else instrument


def _about(devices: Mapping[InstrumentId, Device], instrument: InstrumentId) -> list[str]:
    device = devices[instrument]
    return [device.kind, device.owner or DASH, device.region or DASH]


def in_words(code: str) -> str:
    """A code as people read it."""
    return str(code).replace("_", " ")


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
