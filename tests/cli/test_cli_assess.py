"""`steelyard assess`: a ledger in, the answer out. The judgement has tests of its own; here it is a stand-in."""

import contextlib
import io
import json
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import pytest
from cli.test_cli_registry_file import GOOD

from steelyard.calibration.judging import Judgement, WantedOrder
from steelyard.calibration.ledger import EVENT_COLUMNS, INSTRUMENT_COLUMNS
from steelyard.calibration.verification.devices import Device, DeviceState, Use
from steelyard.calibration.verification.events import Decision, EventKind, VerificationEvent
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.cli.main import main
from steelyard.storage.tables import read_tables

DOCS = Path(__file__).parents[2] / "docs"
ON = date(2026, 6, 1)
INSTRUMENTS = [
    ["id", "name", "kind", "unit", "range_low", "range_high", "use", "owner", "region"],
    ["ts-1", "Gate scale", "truck_scale", "t", 0, 60, "trade", "acme", "cn-zj"],
    ["ts-2", "Yard scale", "电子汽车衡", "kg", 0, 30000, "trade", "某某公司", None],
    ["ts-3", "Old scale", "trucc_scale", "kg", 0, 30000, "trade", "acme", None],
]
EVENTS = [
    [
        "id",
        "instrument",
        "kind",
        "completed",
        "decision",
        "certificate",
        "performed_by",
        "test_point",
        "unit",
        "as_found",
    ],
    ["e-1", "ts-1; ts-2", "subsequent_verification", date(2025, 6, 20), "passed", "C-1", "Institute", 10, "t", 0.005],
    ["e-2", "ts-2", "后续检定", "2025年1月10日", "合格", "C-0", "Institute", 10, "t", 0.005],
    ["e-3", "ts-2", "calibration", "03/04/2025", None, "C-2", "Lab", None, None, None],
]


@dataclass
class Judge:
    """Says that each instrument's period of a year ends after its last event; one without events is unverified."""

    asked: list[tuple[Sequence[Device], Sequence[VerificationEvent], date]] = field(default_factory=list)

    def __call__(
        self,
        devices: Sequence[Device],
        events: Sequence[VerificationEvent],
        *,
        on: date,
        progress: Callable[[int, int], None] | None,
        **_: object,
    ) -> tuple[list[Judgement], list[str]]:
        self.asked.append((devices, events, on))
        if progress is not None:
            for done in range(0, 2 * len(devices), 500):
                progress(done, 2 * len(devices))
        return [self._one(device, [e for e in events if e.instrument == device.id], on) for device in devices], [
            "Certificates C-0 and C-1 show the same values."
        ]

    def _one(self, device: Device, events: Sequence[VerificationEvent], on: date) -> Judgement:
        due = max((e.completed + timedelta(days=365) for e in events), default=None)
        soon = due is not None and due - on < timedelta(days=30)
        status = (
            InstrumentStatus.UNVERIFIED
            if due is None
            else InstrumentStatus.DUE_SOON
            if soon
            else InstrumentStatus.VALID
        )
        order = WantedOrder(trigger=Trigger.DUE, due_date=due or on, reason=f"The period of {device.name} ends.")
        return Judgement(
            instrument=device.id,
            status=status,
            statutory_due=due,
            valid_until=None if due is None else due - timedelta(days=1),
            due_date=due,
            doubtful=device.id == "ts-2",
            orders=(order,) if soon else (),
            problems=("The class is missing.",) if device.id == "ts-1" else (),
        )


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    stand_in = Judge()
    monkeypatch.setattr("steelyard.cli.commands.assess.judge_ledger", stand_in)
    return stand_in


