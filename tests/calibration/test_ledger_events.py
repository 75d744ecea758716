"""The sheet of events: rows become events with points in the instrument's unit; what is not right is named."""

from datetime import UTC, date, datetime

import pytest
from calibration.ledgers import INSTRUMENTS, events_of, read, said, sheet

from steelyard.calibration.errors import LedgerError
from steelyard.calibration.mpe import limits_at
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint
from steelyard.storage.tables import CellFault, MergedCells

HEAD = "id|instrument|kind|completed|decision|certificate|performed_by"
POINTS = "|test_point|unit|as_found|as_left|expanded_uncertainty|coverage_factor|error_unit|at"


def point(row: str, instrument: str = "ts-1") -> EventPoint:
    ledger = events_of(HEAD + POINTS, f"e-1|{instrument}|calibration|2026-01-15||||{row}")
    assert ledger.problems == ()
    return ledger.events[0].points[0]


def test_a_row_becomes_an_event() -> None:
    ledger = events_of(
        HEAD + "|limited_to|completed_at",
        "e-1|TS-1|after_repair|2026-01-15|limited|C-1|Institute|0~30 t|2026-01-15T10:30:00",
    )
    assert ledger.problems == ()
    (event,) = ledger.events
    assert (event.id, event.instrument, event.kind) == ("e-1", "ts-1", EventKind.AFTER_REPAIR)
    assert (event.completed, event.decision, event.limited_to) == (date(2026, 1, 15), Decision.LIMITED, "0~30 t")
    assert (event.certificate, event.performed_by, event.points) == ("C-1", "Institute", ())
    # Legal time is UTC+8.
    assert event.completed_at_ns == int(datetime(2026, 1, 15, 2, 30, tzinfo=UTC).timestamp()) * 10**9


def test_a_chinese_sheet_is_read() -> None:
    ledger = events_of(
        "器具编号|检定类别|检定日期|检定结论|证书编号|检定机构|检定点(kg)|示值误差(g)|扩展不确定度(g)|包含因子(k)",
        "ts-1|后续检定|2026年1月15日|合格|C-1|某院|500|-20|10|2",
    )
    assert ledger.problems == ()
    (event,) = ledger.events
    assert (event.kind, event.decision, event.performed_by) == (
        EventKind.SUBSEQUENT_VERIFICATION,
        Decision.PASSED,
        "某院",
    )
    (found,) = event.points
    assert (found.test_point, found.unit, found.as_found, found.expanded_uncertainty) == (500.0, "kg", -0.02, 0.01)


def test_rows_of_one_event_are_its_points() -> None:
    ledger = events_of(
        HEAD + POINTS,
        "e-1|ts-1|calibration|2026-01-15||C-1|Lab|100|kg|0.1",
        "e-2|ts-2|calibration|2026-01-16||C-2|Lab|1|t|0.001",
        "e-1|ts-1|calibration|2026-01-15||C-1|Lab|200|kg|0.2",
        "e-1|||||||300|kg|0.3",  # an empty cell says what the first row said
    )
    assert ledger.problems == ()
    assert [(event.id, [p.test_point for p in event.points]) for event in ledger.events] == [
        ("e-1", [100.0, 200.0, 300.0]),
        ("e-2", [1.0]),
    ]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("e-1|ts-2|calibration|2026-01-15|passed|C-1|Lab", "instrument"),
        ("e-1|ts-1|interim|2026-01-15|passed|C-1|Lab", "kind"),
        ("e-1|ts-1|calibration|2026-01-16|passed|C-1|Lab", "completed"),
        ("e-1|ts-1|calibration|2026-01-15|failed|C-1|Lab", "decision"),
        ("e-1|ts-1|calibration|2026-01-15|passed|C-2|Lab", "certificate"),
        ("e-1|ts-1|calibration|2026-01-15|passed|C-1|Other", "performed_by"),
    ],
)
def test_rows_of_one_event_agree_in_everything_but_the_point(row: str, column: str) -> None:
    ledger = events_of(HEAD, "e-1|ts-1|calibration|2026-01-15|passed|C-1|Lab", row)
    assert [event.certificate for event in ledger.events] == ["C-1"]
    (problem,) = ledger.problems
    assert (problem.row, problem.column) == (3, column)
    assert "row 2 counts" in problem.remedy


