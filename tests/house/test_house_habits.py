"""Habits that no linter checks: time is an argument, exceptions to rules are argued."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.source_tree import PARTS, python_files, text_files, tree_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# The adapter that asks the operating system, and the command, which begins everything.
_MAY_ASK_THE_TIME = ("contracts/steelyard/contracts/clock.py", "cli/")
_CLOCK_QUESTIONS = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "time.clock_gettime",
    "time.clock_gettime_ns",
    "sqlalchemy.func.now",
    "sqlalchemy.func.current_timestamp",
    "sqlalchemy.sql.func.now",
}


_QUESTIONING = {name.rpartition(".")[2] for name in _CLOCK_QUESTIONS}


def _full_names(tree: ast.Module) -> dict[str, str]:
    """Local name -> full name, of everything the module imports."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _clock_questions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each mention of a function that asks the machine's clock (mentioned is enough: defaults)."""
    names = _full_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            written = node.id
        elif isinstance(node, ast.Attribute) and node.attr in _QUESTIONING:
            written = ast.unparse(node)
        else:
            continue
        first, _, rest = written.partition(".")
        full = ".".join(filter(None, (names.get(first, first), rest)))
        if full in _CLOCK_QUESTIONS:
            yield node.lineno, written


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.time()", ["time.time"]),
        ("from time import time_ns as t\nt()", ["t"]),
        ("import datetime as dt\ndt.datetime.now(dt.UTC)", ["dt.datetime.now"]),
        ("from datetime import date\nf(default_factory=date.today)", ["date.today"]),
        ("import time\ntime.monotonic()\nclock.now_ns()\nself.clock.now()", []),
    ],
)
def test_the_check_finds_questions_to_the_clock(source: str, found: list[str]) -> None:
    assert [name for _, name in _clock_questions(ast.parse(source))] == found


def test_only_the_clock_adapter_and_the_command_ask_what_time_it_is() -> None:
    asked = [
        f"{path}:{line} {name}"
        for path in python_files(*PARTS)
        if not str(path).startswith(_MAY_ASK_THE_TIME)
        for line, name in _clock_questions(tree_of(path))
    ]
    assert asked == []


def _unargued(lines: list[str], marker: re.Pattern[str]) -> Iterator[int]:
    """Numbers of lines with the marker but without words, on the line after it or in a comment just above."""
    for number, line in enumerate(lines, start=1):
        match = marker.search(line)
        if match is None:
            continue
        above = lines[number - 2].strip() if number > 1 else ""
        said = re.sub(r"[^A-Za-z]", "", line[match.end() :])
        if len(said) < 6 and not (above.startswith("#") and len(above) > 10):
            yield number


# In brackets, so that the patterns do not find themselves.
_EXCEPTIONS = {
    "linter": re.compile(r"#\s*[n]oqa(?::\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*)?"),
    "coverage": re.compile(r"#\s*[p]ragma:\s*no cover"),
}


@pytest.mark.parametrize("tool", _EXCEPTIONS)
def test_every_exception_to_a_rule_has_its_reason_beside_it(tool: str) -> None:
    unargued = [
        f"{path}:{number}"
        for path, text in text_files()
        if path.suffix == ".py"
        for number in _unargued(text.splitlines(), _EXCEPTIONS[tool])
    ]
    assert unargued == []


def test_no_linter_exception_covers_a_whole_file_or_all_rules() -> None:
    blanket = re.compile(
        r"#\s*(?:[r]uff|[f]lake8):\s*noqa|#\s*[n]oqa(?!:)|#\s*type:\s*[i]gnore(?!\[)|#\s*mypy:\s*[i]gnore"
    )
    found = [
        f"{path}:{number}"
        for path, text in text_files()
        if path.suffix == ".py"
        for number, line in enumerate(text.splitlines(), start=1)
        if blanket.search(line)
    ]
    assert found == []


def test_modules_with_an_error_tree_draw_it() -> None:
    undrawn = [str(path) for path in python_files(*PARTS) if path.name == "errors.py" and not _draws_tree(path)]
    assert undrawn == []


def _draws_tree(path: Path) -> bool:
    """Whether the module's docstring names every exception class of the module."""
    tree = tree_of(path)
    drawing = ast.get_docstring(tree) or ""
    return all(node.name in drawing for node in tree.body if isinstance(node, ast.ClassDef))


def _settings_of_its_own(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and keyword of each setting of Hypothesis that tests/hypothesis_profile.py is there to make."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) in {"settings", "hypothesis.settings"}):
            continue
        for keyword in node.keywords:
            if keyword.arg in {"deadline", "derandomize", "database", "print_blob"}:
                yield node.lineno, keyword.arg
            if keyword.arg == "max_examples" and not ast.unparse(keyword.value).startswith("examples("):
                yield node.lineno, keyword.arg


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("settings(deadline=None)", ["deadline"]),
        ("settings(derandomize=False, database=None)", ["derandomize", "database"]),
        ("settings(max_examples=30)", ["max_examples"]),
        ("settings(max_examples=examples(30), stateful_step_count=9)", []),
    ],
)
def test_the_check_finds_settings_of_its_own(source: str, found: list[str]) -> None:
    assert [name for _, name in _settings_of_its_own(ast.parse(source))] == found


def test_all_property_tests_run_by_one_profile() -> None:
    own = [
        f"{path}:{line} {name}"
        for path in python_files("tests")
        if path.name != "hypothesis_profile.py"
        for line, name in _settings_of_its_own(tree_of(path))
    ]
    assert own == []


def test_examples_take_as_long_as_they_take() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


def test_a_failing_example_is_shown_with_its_values() -> None:
    """Schemathesis takes the printer away from everybody in its process; who reads a failure needs it."""

    @given(st.integers())
    def property_that_fails(number: int) -> None:
        assert number < 1_000

    with pytest.raises(AssertionError) as seen:
        property_that_fails()
    assert "number=1000" in "\n".join(seen.value.__notes__)
