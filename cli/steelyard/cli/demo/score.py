"""What the system claims against what the simulator knows.

For each instrument: the story that was put into it, its true error over the MPE when the story is judged, and the work
orders that the system raised. An order without a cause and a cause without its order are both wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from steelyard.calibration.verification.work_orders import WorkOrder
from steelyard.cli.demo.layout import Layout
from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import read_server_file
from steelyard.cli.stores import opened_records
from steelyard.firmware_sim.errors import TruthFileError
from steelyard.firmware_sim.truth_file import JudgedInstrument, read_truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One instrument's truth beside what is claimed.

    `true_error_over_mpe` at the judged instant; `crosses` when the true error leaves the MPE, or left it; `claimed` the
    triggers of its orders; `probability` P(error outside the MPE) of the newest assessment.
    """

    instrument: str
    story: str
    true_error_over_mpe: float
    crosses: date | None
    claimed: tuple[str, ...]
    probability: float | None
    due: date | None
    assessed: bool = True

    @property
    def right(self) -> bool:
        """Assessed, with one order for the story's reason, or none for a quiet instrument."""
        return self.assessed and self.claimed == (() if self.story == "quiet" else (self.story,))

    @property
    def verdict(self) -> str:
        """In words."""
        if self.right:
            return "right"
        if not self.assessed:
            return "not assessed yet"
        return "order without cause" if self.story == "quiet" else "wrong reason" if self.claimed else "order missing"


def score(directory: Path) -> list[Row]:
    """The rows in the truth file's order. Raises CommandError if there is no demonstration in `directory`."""
    layout = Layout(directory)
    if not layout.state.exists():
        raise CommandError(f"no demonstration in {directory}: run 'steelyard demo --directory {directory}' first")
    try:
        truth = read_truth(layout.truth)
    except TruthFileError as error:
        raise CommandError(str(error)) from error
    with opened_records(read_server_file(layout.server), migrate=False) as records:
        orders = records.orders.orders()
        assessments = records.verification.latest_assessments()
    rows = []
    for judged in truth.instruments:
        assessment = assessments.get(judged.instrument)
        rows.append(
            Row(
                instrument=judged.instrument,
                story=judged.label,
                true_error_over_mpe=judged.error_over_mpe,
                crosses=_crossing(judged),
                claimed=_claimed(orders, judged),
                probability=None if assessment is None else assessment.probability_out_of_tolerance,
                due=None if assessment is None else assessment.due_date,
                assessed=assessment is not None,
            )
        )
    return rows


def print_score(directory: Path, *, as_json: bool) -> int:
    """Print the table; returns 0 if every claim is right and none is missing, else 1."""
    rows = score(directory)
    if as_json:
        print(
            json.dumps(
                {
                    "right": all(row.right for row in rows),
                    "instruments": [
                        {
                            "instrument": row.instrument,
                            "story": row.story,
                            "true_error_over_mpe": round(row.true_error_over_mpe, 4),
                            "crosses": None if row.crosses is None else row.crosses.isoformat(),
                            "claimed": list(row.claimed),
                            "verdict": row.verdict,
                        }
                        for row in rows
                    ],
                }
            )
        )
    else:
        print(
            f"{'instrument':12} {'story':6} {'true error/MPE':>14} {'crosses MPE':12} "
            f"{'claimed':12} {'P(out)':>7} {'due':10}  verdict"
        )
        for row in rows:
            print(
                f"{row.instrument:12} {row.story:6} {row.true_error_over_mpe:14.2f} {_text(row.crosses):12} "
                f"{', '.join(row.claimed) or '-':12} {_percent(row.probability):>7} {_text(row.due):10}  {row.verdict}"
            )
        wrong = sum(not row.right for row in rows)
        causes = sum(row.story != "quiet" for row in rows)
        orders = sum(len(row.claimed) for row in rows)
        print(f"\n{len(rows)} instruments, {causes} with a cause, {orders} orders, {wrong} wrong")
    return 0 if all(row.right for row in rows) else 1


def _claimed(orders: Sequence[WorkOrder], judged: JudgedInstrument) -> tuple[str, ...]:
    """The triggers of all orders that were ever raised: one that was withdrawn had no cause either."""
    return tuple(sorted({order.trigger.value for order in orders if order.instrument == judged.instrument}))


def _crossing(judged: JudgedInstrument) -> date | None:
    instant = judged.out_since or judged.crosses
    return None if instant is None else instant.date()


def _text(day: date | None) -> str:
    return "-" if day is None else day.isoformat()


def _percent(probability: float | None) -> str:
    return "-" if probability is None else f"{probability:.1%}"