def test_without_a_column_of_ids_rows_that_say_the_same_are_one_event() -> None:
    ledger = events_of(
        "instrument|kind|completed|certificate|test_point|as_found",
        "ts-1|calibration|2026-01-15|C-1|100|0.1",
        "ts-1|calibration|2026-01-15|C-1|200|0.2",
        "ts-1|calibration|2026-01-15|C-2|100|0.3",
    )
    assert ledger.problems == ()
    assert [(event.id, len(event.points)) for event in ledger.events] == [
        ("ts-1-20260115-calibration", 2),
        ("ts-1-20260115-calibration-2", 1),
    ]


@pytest.mark.parametrize("cell", ["ts-1; ts-2", "ts-1,ts-2", "ts-1、ts-2", "TS-1；ts-2"])
def test_one_certificate_for_many_items_is_an_event_of_each(cell: str) -> None:
    ledger = events_of(HEAD + POINTS, f"e-1|{cell}|calibration|2026-01-15||C-1|Lab|500|kg|0.1")
    assert ledger.problems == ()
    assert [(event.id, event.instrument, event.certificate) for event in ledger.events] == [
        ("e-1-ts-1", "ts-1", "C-1"),
        ("e-1-ts-2", "ts-2", "C-1"),
    ]
    # The point in the unit of each instrument: kg and t.
    assert [(e.points[0].test_point, e.points[0].as_found) for e in ledger.events] == [(500.0, 0.1), (0.5, 0.0001)]


@pytest.mark.parametrize("cell", ["WM-1", "Wm-1", " wm-1 "])
def test_an_instrument_is_found_however_its_id_is_spelled(cell: str) -> None:
    (event,) = events_of("instrument|kind|completed|decision", f"{cell}|first_verification|2026-03-01|passed").events
    assert event.instrument == "wm-1"


def test_an_id_with_a_separator_in_it_is_one_id() -> None:
    instruments = sheet("instruments", ["id", "kind"], ["A,7", "truck_scale"])
    events = sheet(
        "events", ["instrument", "kind", "completed", "decision"], ["a,7", "interim", "2026-03-01", "passed"]
    )
    assert [event.instrument for event in read(instruments, events).events] == ["A,7"]


def test_ids_made_for_many_items_meet_no_other_events_id() -> None:
    ledger = events_of(
        HEAD,
        "e-1-ts-1|wm-1|calibration|2026-01-15||C-0|Lab",
        "e-1|ts-1; ts-2|calibration|2026-01-15||C-1|Lab",
    )
    assert [event.id for event in ledger.events] == ["e-1-ts-1", "e-1-ts-1-2", "e-1-ts-2"]


def test_an_item_that_is_not_in_the_ledger_does_not_spoil_the_certificate_of_the_others() -> None:
    ledger = events_of(HEAD, "e-1|ts-1; ts-9|calibration|2026-01-15||C-1|Lab")
    assert [event.instrument for event in ledger.events] == ["ts-1"]
    assert said(ledger) == [(2, "instrument", "ts-9")]


