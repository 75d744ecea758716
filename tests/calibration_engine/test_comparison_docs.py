"""What the reference pages of compare, stability and control show is true: examples run, lists are complete."""

import re
import shlex
from pathlib import Path

import pytest

from steelyard.calibration.engine.comparisons.consensus import METHODS as CONSENSUS_METHODS
from steelyard.calibration.engine.control.run_rules import RULE_SETS, RULES
from steelyard.calibration.engine.stability.deviations import STATISTICS
from steelyard.cli.calc.compare import METHODS
from steelyard.cli.main import main

PAGES = Path(__file__).parents[2] / "docs" / "reference"
OPTIONS = {
    "compare": ["--method", "weighted-mean"],
    "stability": [
        "--statistic",
        ",".join(name for name in STATISTICS if name != "theo1"),
        "--factors",
        "1,2",
        "--change-point",
    ],
    "control": ["--chart", "cusum", "--target", "325", "--sigma", "0.635"],
}


@pytest.mark.parametrize("command", OPTIONS)
def test_documented_data_are_answered(command, tmp_path, capsys):
    (text,) = re.findall(r"^```csv\n(.*?)^```", (PAGES / f"calc-{command}.md").read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "data.csv"
    file.write_text(text)
    assert main(["calc", command, str(file), *OPTIONS[command]]) == 0
    assert capsys.readouterr().out


def test_documented_run_lengths_are_answered(capsys):
    lines = re.findall(
        r"^    steelyard (calc control --run-length --chart \w+ --[kwr].*)$",
        (PAGES / "calc-control.md").read_text(),
        re.MULTILINE,
    )
    assert len(lines) == 3
    for line in lines:
        assert main(shlex.split(line)) == 0
        assert "average run length" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("calc-compare.md", [*METHODS, *CONSENSUS_METHODS]),
        ("calc-stability.md", list(STATISTICS)),
        ("calc-control.md", [*RULES, *RULE_SETS]),
    ],
)
def test_every_name_is_documented(page, names):
    text = (PAGES / page).read_text()
    assert [name for name in names if f"`{name}`" not in text] == []
