"""`steelyard assess` with nothing stood in for: from a workbook to statuses, dates and orders."""

import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from steelyard.cli.main import main

INSTRUMENTS = [
    [
        "器具编号",
        "器具名称",
        "器具类别",
        "准确度等级",
        "测量范围",
        "检定分度值(kg)",
        "用途",
        "参数",
        "投用日期",
        "状态",
    ],
    ["TS-1", "1号地磅", "电子汽车衡", "III", "(0～60) t", 20, "贸易结算", None, date(2020, 5, 1), "在用"],
    [1002, "2号地磅", "电子汽车衡", "III", "(0～60) t", 20, "贸易结算", None, date(2020, 5, 1), "在用"],
    ["ts-3", "3号地磅", "电子汽车衡", "III", "(0～60) t", 20, "贸易结算", None, None, "在用"],
    ["wm-1", "水表", "饮用冷水水表", "2", None, None, "贸易结算", "dn=20; q3=2.5; r=100", date(2022, 5, 1), "在用"],
    ["ts-4", "旧地磅", "电子汽车衡", "III", "(0～60) t", 20, "贸易结算", None, None, "报废"],
]
EVENTS = [
    ["器具编号", "检定类别", "检定日期", "检定结论", "证书编号", "检定机构", "检定点", "单位", "示值误差", "误差单位"],
    ["TS-1", "后续检定", date(2026, 3, 15), "合格", "C-1", "某院", 10, "t", 5, "kg"],
    ["TS-1", "后续检定", date(2026, 3, 15), "合格", "C-1", "某院", 50, "t", 10, "kg"],
    [1002, "后续检定", "2026年1月10日", "不合格", "C-2", "某院", 50, "t", 90, "kg"],
    ["wm-1", "首次检定", "2022.4.20", "合格", "C-3", "某院", None, None, None, None],
]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "计量器具台账"
    for row in INSTRUMENTS:
        book.active.append(row)
    events = book.create_sheet("检定记录")
    for row in EVENTS:
        events.append(row)
    book.save(tmp_path / "台账.xlsx")
    return tmp_path / "台账.xlsx"


def test_a_chinese_ledger_is_judged_by_the_law_of_each_kind(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(ledger), "--on", "2026-06-01", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["problems"] == []
    found = {each["id"]: each for each in told["instruments"]}
    # JJG 539-2016: 12 months; the certificate prints the day before the anniversary.
    assert (found["TS-1"]["status"], found["TS-1"]["statutory_due"]) == ("valid", "2027-03-15")
    assert found["TS-1"]["valid_until"] == "2027-03-14"
    assert found["TS-1"]["orders"] == []
    # Failed: out of service, and no date.
    assert (found["1002"]["status"], found["1002"]["statutory_due"]) == ("out_of_service", None)
    assert found["ts-3"]["status"] == "unverified"
    # JJG 162-2019: DN 20 is first_limited, six years.
    assert found["wm-1"]["status"] == "valid"
    assert found["wm-1"]["statutory_due"][:4] == "2028"
    assert found["ts-4"]["orders"] == []


def test_what_is_due_comes_with_its_reason_on_the_day(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(ledger), "--on", "2027-03-01", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (scale,) = [each for each in told["instruments"] if each["id"] == "TS-1"]
    assert scale["status"] == "due_soon"
    (order,) = scale["orders"]
    assert (order["trigger"], order["due_date"]) == ("due", "2027-03-15")
    assert order["reason"]