@pytest.mark.parametrize(
    ("instrument", "cells", "expected"),
    [
        ("ts-1", "500|kg|0.1", (500.0, "kg", 0.1)),
        ("ts-1", "0.5|t|0.0001", (500.0, "kg", 0.1)),
        ("ts-1", "500|公斤|100||||g", (500.0, "kg", 0.1)),
        ("ts-2", "500|kg|0.1", (0.5, "t", 0.0001)),
        ("pg-1", "10|bar|0.1", (1.0, "MPa", 0.01)),
        ("pg-1", "10|kgf/cm²|0.1", (0.980665, "MPa", 0.00980665)),  # NIST SP 811, B.8: 9.80665E+04 Pa
        ("th-1", "20|℃|0.3", (20.0, "Cel", 0.3)),
        ("th-1", "20||0.3||||Cel", (20.0, "Cel", 0.3)),
        ("th-1", "293.15|K|0.3", (20.0, "Cel", 0.3)),
        ("th-1", "60|%RH|1.5", (60.0, "%", 1.5)),
        ("th-1", "60||1.5", (60.0, "%", 1.5)),
        ("pg-1", "1|MPa|0.5||||%", (1.0, "%", 0.5)),
        ("pg-1", "1|MPa|0.5%", (1.0, "%", 0.5)),
        ("pg-1", "1|%|0.5", (1.0, "%", 0.5)),
        ("co-1", "50|ppm|5", (50.0, "umol/mol", 5.0)),
        ("rt-1", "373.15|K|0.1", (100.0, "Cel", 0.1)),  # an error has no zero point
        ("wm-1", "100||1.5||||%||2.5", (100.0, "%", 1.5)),
    ],
)
def test_points_are_kept_in_the_instruments_unit_and_percent_stays_percent(
    instrument: str, cells: str, expected: tuple[float, str, float]
) -> None:
    found = point(cells, instrument)
    assert found.test_point == pytest.approx(expected[0], rel=1e-12)
    assert found.unit == expected[1]
    assert found.as_found == pytest.approx(expected[2], rel=1e-12)


def test_test_points_given_as_flows_are_the_flows_of_a_meter_and_errors_are_in_percent() -> None:
    ledger = events_of(
        "instrument|kind|completed|decision|test_point|unit|as_found|expanded_uncertainty",
        "wm-1|subsequent_verification|2026-03-01|passed|40|L/h|-1.2|0.4",
        "wm-1|subsequent_verification|2026-03-01|passed|2.5|m3/h|0.8|0.4",
    )
    (event,) = ledger.events
    assert [(point.at, point.unit, point.as_found) for point in event.points] == [(0.04, "%", -1.2), (2.5, "%", 0.8)]
    assert ledger.problems == ()


def test_a_hygrometer_with_limits_of_its_temperature_is_judged_by_that() -> None:
    ledger = read(
        sheet("instruments", ["id", "kind", "mpe", "range"], ["th", "thermo_hygrometer", "±1 Cel", "(-20~50)℃"]),
        sheet(
            "events",
            ["id", "instrument", "kind", "completed", "test_point", "unit", "as_found"],
            ["e", "th", "calibration", "2026-03-01", "20", "℃", "0.3"],
            ["e", "th", "calibration", "2026-03-01", "60", "%RH", "1.5"],
        ),
    )
    (device,), (event,) = ledger.devices, ledger.events
    assert device.mpe is not None
    assert (device.mpe.unit, limits_at(device.mpe, 20.0)) == ("Cel", (-1.0, 1.0))
    assert [(point.test_point, point.unit, point.as_found) for point in event.points] == [(20.0, "Cel", 0.3)]
    (problem,) = ledger.problems
    assert "the instrument's limits are in Cel: it is not judged" in problem.remedy


@pytest.mark.parametrize("told", ["基本合格", "部分符合"])
def test_a_half_decision_is_refused_without_a_suggestion(told: str) -> None:
    (problem,) = events_of(HEAD, f"e|ts-1|interim|2026-01-15|{told}").problems
    assert problem.remedy == "give one of passed, failed, limited, not_testable, none"


def test_the_value_of_the_second_quantity_and_the_coverage_factor_stand_beside_the_point() -> None:
    found = point("100|L|1.5|0.5|0.3|1.96|%|2.5", "wm-1")
    assert (found.as_left, found.expanded_uncertainty, found.coverage_factor, found.at) == (0.5, 0.3, 1.96, 2.5)


