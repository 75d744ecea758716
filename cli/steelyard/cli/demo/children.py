"""The demonstration's child processes: started, watched, started again when they die, ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from steelyard.cli.errors import CommandError

_TAIL = 12
_TOO_MANY_DEATHS = 5
_LOOK_S = 0.2
_PROMPT_NICENESS = -10


@dataclass(slots=True)
class _Child:
    name: str
    argv: tuple[str, ...]
    prompt: bool
    process: subprocess.Popen[bytes]
    deaths: int = 0


class Children:
    """Processes of `steelyard`'s own subcommands, each with a log file below `logs`."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        """Where the log files are."""
        self._children: list[_Child] = []

    def start(self, name: str, *arguments: str, prompt: bool = False) -> None:
        """Start ``steelyard ARGUMENTS…`` as `name`.

        `prompt`: it keeps deadlines, and goes before others if we may say so.
        """
        argv = (sys.executable, "-m", "steelyard.cli.main", *arguments)
        self._children.append(
            _Child(name=name, argv=argv, prompt=prompt, process=self._spawn(name, argv, prompt=prompt))
        )

    def run(self, name: str, *arguments: str, stop: threading.Event) -> str:
        """Run ``steelyard ARGUMENTS…`` to its end and return its output; ended early, with none, when `stop` is set.

        Raises CommandError with its words if it fails.
        """
        argv = (sys.executable, "-m", "steelyard.cli.main", *arguments)
        with subprocess.Popen(  # noqa: S603 - our own command, no shell
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            while True:
                try:
                    output, errors = process.communicate(timeout=_LOOK_S)
                except subprocess.TimeoutExpired:
                    if stop.is_set():
                        process.terminate()
                    continue
                break
        if process.returncode != 0 and not stop.is_set():
            raise CommandError(f"{name} failed: {errors.strip() or output.strip()}")
        return output

    def look_after(self) -> list[str]:
        """Start again what has died; returns a line for each. CommandError when one dies again and again."""
        lines = []
        for child in self._children:
            status = child.process.poll()
            if status is None:
                continue
            child.deaths += 1
            if child.deaths >= _TOO_MANY_DEATHS:
                raise CommandError(
                    f"{child.name} has ended {child.deaths} times (last status {status}):\n{self.tail(child.name)}"
                )
            child.process = self._spawn(child.name, child.argv, prompt=child.prompt)
            lines.append(f"{child.name} ended with status {status} and was started again ({self._log(child.name)})")
        return lines

    def stop(self, grace_s: float = 8.0) -> None:
        """End all, last started first: SIGTERM, and SIGKILL for what is still there after `grace_s` seconds."""
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                try:
                    child.process.wait(grace_s)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        self._children.clear()

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {child.name: child.process.pid for child in self._children}

    def _spawn(self, name: str, argv: Sequence[str], *, prompt: bool) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we end them in order.
            process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        if prompt:
            # Only a privileged user may; without it a busy machine misses a few more simulated polls.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _PROMPT_NICENESS)
        return process

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def tail(self, name: str) -> str:
        """The last lines of a child's log."""
        return "\n".join(self._log(name).read_text("utf-8", "replace").splitlines()[-_TAIL:])
