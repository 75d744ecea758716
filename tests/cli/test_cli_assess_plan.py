"""The plan of the year: which rows an instrument has in it, by its orders, its regime and its period."""

from datetime import date

import pytest

from steelyard.calibration.catalogue import builtin_catalogue
from steelyard.calibration.judging import Judgement, WantedOrder
from steelyard.calibration.verification.devices import Device, Use
from steelyard.calibration.verification.events import Decision, EventKind, VerificationEvent
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.cli.assess.answer import Answer
from steelyard.cli.assess.ledger_file import LedgerFile
from steelyard.cli.assess.plan import as_plan, year
from steelyard.contracts.identifiers import InstrumentId
from steelyard.storage.tables import read_tables

ON = date(2026, 6, 1)
SCALE = InstrumentId("ts-1")


def answer(
    due: date | None,
    *triggers: Trigger,
    period: int | None = None,
    regime: Regime | None = None,
    events: tuple[VerificationEvent, ...] = (),
) -> Answer:
    device = Device(
        id=SCALE,
        name="Gate scale",
        kind="truck_scale",
        serial="S-7",
        use=Use.TRADE,
        period_months=period,
        regime=regime,
    )
    judgement = Judgement(
        instrument=SCALE,
        status=InstrumentStatus.VALID,
        statutory_due=due,
        valid_until=due,
        due_date=due,
        doubtful=False,
        orders=tuple(WantedOrder(trigger=each, due_date=date(2026, 6, 8), reason="why") for each in triggers),
        problems=(),
    )
    return Answer(on=ON, ledger=LedgerFile(devices=(device,), events=events), judgements=[judgement], problems=[])


def rows(told: Answer) -> list[tuple[str, date]]:
    return [(str(work.trigger), work.due_date) for work in year(told, builtin_catalogue())]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (12, [date(2026, 8, 1)]),
        (6, [date(2026, 8, 1), date(2027, 2, 1)]),
        (3, [date(2026, 8, 1), date(2026, 11, 1), date(2027, 2, 1), date(2027, 5, 1)]),
    ],
)
def test_every_end_of_a_period_within_the_year_is_planned(period: int, expected: list[date]) -> None:
    assert rows(answer(date(2026, 8, 1), period=period)) == [("due", day) for day in expected]


def test_the_catalogues_period_counts_where_the_ledger_gives_none() -> None:
    # JJG 539-2016: truck scales every 12 months.
    assert rows(answer(date(2026, 8, 1))) == [("due", date(2026, 8, 1))]


def test_the_next_period_of_what_is_overdue_begins_this_month() -> None:
    told = answer(date(2025, 1, 1), Trigger.DUE, period=6)
    assert rows(told) == [("due", date(2026, 6, 8)), ("due", date(2026, 12, 1))]


@pytest.mark.parametrize("trigger", [Trigger.REPLACE, Trigger.SEAL_BROKEN, Trigger.REPAIR, Trigger.FAILED_CHECK])
def test_what_ends_the_validity_leaves_no_second_row_for_the_old_period(trigger: Trigger) -> None:
    assert rows(answer(date(2026, 8, 1), trigger)) == [(str(trigger), date(2026, 6, 8))]
    assert rows(answer(date(2026, 8, 1), trigger, Trigger.DUE)) == [(str(trigger), date(2026, 6, 8))]


def test_other_orders_stand_beside_the_end_of_the_period() -> None:
    assert rows(answer(date(2026, 8, 1), Trigger.DRIFT)) == [
        ("drift", date(2026, 6, 8)),
        ("due", date(2026, 8, 1)),
    ]


def test_the_end_of_a_limited_period_of_use_is_a_replacement_and_the_last_row() -> None:
    told = answer(date(2026, 8, 1), period=6, regime=Regime.FIRST_LIMITED)
    assert rows(told) == [("replace", date(2026, 8, 1))]


def test_a_row_names_the_instrument_its_serial_number_and_its_newest_certificate() -> None:
    events = tuple(
        VerificationEvent(
            id=f"e-{number}",
            instrument=SCALE,
            kind=EventKind.SUBSEQUENT_VERIFICATION,
            completed=day,
            decision=Decision.PASSED,
            performed_by="Institute",
            certificate=number,
        )
        for number, day in [("C-2", date(2025, 8, 1)), ("C-1", date(2024, 8, 1)), ("C-3", date(2027, 8, 1))]
    )
    book = read_tables(as_plan(answer(date(2026, 8, 1), events=events), builtin_catalogue()), "plan.xlsx")
    assert book.tables[0].rows[1].cells[:10] == (
        *("2026-08", "2026-08-01", "ts-1", "Gate scale", "truck_scale", "S-7", "–", "–", "2026-08-01", "C-2"),
    )