def test_a_first_calibration_has_no_error_as_found_and_an_unknown_uncertainty_is_none() -> None:
    found = point("100|kg||0.1|")
    assert (found.as_found, found.as_left, found.expanded_uncertainty, found.coverage_factor) == (None, 0.1, None, 2.0)


ON_THE_15TH = "e|ts-1|calibration|2026-01-15|"
BAD = {
    "unknown kind of event": ("e|ts-1|calibraton|2026-01-15", "kind", "calibraton", "did you mean calibration"),
    "date as text that nobody can read": ("e|ts-1|calibration|spring", "completed", "spring", "write the date as"),
    "ambiguous date": ("e|ts-1|calibration|03/04/2026", "completed", "03/04/2026", "day or month"),
    "no such day": ("e|ts-1|calibration|2026-02-30", "completed", "2026-02-30", "no such day"),
    "serial number outside a date cell": ("e|ts-1|calibration|46096", "completed", "46096", "format the cell"),
    "date of another age": ("e|ts-1|calibration|1890-01-01", "completed", "1890-01-01", "give a date from"),
    "empty id": ("|ts-1|calibration|2026-01-15", "id", "", "is empty"),
    "empty instrument": ("e||calibration|2026-01-15", "instrument", "", "is empty"),
    "no instrument in the cell": ("e|;|calibration|2026-01-15", "instrument", ";", "names no instrument"),
    "empty date": ("e|ts-1|calibration|", "completed", "", "is empty"),
    "empty decision of a verification": ("e|ts-1|interim|2026-01-15|", "decision", "", "is empty"),
    "unknown decision": ("e|ts-1|interim|2026-01-15|pased", "decision", "pased", "did you mean passed"),
    "instrument that is not in the ledger": ("e|ts-9|calibration|2026-01-15", "instrument", "ts-9", "no instrument"),
}
MEASURED = f"{ON_THE_15TH}|||"
BAD_POINTS = {
    "unit of another dimension": (f"{MEASURED}5|MPa|0.1", "unit", "MPa", "measures pressure"),
    "error of another dimension": (f"{MEASURED}5|kg|0.1||||MPa", "error_unit", "MPa", "measures pressure"),
    "parts per million of something": (f"{MEASURED}5|kg|500||||ppm", "error_unit", "ppm", "measures dimensionless"),
    "unknown unit": (f"{MEASURED}5|kgg|0.1", "unit", "kgg", "no such unit"),
    "nan": (f"{MEASURED}5|kg|nan", "as_found", "nan", "finite"),
    "infinite": (f"{MEASURED}inf|kg|0", "test_point", "inf", "finite"),
    "error without a point": (f"{MEASURED}|kg|0.1", "test_point", "", "give the point"),
    "point without an error": (f"{MEASURED}5|kg", "as_left", "", "as found, as left, or both"),
    "uncertainty of zero": (f"{MEASURED}5|kg|0.1||0", "expanded_uncertainty", "0", "positive"),
    "coverage factor below zero": (f"{MEASURED}5|kg|0.1||1|-2", "coverage_factor", "-2", "positive"),
    "percent in one cell only": (f"{MEASURED}5|kg|0.1%||1", "as_found", "0.1%", "all in % or none"),
    "percent against the unit": (f"{MEASURED}5|kg|0.1%||||kg", "as_found", "0.1%", "said to be kg"),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_a_wrong_value_takes_its_test_point_away_and_leaves_the_event(name: str) -> None:
    row, column, value, remedy = BAD_POINTS[name]
    ledger = events_of(HEAD + POINTS, row, f"{MEASURED}7|kg|0.1")
    (event,) = ledger.events
    assert (event.completed, [point.test_point for point in event.points]) == (date(2026, 1, 15), [7.0])
    (problem,) = ledger.problems
    assert (problem.sheet, problem.row, problem.column, problem.value) == ("events", 2, column, value)
    assert remedy in problem.remedy
    assert problem.remedy.endswith("this test point is left out, the event stands")
    assert not problem.left_out


def test_a_verification_with_an_unreadable_value_keeps_its_date_and_decision() -> None:
    ledger = events_of(HEAD + POINTS, "e|ts-1|subsequent_verification|2026-01-15|passed|C-1|Lab|5|m|0.1")
    assert [(event.completed, event.decision, event.points) for event in ledger.events] == [
        (date(2026, 1, 15), Decision.PASSED, ())
    ]
    assert said(ledger) == [(2, "unit", "m")]


def test_a_value_that_one_of_many_items_cannot_have_stays_with_the_others() -> None:
    ledger = events_of(HEAD + POINTS, "e|ts-1;pg-1|calibration|2026-01-15||C-1|Lab|5|kg|0.1")
    assert [(event.instrument, len(event.points)) for event in ledger.events] == [("ts-1", 1), ("pg-1", 0)]
    assert said(ledger) == [(2, "unit", "kg")]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("20kg||1g", (20.0, "kg", 0.001)),
        ("0.5 t|kg|0.1kg||||", (500.0, "kg", 0.1)),
        ("1,000kg||100||||g", (1000.0, "kg", 0.1)),
    ],
)
def test_a_value_may_have_its_unit_in_its_own_cell(cells: str, expected: tuple[float, str, float]) -> None:
    found = point(cells)
    assert (found.test_point, found.unit, found.as_found) == pytest.approx(expected)


