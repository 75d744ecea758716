"""The sheet of instruments: rows become devices, rows that are not right are named with cell and remedy."""

from datetime import date

import pytest
from calibration.ledgers import instruments_of, read, said, sheet

from steelyard.calibration.errors import LedgerError
from steelyard.calibration.ledger import sheet_meant
from steelyard.calibration.mpe import limits_at
from steelyard.calibration.verification.devices import DeviceState, Use
from steelyard.calibration.verification.regime import Regime
from steelyard.storage.tables import CellFault, MergedCells


def test_a_meters_range_may_be_said_in_flows() -> None:
    ledger = instruments_of("id|kind|unit|range_low|range_high", "wm-1|water_meter|m3/h|0.025|3.125")
    (device,) = ledger.devices
    assert (device.unit, device.range_low, device.range_high) == (None, None, None)
    assert ledger.problems == ()


def test_a_row_becomes_a_device() -> None:
    ledger = instruments_of(
        "id|name|kind|accuracy_class|range_low|range_high|unit|scale_interval|use|region|owner|state|state_since"
        "|put_into_use|regime|period_months|mpe|maker|model|serial|batch|seal|parameters",
        "ts-1|Gate scale|truck_scale|III|0|60,000|kg|20|trade|cn-zj|acme|stored|2026-01-31|2020-02-01|periodic|6"
        "|±0.5 kg|Mettler|VTS|S-77|B1|intact|e=20",
    )
    assert ledger.problems == ()
    (device,) = ledger.devices
    assert (device.id, device.name, device.kind, device.accuracy_class) == ("ts-1", "Gate scale", "truck_scale", "III")
    assert (device.range_low, device.range_high, device.unit, device.scale_interval) == (0.0, 60000.0, "kg", 20.0)
    assert (device.use, device.region, device.owner) == (Use.TRADE, "cn-zj", "acme")
    assert (device.state, device.state_since) == (DeviceState.STORED, date(2026, 1, 31))
    assert (device.put_into_use, device.regime, device.period_months) == (date(2020, 2, 1), Regime.PERIODIC, 6)
    assert device.mpe is not None
    assert limits_at(device.mpe, 100.0) == (-0.5, 0.5)
    assert (device.maker, device.model, device.serial, device.batch, device.seal) == (
        "Mettler",
        "VTS",
        "S-77",
        "B1",
        "intact",
    )
    assert device.parameters == {"e": 20.0}


def test_a_chinese_ledger_with_a_title_above_its_headings_is_read() -> None:
    table = sheet(
        "台账",
        ["2026年计量器具台账"],
        [
            "序号",
            "器具编号",
            "器具名称",
            "器具种类",
            "测量范围（t）",
            "检定分度值(kg)",
            "用途",
            "使用单位",
            "检定周期（年）",
        ],
        ["1", "TS-1", "汽车衡", "电子汽车衡", "(0～60)", "20", "贸易结算", "某某公司", "1"],
        merged=[MergedCells(reference="A1:I1", first_row=1, last_row=1, first_column=0, last_column=8)],
    )
    ledger = read(table)
    assert ledger.problems == ()
    (device,) = ledger.devices
    assert (device.id, device.kind, device.use, device.owner) == ("TS-1", "truck_scale", Use.TRADE, "某某公司")
    assert (device.range_low, device.range_high, device.unit) == (0.0, 60.0, "t")
    assert device.scale_interval == pytest.approx(0.02)  # 20 kg by the heading, in t
    assert device.period_months == 12
    assert ledger.ignored == ("序号",)


@pytest.mark.parametrize(
    "headings",
    [
        "ID | Kind |UNIT",
        "id|kind|unit",
        "ＩＤ|ｋｉｎｄ|Ｕｎｉｔ",
        "id *|kind_|unit (UCUM)",
        "编号|种类|单位",
        " Id|K i n d|unit：",
    ],
)
def test_case_spaces_brackets_and_full_width_letters_of_headings_are_forgiven(headings: str) -> None:
    assert [device.unit for device in instruments_of(headings, "wm-1|water_meter|L").devices] == ["L"]


