"""A server process that a test may stop, kill and start again on the same port and directory."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom the process runs as, where it must not be the one who runs the tests."""

    uid: int
    gid: int


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One server: its command, when it counts as up, and its log.

    ``stop_signal`` asks for an orderly end. A server that ends instead of coming up raises with the end of its log.
    """

    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    directory: Path | None = None
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
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
        try:
            waiting.until(self._is_up, f"{self.command[0]} is up", pause_s=0.02, say=self._log_end)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask the server to end in its own way; kill it when it hangs."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL: the server gets no chance to save anything."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same port and directory; a server that still runs is stopped first."""
        self.stop()
        self.start()

    def _is_up(self) -> bool:
        if self.ready():
            return True
        if not self.running:
            raise RuntimeError(f"{self.command[0]} ended with {self.exit_status}:\n{self._log_end()}")
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(how)
        try:
            self._process.wait(timeout=waiting.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
