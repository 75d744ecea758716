"""The demonstration's first start: refused or interrupted at any point, it can be started again."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from steelyard.cli.demo import prepare
from steelyard.cli.demo.children import Children
from steelyard.cli.demo.layout import Layout, load_state
from steelyard.cli.demo.prepare import first_state, make_files
from steelyard.cli.demo.run import _wait_for_console
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


def test_the_console_of_another_demonstration_is_not_taken_for_ours(tmp_path: Path) -> None:
    answers = [401, 401, 200]
    asked: list[str | None] = []

    class Console(BaseHTTPRequestHandler):
        """Somebody else's at first, who is well and does not know our key; then ours."""

        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(200 if self.path == "/healthz" else answers.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Console) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state = msgspec.structs.replace(first_state(NOW_NS, None), api_keys={"institute": "sy_ours"})
        url = f"http://127.0.0.1:{server.server_address[1]}"
        _wait_for_console(url, state, Children(tmp_path / "logs"), threading.Event())
        server.shutdown()
        thread.join()
    assert answers == []
    assert asked == ["Bearer sy_ours"] * 3


def test_the_ports_of_a_first_start_differ_and_are_free() -> None:
    ports = first_state(NOW_NS, None).ports
    chosen = [ports.broker, ports.api, ports.smtp, ports.webhook, *ports.sites.values()]
    assert len(set(chosen)) == len(chosen)
    assert all(prepare.port_is_free(port) for port in chosen)