@pytest.mark.parametrize("name", ["instruments", " Instruments ", "计量器具台账", "INSTRUMENTS"])
def test_sheets_are_known_by_english_and_chinese_names(name: str) -> None:
    assert sheet_meant(name) == "instruments"
    assert sheet_meant("检定记录") == "events"
    assert sheet_meant("Sheet1") is None


@pytest.mark.parametrize(
    ("headings", "words"),
    [
        ("id|name", ["column kind", "is missing", "id, name"]),
        ("a|b", ["headings", "id, kind"]),
        ("id|编号|kind", ["id, 编号", "both columns mean id"]),
    ],
)
def test_a_sheet_without_its_columns_cannot_be_read(headings: str, words: list[str]) -> None:
    with pytest.raises(LedgerError) as caught:
        instruments_of(headings, "x|y|z")
    for word in words:
        assert word in str(caught.value)


def test_an_empty_sheet_cannot_be_read() -> None:
    with pytest.raises(LedgerError, match="give a heading row"):
        read(sheet("instruments", []))


ALL = "id|kind|unit|range_low|range_high|state_since|owner|period_months|mpe|use|parameters"
BAD = {
    "empty required cell": ("ts-1|", "kind", "", "is empty"),
    "empty id": ("|truck_scale", "id", "", "is empty"),
    "id too long": (f"{'x' * 101}|truck_scale", "id", "x" * 101, "on one line"),
    "unknown kind": ("ts-1|trucc", "kind", "trucc", "(truck_scale)?"),
    "unknown unit": ("ts-1|truck_scale|kilo", "unit", "kilo", "no such unit"),
    "unit of another quantity": ("wm-1|water_meter|kg", "unit", "kg", "give what a water_meter measures, in m3, L"),
    "comma decimals": ("ts-1|truck_scale|kg|0|1,5", "range_high", "1,5", "decimal sign"),
    "nan": ("ts-1|truck_scale|kg|0|NaN", "range_high", "NaN", "finite"),
    "inf": ("ts-1|truck_scale|kg|0|inf", "range_high", "inf", "finite"),
    "half a range": ("ts-1|truck_scale|kg|0|", "range_high", "", "both ends"),
    "range upside down": ("ts-1|truck_scale|kg|5|1", "range_high", "1", "above 5"),
    "ambiguous date": ("ts-1|truck_scale|kg|0|1|03/04/2026", "state_since", "03/04/2026", "day or month"),
    "no such day": ("ts-1|truck_scale|kg|0|1|2026-02-30", "state_since", "2026-02-30", "no such day"),
    "overlapping owners": (
        "ts-1|truck_scale|kg|0|1||a 2020-1-1..; b 2021-1-1..",
        "owner",
        "a 2020-1-1..; b 2021-1-1..",
        "both own",
    ),
    "period of nothing": ("ts-1|truck_scale|kg|0|1|||0", "period_months", "0", "1 to 1200"),
    "unreadable limits": ("ts-1|truck_scale|kg|0|1||||0.5", "mpe", "0.5", "±0.5 kg"),
    "unknown use": ("ts-1|truck_scale|kg|0|1|||||tade", "use", "tade", "did you mean trade?"),
    "unknown parameter": ("wm-1|water_meter|L|0|1||||||qq3=1", "parameters", "qq3=1", "did you mean q3?"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_cell_is_named_and_the_other_rows_go_on(name: str) -> None:
    row, column, value, remedy = BAD[name]
    ledger = instruments_of(ALL, "before|truck_scale", row, "after|truck_scale")
    assert [device.id for device in ledger.devices] == ["before", "after"]
    (problem,) = ledger.problems
    assert (problem.sheet, problem.row, problem.column, problem.value) == ("instruments", 3, column, value)
    assert remedy in problem.remedy
    assert problem.instrument == row.split("|")[0]


def test_all_wrong_cells_of_a_row_are_told_at_once() -> None:
    assert said(instruments_of(ALL, "ts-1|trucc|kilo|x")) == [
        (2, "kind", "trucc"),
        (2, "unit", "kilo"),
        (2, "range_low", "x"),
    ]


@pytest.mark.parametrize(
    ("kind", "told", "name"),
    [
        ("truck_scale", "中准确度级", "III"),
        ("digital_indicating_scale", "普通准确度级", "IIII"),
        ("digital_indicating_scale", "③", "III"),
        ("digital_indicating_scale", "④级", "IIII"),
        ("digital_indicating_scale", "Ⅲ", "III"),
        ("pressure_gauge", "1.6级", "1.6"),
        ("fuel_dispenser", "0.3级", "0.3级"),  # it has no classes: what stands there is nobody's business
    ],
)
def test_an_accuracy_class_is_read_as_people_write_it(kind: str, told: str, name: str) -> None:
    ledger = instruments_of("id|kind|accuracy_class", f"x|{kind}|{told}")
    assert ledger.problems == ()
    assert [device.accuracy_class for device in ledger.devices] == [name]


def test_a_class_that_the_kind_does_not_have_is_told_and_the_instrument_stays_without_one() -> None:
    ledger = instruments_of("id|kind|accuracy_class", "x|digital_indicating_scale|B级")
    assert [device.accuracy_class for device in ledger.devices] == [None]
    assert said(ledger) == [(2, "accuracy_class", "B级")]
    assert ledger.problems[0].remedy == "there are III, IIII; it is judged without a class"
    assert not ledger.problems[0].left_out


def test_cells_may_have_their_unit_in_them() -> None:
    headings = "id|kind|range|scale_interval|parameters|range_high|range_low"
    ledger = instruments_of(
        headings,
        "ts-1|truck_scale|(0~80)t|20kg||",
        "ts-2|truck_scale||20kg||30t|200kg",
        "wm-1|water_meter|||DN20; q3=2500L/h||",
    )
    assert ledger.problems == ()
    first, second, meter = ledger.devices
    assert (first.range_high, first.unit, first.scale_interval) == (80.0, "t", 0.02)
    assert (second.range_low, second.range_high, second.unit, second.scale_interval) == (0.2, 30.0, "t", 0.02)
    assert meter.parameters == {"dn": 20.0, "q3": 2.5}


def test_the_flows_of_a_fuel_dispenser_are_not_its_range() -> None:
    ledger = instruments_of("id|kind|range", "fd-1|fuel_dispenser|(5~50)L/min")
    assert [(device.range_high, device.unit) for device in ledger.devices] == [(None, None)]
    assert said(ledger) == [(2, "range", "(5~50)L/min")]
    assert "the range is left out" in ledger.problems[0].remedy


def test_the_nominal_value_of_a_weight_in_place_of_a_range_gives_the_unit() -> None:
    ledger = instruments_of("id|kind|range|accuracy_class", "w-1|weights|20kg|M1")
    assert [(device.range_high, device.unit) for device in ledger.devices] == [(None, "kg")]
    assert said(ledger) == [(2, "range", "20kg")]
    assert not ledger.problems[0].left_out


def test_the_second_row_of_an_id_whose_first_is_refused_is_not_told_that_the_first_counts() -> None:
    ledger = instruments_of("id|kind", "ts-1|trucc", "TS-1|truck_scale")
    assert ledger.devices == ()
    assert "row 2 already, which is refused" in ledger.problems[1].remedy


def test_of_two_rows_with_one_id_the_first_stands() -> None:
    ledger = instruments_of("id|kind|name", "ts-1|truck_scale|first", "TS-1|trucc|second", "1001|truck_scale|")
    assert [(device.id, device.name) for device in ledger.devices] == [("ts-1", "first"), ("1001", "1001")]
    (problem,) = ledger.problems
    assert (problem.row, problem.column, problem.value) == (3, "id", "ts-1")
    assert "stands in row 2 already" in problem.remedy


def test_rows_that_merged_cells_run_through_are_left_out_and_named_once() -> None:
    table = sheet(
        "instruments",
        ["id", "owner", "kind", "remark"],
        ["ts-1", "acme", "truck_scale"],
        ["ts-2", "", "truck_scale"],
        ["ts-3", "beta", "truck_scale"],
        merged=[
            MergedCells(reference="B2:B3", first_row=2, last_row=3, first_column=1, last_column=1),
            MergedCells(reference="D3:D4", first_row=3, last_row=4, first_column=3, last_column=3),
        ],
    )
    ledger = read(table)
    assert [device.id for device in ledger.devices] == ["ts-3"]
    (problem,) = ledger.problems
    assert (problem.row, problem.column, problem.value) == (2, "owner", "B2:B3")
    assert problem.instrument == "ts-1, ts-2"
    assert "undo the merging" in problem.remedy
    assert problem.left_out == (2, 3)


def test_a_cell_whose_value_cannot_be_known_refuses_its_row_where_the_column_counts() -> None:
    fault = CellFault(value="formula", remedy="save the file")
    table = sheet(
        "instruments",
        ["id", "kind", "remark"],
        ["ts-1", "", ""],
        ["ts-2", "truck_scale", ""],
        faults={(2, 1): fault, (3, 2): fault},
    )
    ledger = read(table)
    assert [device.id for device in ledger.devices] == ["ts-2"]
    assert said(ledger) == [(2, "kind", "formula")]


def test_rows_without_anything_in_a_known_column_are_no_rows() -> None:
    ledger = instruments_of("id|kind|remark", "ts-1|truck_scale|", "||drawn up by the desk", "  | |")
    assert (len(ledger.devices), ledger.problems) == (1, ())


def test_columns_in_other_units_are_converted_to_the_instruments_unit() -> None:
    ledger = instruments_of(
        "id|kind|range_low (kg)|range_high (t)|scale_interval (g)|unit", "ts-1|truck_scale|20|3|500|kg"
    )
    (device,) = ledger.devices
    assert (device.range_low, device.range_high, device.scale_interval) == (20.0, 3000.0, 0.5)


@pytest.mark.parametrize(
    ("text", "regime"),
    [("强检", None), ("强制检定", None), ("周期检定", Regime.PERIODIC), ("非强检", Regime.VOLUNTARY)],
)
def test_mandatory_alone_leaves_the_regime_to_the_catalogue(text: str, regime: Regime | None) -> None:
    ledger = instruments_of("id|kind|管理方式", f"wm-1|water_meter|{text}")
    assert ledger.problems == ()
    assert [device.regime for device in ledger.devices] == [regime]


def test_a_heading_gives_no_unit_to_a_row_that_leaves_its_cell_empty() -> None:
    ledger = instruments_of("id|kind|scale_interval (kg)", "wm-1|water_meter|", "ts-1|truck_scale|20")
    assert ledger.problems == ()
    assert [device.unit for device in ledger.devices] == [None, "kg"]


def test_a_column_whose_heading_measures_something_else_is_refused() -> None:
    assert said(instruments_of("id|kind|range_low|range_high (MPa)|unit", "ts-1|truck_scale|0|3|kg")) == [
        (2, "range_high (MPa)", "3")
    ]


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("(0~1.6) MPa", 0.0, 1.6, "MPa"),
        ("（0～1.6）MPa", 0.0, 1.6, "MPa"),
        ("-0.1..0.5 MPa", -0.1, 0.5, "MPa"),
        ("0-60 kPa", 0.0, 60.0, "kPa"),
        ("0 至 1", 0.0, 1.0, None),
    ],
)
def test_a_range_in_one_cell_is_taken_apart(text: str, low: float, high: float, unit: str | None) -> None:
    (device,) = instruments_of("id|kind|测量范围", f"pg-1|pressure_gauge|{text}").devices
    assert (device.range_low, device.range_high, device.unit) == (low, high, unit)


def test_a_range_that_cannot_be_taken_apart_is_refused() -> None:
    assert said(instruments_of("id|kind|range", "pg-1|pressure_gauge|up to 1.6")) == [(2, "range", "up to 1.6")]


def test_a_problem_reads_as_one_line_that_says_where_what_and_how() -> None:
    (problem,) = instruments_of("id|kind", "ts-1|").problems
    assert str(problem) == "instruments, row 2 (ts-1), column kind: '': is empty; every row needs it"
