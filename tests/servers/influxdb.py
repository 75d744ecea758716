"""InfluxDB 2 on 127.0.0.1, set up with one organization; each test gets a bucket of its own."""

import json
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.daemon import Daemon
from servers.ports import HOST, free_port
from servers.requirement import missing
from waiting import PATIENCE_S

_BUILD = Path(__file__).with_name("build_influxd.sh")
_ORGANIZATION = "steelyard"


def influxd_path() -> Path | None:
    """The server's program: the one on PATH, else the one the build script keeps."""
    on_path = shutil.which("influxd")
    if on_path:
        return Path(on_path)
    where = subprocess.run([str(_BUILD), "--where"], capture_output=True, text=True, check=False)
    return Path(where.stdout.strip()) if where.returncode == 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxServer:
    """The server: ``url``, the operator's ``token``, the organization's name and id, and the process."""

    url: str
    token: str
    org: str
    org_id: str
    daemon: Daemon

    def create_bucket(self) -> "InfluxBucket":
        """A new, empty bucket."""
        name = f"test-{secrets.token_hex(6)}"
        reply = _call(self.url, "POST", "/api/v2/buckets", {"orgID": self.org_id, "name": name}, self.token)
        return InfluxBucket(
            url=self.url, org=self.org, bucket=name, token=self.token, bucket_id=reply["id"], server=self
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxBucket:
    """A bucket: all that a client needs to know, and the server's life in the test's hands."""

    url: str
    org: str
    bucket: str
    token: str
    bucket_id: str
    server: InfluxServer

    def kill(self) -> None:
        """SIGKILL the server."""
        self.server.daemon.kill()

    def stop(self) -> None:
        """Orderly end of the server."""
        self.server.daemon.stop()

    def restart(self) -> None:
        """Start the server again on the same port and directory."""
        self.server.daemon.restart()

    def drop(self) -> None:
        """Delete the bucket and everything in it (and start the server again where the test left it down)."""
        self.server.daemon.start()
        _call(self.url, "DELETE", f"/api/v2/buckets/{self.bucket_id}", None, self.token)


def start_influxdb(directory: Path) -> InfluxServer:
    """Start influxd and set it up."""
    program = influxd_path()
    if program is None:
        missing("influxdb", f"run tests/servers/{_BUILD.name} once (Go and cargo, 3-4 minutes)")
    port = free_port()
    url = f"http://{HOST}:{port}"
    daemon = Daemon(
        command=(
            str(program), "run",
            "--bolt-path", str(directory / "influxd.bolt"),
            "--sqlite-path", str(directory / "influxd.sqlite"),
            "--engine-path", str(directory / "engine"),
            "--http-bind-address", f"{HOST}:{port}",
            "--reporting-disabled",
            "--log-level", "warn",
        ),
        log=directory / "influxd.log",
        ready=lambda: _is_healthy(url),
        directory=directory,
    )  # fmt: skip
    daemon.start()
    token = secrets.token_urlsafe(24)
    password = secrets.token_urlsafe(12)
    asked = {"username": "tests", "password": password, "org": _ORGANIZATION, "bucket": "unused", "token": token}
    reply = _call(url, "POST", "/api/v2/setup", asked)
    return InfluxServer(url=url, token=token, org=_ORGANIZATION, org_id=reply["org"]["id"], daemon=daemon)


def _is_healthy(url: str) -> bool:
    try:
        return bool(_call(url, "GET", "/health", None)["status"] == "pass")
    except OSError:  # refused, reset, or 503 while it starts (urllib's errors are OSErrors)
        return False


def _call(url: str, method: str, path: str, body: object, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Token {token}"
    request = urllib.request.Request(
        url + path, method=method, headers=headers, data=None if body is None else json.dumps(body).encode()
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            content = reply.read()
    except urllib.error.HTTPError as error:
        with error:
            error.add_note(error.read().decode(errors="replace"))
        raise
    return json.loads(content) if content else None