def save(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return save(tmp_path / "ledger.xlsx", notes=[["kept by the desk"]], instruments=INSTRUMENTS, events=EVENTS)


def csv(rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> bytes:
    return "\r\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows).encode(encoding)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict:
    assert main(["assess", *map(str, arguments), "--on", "2026-06-01", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_answer_for_programs_has_every_instrument_that_is_right_and_every_problem(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(capsys, ledger)
    assert [each["id"] for each in told["instruments"]] == ["ts-1", "ts-2"]
    first, second = told["instruments"]
    assert first == {
        "id": "ts-1",
        "status": "due_soon",
        "statutory_due": "2026-06-20",
        "valid_until": "2026-06-19",
        "due_date": "2026-06-20",
        "doubtful": False,
        "orders": [{"trigger": "due", "due_date": "2026-06-20", "reason": "The period of Gate scale ends."}],
        "problems": ["The class is missing."],
    }
    # What is not right in an event's row is told with its instrument, too.
    (of_event,) = second["problems"]
    assert "03/04/2025" in of_event
    of_kind, again, of_all = told["problems"]
    assert of_kind.startswith("instruments, row 4 (ts-3), column kind: 'trucc_scale': ")
    assert "truck_scale" in of_kind
    assert again == of_event
    assert of_event.startswith("events, row 4 (ts-2), column completed: ")
    assert of_all == "Certificates C-0 and C-1 show the same values."


def test_what_is_judged_is_what_the_rows_say(ledger: Path, judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, ledger)
    ((devices, events, on),) = judge.asked
    assert on == ON
    assert [(d.id, d.kind, d.range_high, d.unit, d.owner) for d in devices] == [
        ("ts-1", "truck_scale", 60.0, "t", "acme"),
        ("ts-2", "truck_scale", 30000.0, "kg", "某某公司"),
    ]
    assert [(e.id, e.kind, e.completed, e.points[0].test_point) for e in events] == [
        ("e-1-ts-1", EventKind.SUBSEQUENT_VERIFICATION, date(2025, 6, 20), 10.0),
        ("e-1-ts-2", EventKind.SUBSEQUENT_VERIFICATION, date(2025, 6, 20), 10_000.0),
        ("e-2", EventKind.SUBSEQUENT_VERIFICATION, date(2025, 1, 10), 10_000.0),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_two_csv_files_say_the_same_as_a_workbook(
    encoding: str, ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instruments, events = tmp_path / "instruments.csv", tmp_path / "events.csv"
    instruments.write_bytes(csv(INSTRUMENTS, encoding))
    events.write_bytes(csv(EVENTS, encoding))
    from_csv = answer(capsys, instruments, "--events", events)
    from_workbook = answer(capsys, ledger)
    assert from_csv["problems"][0].startswith("instruments.csv, row 4 (ts-3)")
    for each in (*from_csv["instruments"], *from_workbook["instruments"]):
        each["problems"] = len(each["problems"])
    assert from_csv["instruments"] == from_workbook["instruments"]


def test_events_may_have_a_workbook_of_their_own_or_be_left_out_of_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instruments = tmp_path / "instruments.csv"
    instruments.write_bytes(csv(INSTRUMENTS))
    events = save(tmp_path / "events.xlsx", 检定记录=EVENTS)
    assert answer(capsys, instruments, "--events", events)["instruments"][0]["status"] == "due_soon"
    assert answer(capsys, instruments)["instruments"][0]["status"] == "unverified"


def test_people_read_counts_then_work_by_date_then_what_is_not_right(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assess", str(ledger), "--on", "2026/6/1"]) == 0
    counts, work, rows, problems, rows_of_problems = capsys.readouterr().out.split("\n\n")
    assert counts.splitlines() == [
        "2 rows are not judged: see below",
        "On 2026-06-01: 2 instruments, 3 events",
        "      2  due soon",
        "      1  of them doubtful",
    ]
    assert work == "What needs work (2)"
    header, _, first, second = rows.splitlines()
    assert header.split() == ["due", "instrument", "kind", "owner", "region", "trigger", "reason"]
    assert first.split(maxsplit=6) == [
        *("2026-06-20", "ts-1", "truck_scale", "acme", "cn-zj", "due"),
        "The period of Gate scale ends.",
    ]
    # Columns stay in line beside Chinese names, of which each character is two columns wide.
    assert second.index("–") == first.index("cn-zj") - len("某某公司")
    assert problems == "What is not right (4)"
    assert rows_of_problems.splitlines()[-1] == "instruments, row 2 (ts-1): The class is missing."


def test_an_instrument_that_cannot_be_judged_is_counted_and_named_with_its_row(
    ledger: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one_less(*arguments: object, **options: object) -> tuple[list[Judgement], list[str]]:
        judgements, _ = judge(*arguments, **options)  # type: ignore[arg-type]
        return judgements[1:], ["instrument ts-1: use: 'trade': no rule; it is left out"]

    monkeypatch.setattr("steelyard.cli.commands.assess.judge_ledger", one_less)
    assert main(["assess", str(ledger), "--on", "2026-06-01"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "3 rows are not judged: see below"
    assert "instruments, row 2: instrument ts-1: use: 'trade': no rule; it is left out" in told


def test_the_plan_is_a_workbook_of_the_year(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.xlsx"
    answer(capsys, ledger, "--out", plan)
    tables = {table.name: table.rows for table in read_tables(plan.read_bytes(), "plan.xlsx").tables}
    header, first, second = tables["plan"]
    assert header.cells == (
        *("month", "due date", "instrument", "name", "kind", "serial", "owner", "region", "valid until", "certificate"),
        *("trigger", "reason"),
    )
    assert first.cells == (
        *("2026-06", "2026-06-20", "ts-1", "Gate scale", "truck_scale", "–", "acme", "cn-zj", "2026-06-19", "C-1"),
        *("due", "The period of Gate scale ends."),
    )
    assert second.cells[2:8] == ("ts-2", "Yard scale", "truck_scale", "–", "某某公司", "–")
    assert [row.cells[:4] for row in tables["problems"][1:3]] == [
        ("instruments", "4", "kind", "ts-3"),
        ("events", "4", "completed", "ts-2"),
    ]


def test_the_plan_names_what_falls_due_within_the_year_before_an_order_is_raised(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.xlsx"
    assert main(["assess", str(ledger), "--on", "2025-07-01", "--out", str(plan)]) == 0
    rows = read_tables(plan.read_bytes(), "plan.xlsx").tables[0].rows[1:]
    assert [(row.cells[0], row.cells[10], row.cells[11]) for row in rows] == [
        ("2026-06", "due", "The period ends: the last day is 2026-06-19.")
    ] * 2
    assert main(["assess", str(ledger), "--on", "2025-06-20", "--out", str(plan)]) == 0
    assert len(read_tables(plan.read_bytes(), "plan.xlsx").tables[0].rows) == 1  # a year from the day, exclusive
    assert "Nothing needs work." in capsys.readouterr().out


def test_work_that_should_have_been_done_long_ago_is_planned_for_this_month(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.xlsx"
    assert main(["assess", str(ledger), "--on", "2027-03-01", "--out", str(plan)]) == 0
    rows = read_tables(plan.read_bytes(), "plan.xlsx").tables[0].rows[1:]
    assert {row.cells[:2] for row in rows} == {("2027-03", "2026-06-20")}


@pytest.mark.parametrize("name", ["/dev/null", "", ".", "pipe", "nul\0"])
@pytest.mark.parametrize("option", ["--out", "--template"])
def test_nothing_is_written_but_regular_files(
    option: str, name: str, ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ledger.parent)
    os.mkfifo("pipe")
    assert main(["assess", str(ledger), "--on", "2026-06-01", option, name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"steelyard: {option} ")
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_a_plan_named_by_a_link_is_written_where_the_link_leads(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "link.xlsx").symlink_to(tmp_path / "plan.xlsx")
    assert main(["assess", str(ledger), "--on", "2026-06-01", "--out", str(tmp_path / "link.xlsx")]) == 0
    assert (tmp_path / "link.xlsx").is_symlink()
    assert read_tables((tmp_path / "plan.xlsx").read_bytes(), "plan.xlsx").sheets[0] == "plan"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_an_output_that_is_full_is_told_in_a_sentence(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full, contextlib.suppress(OSError):
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["assess", str(ledger), "--on", "2026-06-01"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "steelyard: cannot write: No space left on device; make room there, or write elsewhere"


def test_an_output_without_chinese_gets_question_marks_and_escapes(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["assess", str(ledger), "--on", "2026-06-01"]) == 0
    assert b"ts-2        truck_scale  ????" in out.buffer.getvalue()
    begins = out.tell()
    assert main(["assess", str(ledger), "--on", "2026-06-01", "--json"]) == 0
    assert [each["id"] for each in json.loads(out.buffer.getvalue()[begins:])["instruments"]] == ["ts-1", "ts-2"]


def test_the_template_is_a_ledger_without_instruments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new.xlsx"
    assert main(["assess", "--template", str(path)]) == 0
    assert "--on DATE" in capsys.readouterr().out
    told = answer(capsys, path)
    assert told["instruments"] == []
    book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()))
    assert [cell.value for cell in book["instruments"][1]] == [c.name for c in INSTRUMENT_COLUMNS if c.name != "range"]
    assert [cell.value for cell in book["events"][1]] == [c.name for c in EVENT_COLUMNS]
    assert len(book["instruments"].data_validations.dataValidation) == 4
    assert main(["assess", "--template", str(path)]) == 2
    assert "never overwrites" in capsys.readouterr().err


def test_a_registry_file_is_judged_too(tmp_path: Path, judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert answer(capsys, path)["instruments"][0]["statutory_due"] == "2026-03-01"
    ((devices, events, _),) = judge.asked
    first, second = devices
    assert (first.id, first.kind, first.owner, first.region) == ("pt-1", "pressure_transmitter", "acme", "cn-zj")
    assert (first.regime, first.period_months, first.put_into_use) == (Regime.VOLUNTARY, 24, date(2024, 2, 29))
    assert (first.unit, second.mpe) == ("MPa", None)
    assert [event.id for event in events] == ["cert-1"]


def test_unknown_columns_and_progress_are_told_beside_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["id", "kind", "remark"], *([f"ts-{n}", "truck_scale", ""] for n in range(5_100))]
    ledger = save(tmp_path / "ledger.xlsx", instruments=rows, events=EVENTS[:1])
    assert len(answer(capsys, ledger)["instruments"]) == 5_100
    assert main(["assess", str(ledger), "--on", "2026-06-01"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "instruments: 5000 rows read",
        "columns that mean nothing here: remark",
        "use: empty for 5100 instruments, taken as trade; write none where the law controls nothing",
        *(f"{percent} % of 5100 instruments judged" for percent in range(10, 100, 10)),
    ]


@pytest.mark.parametrize(
    ("name", "content", "more", "words"),
    [
        ("nowhere.xlsx", None, [], ["nowhere.xlsx", "No such file"]),
        ("l.xlsx", b"no workbook", [], ["l.xlsx", "not an XLSX workbook"]),
        ("l.csv", b"id,kind\n\xff\xff,x", [], ["l.csv", "neither UTF-8 nor GB18030"]),
        ("l.csv", b"id,name\nts-1,x", [], ["steelyard: l.csv: column kind", "is missing"]),
        ("l.csv", b"id,kind\nx," + b"x" * 140_000, [], ["l.csv, line 2", "a cell of more than 131072 characters"]),
        ("l.csv", b"id,kind\nts-1,truck_scale", ["--events", "nowhere.csv"], ["nowhere.csv"]),
        ("l.csv", b"id,kind\n", ["--on", "03/04/2026"], ["--on", "day or month"]),
        ("l.csv", b"id,kind\n", ["--out", "l.csv"], ["l.csv", "is the ledger itself"]),
        ("l.csv", b"id,kind\n", ["--catalogue", "nowhere.toml"], ["cannot read nowhere.toml"]),
        ("l.toml", b"[[organisation]]\n", [], ["l.toml", "organisation", "did you mean"]),
        ("l.toml", b"", ["--events", "e.csv"], ["--events", "leave this out"]),
    ],
)
def test_what_cannot_be_read_gives_one_message_and_status_2(
    name: str,
    content: bytes | None,
    more: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    assert main(["assess", name, "--on", "2026-06-01", *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("sheets", "words"),
    [
        ({"events": EVENTS}, ["sheet 'instruments' is missing", "there are events"]),
        ({"instruments": INSTRUMENTS, "Tabelle1": []}, ["sheet 'events' is missing", "instruments, Tabelle1"]),
        ({"instruments": INSTRUMENTS, "台账": [], "events": EVENTS}, ["instruments and 台账 both mean instruments"]),
        ({"instruments": INSTRUMENTS, "events": [["instrument", "kind"]]}, ["events: column completed", "is missing"]),
    ],
)
def test_a_workbook_without_its_sheets_or_columns_gives_one_message_and_status_2(
    sheets: dict, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assess", str(save(tmp_path / "l.xlsx", **sheets)), "--on", "2026-06-01"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line


def test_a_ledger_whose_events_are_empty_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = save(tmp_path / "l.xlsx", instruments=INSTRUMENTS[:2], events=[])
    assert answer(capsys, book)["instruments"][0]["status"] == "unverified"
    (tmp_path / "i.csv").write_bytes(csv(INSTRUMENTS[:2]))
    (tmp_path / "e.csv").write_bytes(b"")
    assert answer(capsys, tmp_path / "i.csv", "--events", tmp_path / "e.csv")["problems"][:-1] == []


def test_a_chart_sheet_without_a_chart_does_not_disturb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = openpyxl.load_workbook(save(tmp_path / "l.xlsx", instruments=INSTRUMENTS[:2], events=EVENTS))
    book.create_chartsheet("chart", 0)
    book.save(tmp_path / "l.xlsx")
    assert [each["id"] for each in answer(capsys, tmp_path / "l.xlsx")["instruments"]] == ["ts-1"]


@pytest.mark.parametrize(("arguments", "word"), [([], "--template"), (["l.csv"], "--on: is missing")])
def test_without_a_file_or_a_day_it_says_what_is_missing(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assess", *arguments]) == 2
    assert word in capsys.readouterr().err


def test_the_reference_names_every_column_its_headings_and_every_word() -> None:
    page = (DOCS / "reference/ledger.md").read_text(encoding="utf-8")
    for column in (*INSTRUMENT_COLUMNS, *EVENT_COLUMNS):
        (row, *_) = [
            line for line in page.splitlines() if line.startswith(f"| `{column.name}` | ") and column.note in line
        ]
        for word in column.words.split():
            assert word in row
    for words in (Use, DeviceState, Regime, EventKind, Decision):
        for word in words:
            assert f"| `{word.value}` |" in page
