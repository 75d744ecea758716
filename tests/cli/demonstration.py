"""The demonstration as a program drives it; for its tests, and for the benchmark that repeats it."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HANGS_AFTER_S = 1_800.0
"""Seconds without a word after which it is taken to hang; a busy machine needs minutes."""


@dataclass
class Demo:
    """A running demonstration."""

    process: subprocess.Popen[str]
    lines: "queue.Queue[str]"

    def next_line(self) -> dict[str, Any]:
        """The next object that it says."""
        for _ in range(int(HANGS_AFTER_S)):
            with contextlib.suppress(queue.Empty):
                return json.loads(self.lines.get(timeout=1.0))
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.process.stderr.read()}"
        raise AssertionError(f"nothing said for {HANGS_AFTER_S:g} s")

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(300)


@contextlib.contextmanager
def demo(directory: Path, *options: str) -> Iterator[Demo]:
    """Run it in `directory`."""
    command = [sys.executable, "-m", "steelyard.cli.main", "demo"]
    process = subprocess.Popen(
        [*command, "--json", "--no-browser", "--directory", str(directory), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stdout:
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield Demo(process, lines)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(300)
        reader.join()
        process.stdout.close()
        process.stderr.close()


def get(url: str, key: str) -> Any:
    """What the interface answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def score(directory: Path) -> tuple[int, dict[str, Any]]:
    """Exit status and result of ``steelyard demo --score``."""
    done = subprocess.run(
        [sys.executable, "-m", "steelyard.cli.main", "demo", "--score", str(directory), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def children_of(directory: Path) -> list[int]:
    """Ids of the processes whose command line names the demonstration's directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if any(os.fsencode(directory) in argument for argument in arguments):
                found.append(int(entry.name))
    return found
