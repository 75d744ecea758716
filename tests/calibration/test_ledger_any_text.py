"""Whatever stands in a cell, the answer is devices, events and problems, never an exception."""

import contextlib

from calibration.ledgers import INSTRUMENTS, read, sheet
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import LedgerError
from steelyard.calibration.ledger import EVENT_COLUMNS, INSTRUMENT_COLUMNS

INSTRUMENT_NAMES = [column.name for column in INSTRUMENT_COLUMNS if column.name != "range"]
EVENT_NAMES = [column.name for column in EVENT_COLUMNS]
TOKENS = [
    *("0", "1", "-1", "1e308", "1e999", "nan", "inf", "0.5%", "%", "½", "²", "٣", "−5", "=", ";", "..", "~"),
    *("kg", "g", "MPa", "K", "ppm", "℃", "º", "(0~1)", "±1", "±xkg", "dn=20", "truck_scale", "water_meter"),
    *("2026-01-15", "0001-01-01", "9999-12-31", "99999999", "10000年1月1日", "2020-01-01..", "2020-01-01..2019-01-01"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "ts-1", "wm-1", "ts-1;ts-2", "e-1", "acme"),
    *("passed", "failed", "none", "limited", "interim", "calibration", "repair"),
]
CELLS = st.one_of(
    st.sampled_from(TOKENS), st.lists(st.sampled_from(TOKENS), max_size=4).map(" ".join), st.text(max_size=12)
)


def rows(width: int) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=4)


@given(rows(len(INSTRUMENT_NAMES)))
def test_any_text_in_any_cell_of_an_instrument_is_a_device_or_a_problem(cells: list[list[str]]) -> None:
    filled = [row for row in cells if any(cell.strip() for cell in row)]
    ledger = read(sheet("instruments", INSTRUMENT_NAMES, *cells))
    left_out = {problem.row for problem in ledger.problems if problem.left_out}
    assert len(ledger.devices) + len(left_out) == len(filled)


@given(st.sampled_from(INSTRUMENT_NAMES), CELLS)
def test_any_text_in_one_cell_of_a_good_instrument(name: str, cell: str) -> None:
    good = {"id": "ts-1", "kind": "truck_scale", "unit": "kg", "range_low": "0", "range_high": "3000"} | {name: cell}
    ledger = read(sheet("instruments", list(good), list(good.values())))
    assert bool(ledger.devices) != any(problem.left_out for problem in ledger.problems)


@given(rows(len(EVENT_NAMES)))
def test_any_text_in_any_cell_of_an_event_is_an_event_or_a_problem(cells: list[list[str]]) -> None:
    read(INSTRUMENTS, sheet("events", EVENT_NAMES, *cells))


@given(st.sampled_from(EVENT_NAMES), CELLS)
def test_any_text_in_one_cell_of_a_good_event(name: str, cell: str) -> None:
    good = {
        "id": "e-1",
        "instrument": "ts-1",
        "kind": "interim",
        "completed": "2026-01-15",
        "decision": "passed",
        "test_point": "5",
        "as_found": "0",
    } | {name: cell}
    ledger = read(INSTRUMENTS, sheet("events", list(good), list(good.values())))
    assert ledger.events or ledger.problems


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_headings_are_understood_or_refused(headings: list[str]) -> None:
    with contextlib.suppress(LedgerError):
        ledger = read(sheet("instruments", headings, headings))
        assert ledger.devices or ledger.problems
