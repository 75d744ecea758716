"""The demonstration's first start: refused or interrupted at any point, it can be started again."""

import socket
from pathlib import Path

import pytest

from steelyard.cli.demo import prepare
from steelyard.cli.demo.layout import Layout, load_state
from steelyard.cli.demo.prepare import first_state, make_files
from steelyard.cli.errors import CommandError
from steelyard.cli.main import main

NOW_NS = 1_790_000_000_000_000_000


def test_a_port_in_use_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--no-browser", "--directory", str(directory), "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err
    assert load_state(Layout(directory)) is None


def test_an_interrupted_first_start_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path / "data")
    state = first_state(NOW_NS, None)
    with monkeypatch.context() as patched:

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(prepare, "fleet_tables", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_files(layout, state)
    assert not layout.registry.exists()
    key = layout.ingest_key.read_bytes()
    again = load_state(layout)
    assert again == state
    make_files(layout, again)
    assert layout.registry.exists()
    assert layout.ingest_key.read_bytes() == key


def test_a_key_that_an_interruption_left_empty_is_made_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.root.mkdir()
    layout.ingest_key.touch()
    make_files(layout, first_state(NOW_NS, None))
    assert layout.ingest_key.stat().st_size > 0


def test_a_directory_of_somebody_else_is_still_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("")
    with pytest.raises(CommandError, match="not made by the demonstration"):
        load_state(Layout(tmp_path))
