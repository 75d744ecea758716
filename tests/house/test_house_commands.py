"""Commands that the documentation names exist, with the options it names."""

import re
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO

import pytest
from house.source_tree import text_files

from steelyard.cli.main import main

_CODE = re.compile(
    r"```[a-z]*\n(?P<fence>.*?)```|`(?P<inline>[^`\n]+)`|^(?: {4}|\t)(?P<block>.+)$", re.DOTALL | re.MULTILINE
)
_COMMAND = re.compile(r"(?:^|[\s/(])steelyard((?: +(?!\\)[^\s|&;`#)]+)+)")


def _commands_in(markdown: str) -> set[str]:
    """What follows `steelyard` wherever the text shows code; alternatives written `a | b` count up to the bar."""
    shown = (match.group(match.lastgroup or 0) for match in _CODE.finditer(markdown))
    lines = (line for code in shown for line in code.replace("\\\n", " ").splitlines())
    return {" ".join(match.group(1).split()) for line in lines for match in _COMMAND.finditer(line)}


def _documented() -> list[str]:
    """Every command of README, CONTRIBUTING and docs/, CHANGELOG left out (it may speak of former ones)."""
    pages = [text for path, text in text_files() if path.suffix == ".md" and path.name != "CHANGELOG.md"]
    return sorted(set().union(*(_commands_in(text) for text in pages)))


@cache
def _help_of(*words: str) -> str:
    with (
        redirect_stdout(StringIO()) as told,
        redirect_stderr(StringIO()) as complained,
        pytest.raises(SystemExit) as end,
    ):
        main([*words, "--help"])
    assert end.value.code == 0, f"steelyard {' '.join(words)} --help: {complained.getvalue()}"
    return told.getvalue()


def _lists(text: str, word: str) -> bool:
    """Whether a help text offers the word as a command or action."""
    return re.search(rf"^ +{re.escape(word)}\b", text, re.MULTILINE) is not None


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("Run `steelyard demo --port 80` now", {"demo --port 80"}),
        ("    .venv/bin/steelyard key new gateway.pem  # once", {"key new gateway.pem"}),
        ("```sh\nsteelyard broker ca DIR \\\n  --host h\n```", {"broker ca DIR --host h"}),
        ("Steelyard reads. A steelyard weighs.", set()),
    ],
)
def test_the_check_finds_commands_in_code(markdown: str, found: set[str]) -> None:
    assert _commands_in(markdown) == found


@pytest.mark.parametrize("documented", _documented())
def test_documented_command_exists_with_its_options(documented: str) -> None:
    words = re.sub(r"[\[\]…]", " ", documented).split()
    command, *rest = words
    if command.startswith("-") or command.isupper():
        return
    assert _lists(_help_of(), command), f"there is no command 'steelyard {command}'"
    text = _help_of(command)
    usage = " ".join(text.split("\n\n")[0].split())
    if " ACTION" in usage and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        action = rest.pop(0)
        assert _lists(text, action), f"there is no 'steelyard {command} {action}'"
        text = _help_of(command, action)
    options = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert {option for option in options if not re.search(rf"{option}\b", text)} == set()
