"""What the pages about uncertainty budgets say is so."""

import re
import tomllib
from pathlib import Path

import pytest
from calibration_engine.workbench import calc, run

from steelyard.calibration.engine.budget.expression import FUNCTIONS
from steelyard.cli.calc.quantities import _BOUNDED, _UNBOUNDED

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "write-an-uncertainty-budget.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "calc-budget.md").read_text(encoding="utf-8")
STEPS = re.findall(r"```toml(?: continue)?\n(.*?)```", HOW_TO, re.DOTALL)
SHOWN = re.findall(r"```text\n(.*?)```", HOW_TO, re.DOTALL)[0]


def test_the_budget_of_the_how_to_prints_what_the_page_shows() -> None:
    status, out, err = run(["calc", "budget", "-"], "\n".join(STEPS[:4]))
    assert (status, err) == (0, "")
    # Widths of columns are not the page's business.
    assert [line.split() for line in out.splitlines() if "--" not in line] == [
        line.split() for line in SHOWN.splitlines() if "--" not in line
    ]


def test_the_how_to_goes_on_to_monte_carlo() -> None:
    answer = calc("budget", "\n".join(STEPS))
    assert answer["monte_carlo"]["converged"] is True
    assert "validation" in answer["monte_carlo"]["outputs"]["R_X"]


@pytest.mark.parametrize("text", re.findall(r"```toml other\n(.*?)```", HOW_TO, re.DOTALL))
def test_other_examples_are_budgets(text: str) -> None:
    assert tomllib.loads(text)
    assert calc("budget", text)["outputs"]


def test_the_reference_names_every_function_and_distribution() -> None:
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", REFERENCE))))
    aliases = {"arcsin", "arccos", "arctan", "arctan2"}
    assert set(FUNCTIONS) - aliases <= words
    assert {*_BOUNDED, *_UNBOUNDED} <= words


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", REFERENCE, re.DOTALL)
    exec(compile(example, "calc-budget.md", "exec"), {})  # noqa: S102 - the page's own example
