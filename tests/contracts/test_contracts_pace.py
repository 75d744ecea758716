"""Processes that keep a pace: the slowest decides, and what a file cannot be is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.contracts.errors import SettingsError
from steelyard.contracts.pace import Pace

START = 1_790_000_000_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Pace.create(tmp_path / "pace", 3, START)
    return tmp_path / "pace"


def test_the_slowest_member_decides(path: Path) -> None:
    first, second, third = (Pace(path, member) for member in range(3))
    looking = Pace(path)
    assert looking.done_upto_ns() == START
    first.done(START + 5)
    second.done(START + 3)
    assert looking.done_upto_ns() == START
    third.done(START + 4)
    assert looking.done_upto_ns() == START + 3
    assert looking.slowest() == [1]


def test_nobody_waits_for_who_has_left(path: Path) -> None:
    Pace(path, 0).leave()
    Pace(path, 1).done(START + 1)
    Pace(path, 2).leave()
    assert Pace(path).done_upto_ns() == START + 1
    Pace(path, 1).leave()
    assert Pace(path).done_upto_ns() > START + 10**18


def test_it_never_goes_back(path: Path) -> None:
    member = Pace(path, 0)
    member.done(START + 5)
    member.done(START + 2)
    for other in (1, 2):
        Pace(path, other).leave()
    assert Pace(path).done_upto_ns() == START + 5


def test_another_process_sees_it_at_once(path: Path) -> None:
    looking = Pace(path)
    done = "import sys; from pathlib import Path; from steelyard.contracts.pace import Pace; "
    for member in range(3):
        program = f"{done}Pace(Path(sys.argv[1]), {member}).done({START + 7})"
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    assert looking.done_upto_ns() == START + 7


def test_who_only_looks_changes_nothing(path: Path) -> None:
    Pace(path).done(START + 9)
    Pace(path).leave()
    assert Pace(path).done_upto_ns() == START


@pytest.mark.parametrize("content", [None, b"", b"12345"])
def test_a_file_that_is_none_is_refused_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "no-pace"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"clock\.pace: .*no-pace"):
        Pace(file)


@pytest.mark.parametrize("member", [-1, 3])
def test_a_member_that_is_none_is_refused(path: Path, member: int) -> None:
    with pytest.raises(SettingsError, match=r"clock\.pace_member: .*0 to 2"):
        Pace(path, member)
