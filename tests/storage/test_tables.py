"""Tables that people keep: whatever program wrote them, rows of text come out, or an error that says why not."""

import contextlib
import datetime as dt
import io
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.storage.errors import TableError
from steelyard.storage.tables import Column, Sheet, Table, read_separated, read_tables, read_workbook, write_workbook


def workbook(fill: Callable[[openpyxl.worksheet.worksheet.Worksheet], None], name: str = "instruments") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = name
    fill(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def one_table(data: bytes, source: str = "ledger.xlsx") -> Table:
    (table,) = read_tables(data, source).tables
    return table


def with_sheet_xml(data: bytes, old: str, new: str) -> bytes:
    """The same workbook with a change in the XML of its first sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w") as after:
        for entry in before.infolist():
            content = before.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            after.writestr(entry, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("水表 ", "水表"),
        ("007", "007"),  # a number stored as text stays as it was typed
        (1001.0, "1001"),  # what Excel makes of an identifier of digits
        (20260315, "20260315"),
        (0.1 + 0.2, "0.3"),  # 15 significant digits, as a spreadsheet shows
        (-2.5e-7, "-2.5e-07"),
        (True, "TRUE"),
        (dt.date(2026, 3, 15), "2026-03-15"),
        (dt.datetime(2026, 3, 15), "2026-03-15"),  # noqa: DTZ001 - spreadsheets know no time zones
        (dt.datetime(2026, 3, 15, 9, 30), "2026-03-15T09:30:00"),  # noqa: DTZ001 - likewise
        (dt.time(9, 30), "09:30:00"),
    ],
)
def test_a_cell_becomes_the_text_that_a_person_sees(value: object, text: str) -> None:
    table = one_table(workbook(lambda sheet: sheet.append(["x", value])))
    assert table.rows[0].cells == ("x", text)


@pytest.mark.parametrize(("layout", "text"), [("0.00%", "1.5%"), ('0.000"%"', "0.015"), ("0.000", "0.015")])
def test_a_number_shown_as_percent_is_not_read_as_its_hundredth(layout: str, text: str) -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet["A1"] = 0.015
        sheet["A1"].number_format = layout

    assert one_table(workbook(fill)).rows[0].cells == (text,)


def test_rows_keep_their_numbers_and_empty_ones_are_left_out() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet["A1"], sheet["A4"], sheet["A5"] = "id", "wm-1", "wm-2"
        sheet["B3"] = "  "
        sheet["A40"] = ""
        sheet.row_dimensions[5].hidden = True

    assert [(row.number, row.cells) for row in one_table(workbook(fill)).rows] == [
        (1, ("id",)),
        (4, ("wm-1",)),
        (5, ("wm-2",)),
    ]


def test_a_sheet_that_claims_to_be_huge_is_read_as_large_as_it_is() -> None:
    data = with_sheet_xml(workbook(lambda sheet: sheet.append(["id"])), 'ref="A1"', 'ref="A1:XFD1048576"')
    assert [row.cells for row in one_table(data).rows] == [("id",)]


def test_a_sheet_with_cells_far_to_the_right_is_refused() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet["A7"], sheet["XFD7"] = "id", "far"

    with pytest.raises(TableError, match=r"instruments, row 7: column 16384: give tables of at most 500 columns"):
        one_table(workbook(fill))


def test_how_a_text_is_pronounced_is_no_part_of_it() -> None:
    data = workbook(lambda sheet: sheet.append(["東京"]))
    data = with_sheet_xml(data, "<t>東京</t>", '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh>')
    assert one_table(data).rows[0].cells == ("東京",)


def test_cells_without_their_own_places_follow_one_another() -> None:
    data = workbook(lambda sheet: sheet.append(["a", 1]))
    data = with_sheet_xml(with_sheet_xml(data, ' r="A1"', ""), ' r="B1"', "")
    assert one_table(data).rows[0].cells == ("a", "1")


def test_a_date_that_there_is_not_is_a_fault() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet["A1"] = 1e9
        sheet["A1"].number_format = "yyyy-mm-dd"

    row = one_table(workbook(fill)).rows[0]
    assert row.cells == ("",)
    assert "type the date again" in row.faults[0].remedy


def test_merged_cells_are_named_with_their_places() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet["B3"] = "acme"
        sheet.merge_cells("B3:B5")
        sheet.merge_cells("AA7:AB7")

    merged = one_table(workbook(fill)).merged
    assert [(m.reference, m.first_row, m.last_row, m.first_column, m.last_column) for m in merged] == [
        ("B3:B5", 3, 5, 1, 1),
        ("AA7:AB7", 7, 7, 26, 27),
    ]


def test_a_formula_without_its_value_is_a_fault_and_no_empty_cell() -> None:
    row = one_table(workbook(lambda sheet: sheet.append(["wm-1", "", "=1+1"]))).rows[0]
    assert row.cells == ("wm-1", "", "")
    assert list(row.faults) == [2]
    assert "save" in row.faults[2].remedy


def test_a_formula_with_its_value_is_that_value() -> None:
    data = workbook(lambda sheet: sheet.append(["=1+1", '=""']))
    data = with_sheet_xml(data, "<f>1+1</f><v />", "<f>1+1</f><v>2</v>")
    data = with_sheet_xml(data, '<c r="B1"><f>""</f><v />', '<c r="B1" t="str"><f>""</f><v></v>')
    row = one_table(data).rows[0]
    assert (row.cells, dict(row.faults)) == (("2",), {})


def test_an_error_value_is_a_fault() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet["A1"], sheet["B1"] = "#N/A", "x"
        sheet["A1"].data_type = "e"

    row = one_table(workbook(fill)).rows[0]
    assert row.cells == ("", "x")
    assert row.faults[0].value == "#N/A"


def test_only_the_sheets_that_are_wanted_are_read() -> None:
    data = write_workbook([Sheet(name=name, columns=(Column(heading=name),)) for name in ("notes", "events")])
    book = read_workbook(data, "ledger.xlsx", wanted=lambda name: name == "events")
    assert book.sheets == ("notes", "events")
    assert [table.name for table in book.tables] == ["events"]


def test_progress_is_told_for_a_large_sheet() -> None:
    told: list[tuple[str, int]] = []
    data = workbook(lambda sheet: [sheet.append([n]) for n in range(2500)] and None)
    read_workbook(data, "ledger.xlsx", progress=lambda name, rows: told.append((name, rows)))
    assert told == [("instruments", 1000), ("instruments", 2000)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_file_of_any_usual_program_is_read(encoding: str, separator: str) -> None:
    text = separator.join(["编号", "名称"]) + "\r\n" + separator.join(["wm-1", '"水表, ""冷""; 新"']) + "\r\n\r\n"
    table = one_table(text.encode(encoding), "台账.csv")
    assert table.name == "台账.csv"
    assert [(row.number, row.cells) for row in table.rows] == [(1, ("编号", "名称")), (2, ("wm-1", '水表, "冷"; 新'))]


def test_excels_own_line_on_the_separator_is_no_row() -> None:
    assert [(row.number, row.cells) for row in read_separated(b"sep=;\r\na;b,c\r\n", "x.csv").rows] == [
        (2, ("a", "b,c"))
    ]


def test_a_row_over_several_lines_has_the_number_of_its_first() -> None:
    rows = read_separated(b'id,note\n1,"a\nb"\n2,c\n', "x.csv").rows
    assert [(row.number, row.cells[0]) for row in rows] == [(1, "id"), (2, "1"), (4, "2")]


def test_comments_are_left_out_where_the_caller_knows_of_them() -> None:
    text = b'# from the lab, "5 of them\na;b\n  # and more\n1;2\n'
    assert [(row.number, row.cells) for row in read_separated(text, "x.csv", comment="#").rows] == [
        (2, ("a", "b")),
        (4, ("1", "2")),
    ]
    assert read_separated(b"#,b\n", "x.csv").rows[0].cells == ("#", "b")


@pytest.mark.parametrize(
    ("data", "source", "words"),
    [
        (b"PK\x03\x04 and nothing else", "ledger.xlsx", ["ledger.xlsx", "not an XLSX", "save it"]),
        (b"id,name\n", "ledger.xlsx", ["ledger.xlsx", "not an XLSX", "name it .csv"]),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "old.xls", ["old.xls", "password", "(.xlsx)"]),
        (b"id,name\n\xff\xff,x\n", "ledger.csv", ["ledger.csv", "neither UTF-8 nor GB18030", "save it as CSV UTF-8"]),
        (b"id\0,name\n", "ledger.csv", ["neither UTF-8"]),
        (b'id,name\n1,"never closed\n2,x\n', "ledger.csv", ["ledger.csv, line 2", "not CSV", "quotation marks"]),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_remedy(data: bytes, source: str, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read_tables(data, source)
    for word in words:
        assert word in str(caught.value)


def test_a_zip_archive_that_holds_no_workbook_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(TableError, match="not a whole XLSX workbook"):
        read_tables(out.getvalue(), "ledger.xlsx")


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.storage.tables.workbook.LARGEST_BYTES", 1000)
    with pytest.raises(TableError, match="when unpacked"):
        read_tables(workbook(lambda sheet: sheet.append(["id"])), "ledger.xlsx")


@given(st.binary(max_size=300))
def test_bytes_are_a_table_or_an_error_of_tables(data: bytes) -> None:
    for source in ("x.csv", "x.xlsx"):
        with contextlib.suppress(TableError):
            assert read_tables(data, source).source == source


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_workbook_is_a_table_or_an_error_of_tables(place: int, byte: int) -> None:
    data = bytearray(workbook(lambda sheet: sheet.append(["id", 1, dt.date(2026, 3, 15)])))
    data[place % len(data)] = byte
    with contextlib.suppress(TableError):
        assert read_tables(bytes(data), "x.xlsx").source == "x.xlsx"


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=20)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_texts_that_are_written_are_read_again(rows: list[tuple[str, str]]) -> None:
    sheet = Sheet(name="plan", columns=(Column(heading="a"), Column(heading="b")), rows=rows)
    (table,) = read_workbook(write_workbook([sheet]), "plan.xlsx").tables
    read = {row.number: [*row.cells, "", ""][:2] for row in table.rows}
    for number, texts in enumerate(rows, start=2):
        assert read.get(number, ["", ""]) == [text.strip() for text in texts]


def test_control_characters_which_no_workbook_can_hold_are_left_out() -> None:
    sheet = Sheet(name="plan", columns=(Column(heading="a"),), rows=[["a\x00b\x1f\ud800c"]])
    (table,) = read_workbook(write_workbook([sheet]), "plan.xlsx").tables
    assert table.rows[1].cells == ("abc",)


def test_what_looks_like_a_formula_is_written_as_text() -> None:
    sheet = Sheet(name="plan", columns=(Column(heading="a"),), rows=[["=1+1"], ['=HYPERLINK("x")']])
    book = openpyxl.load_workbook(io.BytesIO(write_workbook([sheet])))
    assert [book["plan"][cell].data_type for cell in ("A2", "A3")] == ["s", "s"]
    assert book["plan"]["A2"].value == "=1+1"


def test_a_template_has_headings_notes_lists_and_date_columns() -> None:
    columns = (
        Column(heading="kind", note="What it is", choices=tuple(f"kind_{n}" for n in range(60))),
        Column(heading="completed", date=True),
    )
    book = openpyxl.load_workbook(io.BytesIO(write_workbook([Sheet(name="events", columns=columns)])))
    page = book["events"]
    assert [cell.value for cell in page[1]] == ["kind", "completed"]
    assert page["A1"].comment.text == "What it is"
    (rule,) = page.data_validations.dataValidation
    assert (rule.type, rule.formula1) == ("list", "lists!$A$1:$A$60")
    assert book["lists"]["A60"].value == "kind_59"
    assert book["lists"].sheet_state == "hidden"
    assert page.column_dimensions["B"].number_format == "yyyy-mm-dd"


def test_dates_and_numbers_are_written_as_such() -> None:
    sheet = Sheet(name="plan", columns=(Column(heading="a"),), rows=[[dt.date(2026, 3, 15)], [1.5], [None]])
    page = openpyxl.load_workbook(io.BytesIO(write_workbook([sheet])))["plan"]
    assert page["A2"].is_date
    assert page["A3"].value == 1.5