def test_a_unit_in_the_cell_against_the_one_beside_it_is_told() -> None:
    ledger = events_of(HEAD + POINTS, f"{MEASURED}5|kg|1g||||kg")
    assert [event.points for event in ledger.events] == [()]
    assert said(ledger) == [(2, "as_found", "1g")]


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_cell_is_named_and_the_other_rows_go_on(name: str) -> None:
    row, column, value, remedy = BAD[name]
    good = "{}|ts-1|calibration|2026-01-1{}||C-{}|Lab"
    ledger = events_of(HEAD + POINTS, good.format("a", 1, 1), row, good.format("b", 2, 2))
    assert [event.id for event in ledger.events] == ["a", "b"]
    (problem,) = ledger.problems
    assert (problem.sheet, problem.row, problem.column, problem.value) == ("events", 3, column, value)
    assert remedy in problem.remedy


def test_an_event_of_an_instrument_whose_row_is_refused_says_which_row() -> None:
    ledger = read(
        sheet("instruments", ["id", "kind"], ["ts-1", "trucc"]),
        sheet("events", ["instrument", "kind", "completed"], ["ts-1", "calibration", "2026-01-15"]),
    )
    assert ledger.events == ()
    assert "its row 2 among the instruments is refused" in ledger.problems[1].remedy


def test_an_event_after_the_day_of_the_question_is_kept_and_named_once() -> None:
    rows = ["e-1|ts-1|calibration|2062-02-26||C-1|Lab|5|kg|0", "e-1|||||||6|kg|0"]
    ledger = events_of(HEAD + POINTS, *rows)
    assert [len(event.points) for event in ledger.events] == [2]
    (problem,) = ledger.problems
    assert (problem.row, problem.column, problem.value) == (2, "completed", "2062-02-26")
    assert problem.remedy == "lies after the day of the question, 2026-06-01; check the year"


@pytest.mark.parametrize("cell", ["E-1", "e-1 ", "ｅ-1"])
def test_ids_of_events_are_matched_without_regard_to_capitals(cell: str) -> None:
    ledger = events_of(HEAD + POINTS, "e-1|ts-1|calibration|2026-01-15||||5|kg|0", f"{cell}|||||||6|kg|0")
    assert [(event.id, len(event.points)) for event in ledger.events] == [("e-1", 2)]


