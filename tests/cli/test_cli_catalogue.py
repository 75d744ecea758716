"""`steelyard catalogue`: a table, a page for a metrologist, a check that finds faults."""

import json
from pathlib import Path

import pytest

from steelyard.calibration.catalogue import builtin_catalogue
from steelyard.cli.main import main

KINDS = sorted(builtin_catalogue().kinds)


def test_the_list_has_a_line_for_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == KINDS
    (water,) = [line for line in lines if line.startswith("water_meter")]
    assert water.split("  ")[-1].strip() == "first_limited 72; first_limited 48; periodic 24"
    assert "饮用冷水水表" in water
    assert "JJG 162-2019" in water


def test_the_list_for_programs_has_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "list", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)["kinds"]
    assert [kind["id"] for kind in kinds] == KINDS
    for kind in kinds:
        for edition in kind["editions"]:
            facts = [edition, *edition["regime"], *edition["mpe"], *edition["test_points"], *edition["states"].values()]
            assert all(fact["source"] and fact["confidence"] in {"H", "M", "L"} for fact in facts)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_speaks_words_not_code(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show", kind]) == 0
    page = capsys.readouterr().out
    names = builtin_catalogue().kinds[kind].names
    assert page.startswith(f"{names.zh} - {names.en} ({kind})")
    assert "in force from" in page
    assert "Regime and period" in page
    assert "{" not in page
    assert "None" not in page
    assert "[H]" in page


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("计价器", "-4.0 to +1.0 % of the value"),
        ("血压计", "at 0: -0.2 to +0.5 kPa; ±0.5 kPa"),
        ("CO alarm", "±5.0 or ±10.0 % of the value, whichever is wider"),
        ("电子血压计", "±0.5 kPa; first: ±0.4 kPa"),
        ("可燃气体报警器", "±5.0 % of the measuring range"),
        ("水表", "used for trade; dn above 25 up to 50; q3 up to 16"),
        ("压力表", "permissible error of the standard at most 0.25 of the maximum permissible error"),
        ("体温计", "first verification only, scrapped when inaccurate"),
    ],
)
def test_the_page_says_the_law_in_words(kind: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show", kind]) == 0
    assert told in capsys.readouterr().out


def test_the_page_shows_the_limits_of_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    # JJG 162-2019: class 2 at Q1 5 %, in use twice.
    assert main(["catalogue", "show", "water_meter"]) == 0
    (row,) = [
        line.split() for line in capsys.readouterr().out.split("JJG 162-2009,")[0].splitlines() if "flow 0.025" in line
    ][1:]
    assert row == ["2", "flow", "0.025", "±5", "%", "±5", "%", "±10", "%"]


def test_an_unknown_kind_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show", "watermetre"]) == 2
    assert "did you mean 饮用冷水水表 (water_meter)" in capsys.readouterr().err


def test_the_check_of_what_comes_with_steelyard_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check"]) == 0
    assert f"{len(KINDS)} kinds are in order" in capsys.readouterr().out


def test_the_check_says_each_fault_of_a_file_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text('id = "weights"\nnames = { zh = "weights", en = "砝码" }\n', encoding="utf-8")
    assert main(["catalogue", "check", "--catalogue", str(file)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "weights: names.zh: 'weights' is no Chinese name.",
        "weights: names.en: '砝码' is no English name.",
    ]
    assert main(["catalogue", "check", "--catalogue", str(file), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 2


def test_a_file_that_says_something_wrong_fails_the_check_and_stops_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('id = "weights"\ncolour = "brass"\n', encoding="utf-8")
    assert main(["catalogue", "check", "--catalogue", str(file)]) == 1
    assert "own.toml: colour" in capsys.readouterr().err
    assert main(["catalogue", "list", "--catalogue", str(file)]) == 2
    assert "own.toml: colour" in capsys.readouterr().err


def test_brackets_without_end_are_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'id = "weights"\nnote = {"[" * 5_000}{"]" * 5_000}\n', encoding="utf-8")
    assert main(["catalogue", "check", "--catalogue", str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("own.toml: '[[[…': brackets stand in brackets")


def test_a_file_may_begin_with_the_mark_that_editors_of_windows_write(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('id = "weights"\n', encoding="utf-8-sig")
    assert main(["catalogue", "check", "--catalogue", str(file)]) == 0


def test_a_file_that_is_not_there_cannot_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", "--catalogue", str(tmp_path / "none.toml")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_a_file_adds_a_line_to_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text('id = "weights"\nnames = { en = "Mass standards" }\n', encoding="utf-8")
    assert main(["catalogue", "list", "--catalogue", str(file)]) == 0
    assert "Mass standards" in capsys.readouterr().out


def test_registering_takes_files_of_ones_own_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server, registry, own = (tmp_path / name for name in ("server.toml", "registry.toml", "own.toml"))
    server.write_text("", encoding="utf-8")
    registry.write_text("", encoding="utf-8")
    own.write_text('id = "weights"\ncolour = "brass"\n', encoding="utf-8")
    arguments = ["registry", "apply", str(registry), "--config", str(server), "--catalogue", str(own)]
    assert main(arguments) == 2
    assert "own.toml: colour" in capsys.readouterr().err
