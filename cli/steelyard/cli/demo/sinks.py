"""Where the demonstration's alerts arrive: a mail server and a webhook receiver that only write down what came."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

_LARGEST_CALL = 1_000_000


class _Mailbox:
    """aiosmtpd's handler: each message becomes a file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self,
        server: object,  # noqa: ARG002 - aiosmtpd's arguments
        session: object,  # noqa: ARG002 - likewise
        envelope: Any,
    ) -> str:
        """Write the message down."""
        with self._lock:
            number = sum(1 for _ in self._directory.glob("*.eml")) + 1
            (self._directory / f"{number:04d}.eml").write_bytes(envelope.content)
        return "250 kept"


class Sinks:
    """Both receivers, on 127.0.0.1. Messages appear as `NNNN.eml`, webhook calls as lines of `webhooks.jsonl`."""

    def __init__(self, directory: Path, *, smtp_port: int, webhook_port: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._mail = Controller(_Mailbox(directory), hostname="127.0.0.1", port=smtp_port)
        self._web = ThreadingHTTPServer(("127.0.0.1", webhook_port), _handler(directory / "webhooks.jsonl"))
        self._thread = threading.Thread(target=self._web.serve_forever, name="webhook receiver", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._mail.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._mail.stop()
        self._web.shutdown()
        self._web.server_close()
        self._thread.join()


def _handler(path: Path) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), _LARGEST_CALL)
            body = self.rfile.read(length).decode("utf-8", "replace")
            with lock, path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"path": self.path, "headers": dict(self.headers), "body": body}) + "\n")
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Be quiet: the calls are in the file."""

    return Handler
