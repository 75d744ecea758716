"""What all calculations share: the dispatcher, documents, CSV files, lists of numbers, tables."""

import importlib
import re
from pathlib import Path

import pytest
from calibration_engine.workbench import run

from steelyard.cli.calc.csv_files import read_columns, read_matrix
from steelyard.cli.calc.documents import Table, parse_numbers, read_document
from steelyard.cli.calc.printing import number, table
from steelyard.cli.commands.calc import CALCULATIONS, CalculationParser
from steelyard.cli.errors import CommandError
from steelyard.cli.main import main


def test_only_calculations_that_exist_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["calc", "--help"])
    told = capsys.readouterr().out
    for name, (module, _) in CALCULATIONS.items():
        try:
            importlib.import_module(f"steelyard.cli.calc.{module}")
        except ModuleNotFoundError:
            assert not re.search(rf"^ +{name}\b", told, re.MULTILINE)
        else:
            assert re.search(rf"^ +{name}\b", told, re.MULTILINE)


def test_a_list_that_begins_with_a_minus_is_no_option() -> None:
    parser = CalculationParser(prog="x")
    parser.add_argument("--at")
    assert parser.parse_args(["--at", "-1,2.5e-3"]).at == "-1,2.5e-3"
    assert parser.parse_args(["--at", "-.5"]).at == "-.5"
    with pytest.raises(CommandError, match="--at"):
        parser.parse_args(["--at"])


def test_help_of_a_calculation_comes_from_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calc", "budget", "--help"])
    assert ended.value.code == 0
    assert "--plot" in capsys.readouterr().out


def document(text: str, tmp_path: Path) -> Table:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    return read_document(str(path))


def test_values_are_read_by_kind(tmp_path: Path) -> None:
    found = document(
        'n = 3\nx = 1.5\nt = "a"\nb = true\nl = [1, 2.5]\nw = "up"\nmany = ["p", "q"]\n[s]\ny = 1\n', tmp_path
    )
    assert found.integer("n") == 3
    assert found.number("x") == 1.5
    assert found.number("absent", 7.0) == 7.0
    assert found.optional_number("absent") is None
    assert found.text("t") == "a"
    assert found.texts("t") == ["a"]
    assert found.texts("many") == ["p", "q"]
    assert found.boolean("b", default=False) is True
    assert found.numbers("l") == [1.0, 2.5]
    assert found.choice("w", ["up", "down"]) == "up"
    assert found.choice("absent", ["up", "down"], "down") == "down"
    assert found.table("s").number("y") == 1.0
    assert found.optional_table("absent") is None
    assert found.tables("absent") == []
    with pytest.raises(CommandError, match=r"s\.y: 1: nothing reads this key"):
        Table({"y": 1}, "x.toml", "s").finish()


@pytest.mark.parametrize(
    ("text", "read", "words"),
    [
        ("x = true", lambda t: t.number("x"), ["x.toml: x: True", "number"]),
        ("x = inf", lambda t: t.number("x"), ["x: inf", "finite"]),
        ("x = 0", lambda t: t.number("x", above=0.0), ["x: 0", "greater than 0"]),
        ("", lambda t: t.number("x"), ["empty"]),
        ("x = 1.5", lambda t: t.integer("x"), ["whole"]),
        ("x = -1", lambda t: t.integer("x"), ["0 or more"]),
        ("x = 1", lambda t: t.boolean("x", default=True), ["true or false"]),
        ('x = ""', lambda t: t.text("x"), ["text"]),
        ("y = 1", lambda t: t.text("x"), ["x: is missing"]),
        ("x = [1, 'a']", lambda t: t.numbers("x"), ["item 2"]),
        ("x = 1", lambda t: t.numbers("x"), ["list"]),
        ("y = 1", lambda t: t.numbers("x"), ["x: is missing"]),
        ("x = [1]", lambda t: t.texts("x"), ["texts"]),
        ('x = "dwn"', lambda t: t.choice("x", ["up", "down"]), ["did you mean 'down'"]),
        ("y = 1", lambda t: t.choice("x", ["up", "down"]), ["one of up, down"]),
        ("x = 1", lambda t: t.table("x"), ["table"]),
        ("y = 1", lambda t: t.table("x"), ["is missing"]),
        ("x = 1", lambda t: t.tables("x"), ["list of tables"]),
    ],
)
def test_values_of_the_wrong_kind_are_refused(text: str, read: object, words: list[str], tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(CommandError) as refused:
        read(document(text, tmp_path))
    for word in words:
        assert word in str(refused.value)


def test_json_is_known_by_its_first_character(tmp_path: Path) -> None:
    assert document(' \n{"x": 1}', tmp_path).number("x") == 1.0
    with pytest.raises(CommandError, match="not a list"):
        document('[{"x": 1}]', tmp_path)
    (tmp_path / "bad.toml").write_bytes(b"x = '\xff'")
    with pytest.raises(CommandError, match="not UTF-8"):
        read_document(str(tmp_path / "bad.toml"))


def csv(text: str, tmp_path: Path) -> str:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "text", ["x,y\n1,2\n3,4\n", "x;y\n1;2\n3;4", "# data\n\nx\ty\n1\t2\n\n3\t4\n", "\ufeffx, y\n1, 2\n3,4"]
)
def test_columns(text: str, tmp_path: Path) -> None:
    found = read_columns(csv(text, tmp_path))
    assert found.names == ("x", "y")
    assert found.numbers("x") == [1.0, 3.0]
    assert found.texts("y") == ["2", "4"]
    assert "y" in found
    assert found.optional_numbers("z") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        ("x,y\n", ["no data"]),
        ("x,x\n1,2\n", ["'x'", "only once"]),
        ("1,2\n3,4\n", ["header"]),
        ("x,y\n1\n", ["line 2", "1 fields"]),
        ("x,y\n1,a\n", ["line 2, column 'y'", "'a'"]),
        ("x,y\n1,nan\n", ["line 2, column 'y'", "finite"]),
        ("x,y\n\n1,\n", ["line 3, column 'y'", "empty"]),
        ("x,z\n1,2\n", ["'y' is missing", "x, z"]),
    ],
)
def test_faulty_columns_are_refused_with_their_place(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        read_columns(csv(text, tmp_path)).numbers("y")
    for word in ["data.csv", *words]:
        assert word in str(refused.value)


def test_matrices(tmp_path: Path) -> None:
    assert read_matrix(csv("1,2\n3,4\n", tmp_path), 2) == [[1.0, 2.0], [3.0, 4.0]]
    for text, word in (("1,2\n3\n", "equally many"), ("1,2\n3,4\n", "3 x 3"), ("1,a\n", "'a'"), ("", "matrix")):
        with pytest.raises(CommandError, match=word):
            read_matrix(csv(text, tmp_path), 3)


def test_lists_of_numbers() -> None:
    assert parse_numbers("-1, 2.5,1e3", "--at") == [-1.0, 2.5, 1000.0]
    for text in ("", "1,,2", "a", "1 2", "nan"):
        with pytest.raises(CommandError, match="--at"):
            parse_numbers(text, "--at")


def test_tables_and_numbers() -> None:
    assert table(["name", "x"], [["a", "1"], ["bb", "10.5"]]) == ("name     x\n----  ----\na        1\nbb    10.5")
    assert [number(each) for each in (None, float("nan"), float("inf"), 1.23456789)] == ["–", "–", "∞", "1.23457"]


def test_an_unknown_calculation_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["calc", "bugdet"])
    assert ended.value.code == 2
