"""A server process that a test may stop, kill and start again on the same port and directory."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom the process runs as, where it must not be the one who runs the tests."""

    uid: int
    gid: int


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One server: its command, when it counts as up, and its log.

    ``stop_signal`` asks for an orderly end. A server that does not come up within ``start_seconds`` raises with the
    end of its log.
    """

    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    directory: Path | None = None
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 30.0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise RuntimeError(f"{self.command[0]} was never started")
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """What the last process ended with: its own status, or minus the signal; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the server and wait until it answers; nothing to do when it runs."""
        if self.running:
            return
        identity = {"user": self.user.uid, "group": self.user.gid, "extra_groups": []} if self.user else {}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"},
                **identity,
            )
        deadline = time.monotonic() + self.start_seconds
        while not self.ready():
            if not self.running:
                raise RuntimeError(f"{self.command[0]} ended with {self._process.returncode}:\n{self._log_end()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.command[0]} not up after {self.start_seconds:g} s:\n{self._log_end()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask the server to end in its own way; kill it when it does not within 15 s."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL: the server gets no chance to save anything."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same port and directory; a server that still runs is stopped first."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(how)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
