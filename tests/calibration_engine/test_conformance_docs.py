"""What the reference pages show is true: every example runs."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from steelyard.calibration.mpe import builtin_tables, load_tables
from steelyard.cli.main import main

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "text"),
    [(name, text) for name in ("conformity", "interval") for text in blocks(f"calc-{name}.md", "toml")],
)
def test_documented_documents_are_answered(tmp_path, capsys, command, text):
    file = tmp_path / "document.toml"
    file.write_text(text)
    assert main(["calc", command, str(file)]) == 0
    assert "none:" not in capsys.readouterr().out


def test_the_documented_table_loads_and_the_program_runs():
    (text,) = blocks("tolerances.md", "toml")
    assert set(load_tables(text, "tolerances.md")) == {"house-dispensers"}
    (program,) = blocks("tolerances.md", "python")
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(program, "tolerances.md", "exec"), names)  # noqa: S102 - our own page
    assert names["found"].upper.tolist() == [1.0, 2.0]
    assert names["scale"].in_use_factor == 2.0
    assert names["meter"].others == {"flow", "temperature"}


def test_every_built_in_table_is_listed():
    page = (PAGES / "tolerances.md").read_text()
    missing = [name for name in builtin_tables() if f"`{name}`" not in page and not name.startswith("iec-60751-")]
    assert missing == []