def test_a_number_with_a_zero_behind_its_point_is_the_same_id() -> None:
    instruments = sheet("instruments", ["id", "kind"], ["1001", "truck_scale"], ["1002.0", "truck_scale"])
    rows = [["7.0", "1001.0", "repair", "2026-03-01", ""], ["8", "1002", "repair", "2026-03-01", "7"]]
    events = sheet("events", ["id", "instrument", "kind", "completed", "supersedes"], *rows)
    assert [(event.id, event.instrument) for event in read(instruments, events).events] == [
        ("7", "1001"),
        ("8", "1002"),
    ]


WITHOUT_IDS = "instrument|kind|completed|decision|certificate|performed_by|test_point|as_found|completed_at"


def test_without_ids_rows_with_empty_cells_are_points_of_the_event_above() -> None:
    ledger = events_of(
        WITHOUT_IDS,
        "ts-1|interim|2026-01-15|passed|C-1|Lab|1|0|2026-01-15T08:00:00",
        "ts-1|interim|2026-01-15||C-1||2|0|",
        "ts-1|interim|2026-01-15||||3|0|",
    )
    assert ledger.problems == ()
    assert [(event.decision, len(event.points)) for event in ledger.events] == [(Decision.PASSED, 3)]


def test_without_ids_another_instant_of_the_day_is_another_event() -> None:
    ledger = events_of(
        WITHOUT_IDS,
        "ts-1|intermediate_check|2026-01-15||||1|0|2026-01-15T08:00:00",
        "ts-1|intermediate_check|2026-01-15||||1|0|2026-01-15T16:00:00",
        "ts-1|intermediate_check|2026-01-15||||2|0|2026-01-15T16:00:00",
        "ts-1|intermediate_check|2026-01-15||||3|0|",
    )
    assert ledger.problems == ()
    assert [[point.test_point for point in event.points] for event in ledger.events] == [[1.0], [1.0, 2.0, 3.0]]


def test_an_instant_on_another_day_than_the_date_is_refused() -> None:
    ledger = events_of(
        HEAD + "|completed_at",
        "e-1|ts-1|calibration|2026-01-15||C-1|Lab|2026-01-15T20:00:00Z",  # the 16th in China
    )
    assert said(ledger) == [(2, "completed_at", "2026-01-15T20:00:00Z")]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("2.5级", "2.5"),
        ("4级", "4.0"),
        ("class 1.60", "1.6"),
        ("(0~0.6) MPa", "(0~0.6) MPa"),
        ("4级 0~0.6 MPa", "4.0, 0~0.6 MPa"),
        ("4级; 0~0.6 MPa", "4.0, 0~0.6 MPa"),
    ],
)
def test_what_a_limited_decision_leaves_is_a_class_of_the_kind_or_a_range(told: str, left: str) -> None:
    ledger = events_of(HEAD + "|limited_to", f"e|pg-1|interim|2026-01-15|limited|C-1|Lab|{told}")
    assert ledger.problems == ()
    assert [event.limited_to for event in ledger.events] == [left]


@pytest.mark.parametrize(
    ("told", "remedy"), [("B级", "there are 1.0, 1.6, 2.5, 4.0"), ("", "give the class or the range")]
)
def test_a_limited_decision_that_does_not_say_to_what_stays_and_is_asked_back(told: str, remedy: str) -> None:
    ledger = events_of(HEAD + "|limited_to", f"e|pg-1|interim|2026-01-15|limited|C-1|Lab|{told}")
    assert [(event.decision, event.limited_to) for event in ledger.events] == [(Decision.LIMITED, None)]
    assert said(ledger) == [(2, "limited_to", told)]
    assert remedy in ledger.problems[0].remedy


def test_only_a_limited_decision_leaves_a_class() -> None:
    ledger = events_of(HEAD + "|limited_to", "e-1|ts-1|interim|2026-01-15|passed|C-1|Lab|IIII")
    assert said(ledger) == [(2, "limited_to", "IIII")]


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ("e-2|ts-2|calibration|2026-01-15||C-1|Lab", True),
        ("e-2|ts-1|calibration|2026-02-15||c-1|LAB ", True),
        ("e-2|ts-1;ts-2|calibration|2026-01-15||C-1|Lab", True),
        ("e-2|ts-2|calibration|2026-01-15||C-1|Other body", False),
        ("e-2|ts-1|calibration|2025-01-15||C-1|", True),
        ("e-2|ts-1|calibration|2026-01-15|passed|C-1|Lab", True),
        ("e-2|ts-2|calibration|2026-01-15|||Lab", False),
        ("e-2|ts-1|intermediate_check|2026-01-15||C-1|Lab", False),
    ],
)
def test_a_certificate_number_belongs_to_one_instrument_one_day_and_one_decision_of_one_body(
    row: str, refused: bool
) -> None:
    ledger = events_of(HEAD, "e-1|ts-1|calibration|2026-01-15||C-1|Lab", row)
    assert len(ledger.events) == 1 if refused else len(ledger.events) == 2
    assert [(problem.row, problem.column) for problem in ledger.problems] == ([(3, "certificate")] if refused else [])


@pytest.mark.parametrize("replaced", ["e-1", "C-1"])
def test_a_corrected_certificate_may_keep_its_number(replaced: str) -> None:
    ledger = events_of(
        HEAD + "|supersedes",
        "e-1|ts-1|calibration|2026-01-15||C-1|Lab|",
        f"e-2|ts-1|calibration|2026-01-16||C-1|Lab|{replaced}",
    )
    assert ledger.problems == ()
    assert [(event.id, event.supersedes) for event in ledger.events] == [("e-1", None), ("e-2", replaced)]


def test_a_certificate_for_many_items_is_superseded_item_by_item() -> None:
    ledger = events_of(
        HEAD + "|supersedes",
        "e-1|ts-1;ts-2|calibration|2026-01-15||C-1|Lab|",
        "e-2|ts-2|calibration|2026-01-16||C-2|Lab|e-1",
    )
    assert [(event.id, event.supersedes) for event in ledger.events][2] == ("e-2", "e-1-ts-2")


@pytest.mark.parametrize("other", ["C-1", "e-7"])
def test_what_is_no_events_id_may_be_a_certificates_number_and_is_kept(other: str) -> None:
    ledger = events_of(HEAD + "|supersedes", f"e-2|ts-1|calibration|2026-01-16||C-2|Lab|{other}")
    assert [event.supersedes for event in ledger.events] == [other]


def test_an_event_that_supersedes_itself_is_refused() -> None:
    ledger = events_of(HEAD + "|supersedes", "e-2|ts-1|calibration|2026-01-16||C-2|Lab|e-2")
    assert ledger.events == ()
    assert said(ledger) == [(2, "supersedes", "e-2")]


def test_merged_and_unknowable_cells_refuse_their_rows() -> None:
    table = sheet(
        "events",
        ["id", "instrument", "kind", "completed"],
        ["e-1", "ts-1", "calibration", "2026-01-15"],
        ["e-2", "ts-1", "calibration", ""],
        ["e-3", "ts-1", "calibration", ""],
        ["e-4", "ts-1", "calibration", "2026-01-16"],
        merged=[MergedCells(reference="D2:D3", first_row=2, last_row=3, first_column=3, last_column=3)],
        faults={(4, 3): CellFault(value="#REF!", remedy="correct the formula")},
    )
    ledger = read(INSTRUMENTS, table)
    assert [event.id for event in ledger.events] == ["e-4"]
    assert said(ledger) == [(2, "completed", "D2:D3"), (4, "completed", "#REF!")]


def test_a_sheet_without_its_columns_cannot_be_read() -> None:
    with pytest.raises(LedgerError, match=r"events: column completed.*is missing"):
        events_of("instrument|kind", "ts-1|calibration")
