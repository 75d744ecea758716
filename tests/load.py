"""Holds the machine's load at a number while a command runs: what is right must be right on a busy machine too.

    python tests/load.py 10 --minutes 60 -- make test
    python tests/load.py 10 --minutes 5            # only the load

Processes that count are kept busy, stopped and continued so that with everything else there are as many runnable ones
as asked for. Bounded in time: after `--minutes` the load ends, whatever becomes of the command. Ends with the command's
exit status, and says what the load was.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_LOOKS_A_SECOND = 20
_FORGETTING = 0.05
"""Weight of the newest look in the running mean: about a second of memory."""


def main() -> int:
    """Hold the load until the command ends or the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], usage="%(prog)s LOAD [--minutes M] [-- COMMAND …]"
    )
    parser.add_argument("load", type=int, help="runnable processes, 1 to 64")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="stop the load after this many minutes, at most 240 (default 60)"
    )
    own, command = _split(sys.argv[1:])
    arguments = parser.parse_args(own)
    if not 1 <= arguments.load <= 64:
        parser.error(f"load: {arguments.load}: choose 1 to 64")
    if not 0 < arguments.minutes <= 240:
        parser.error(f"--minutes: {arguments.minutes}: choose more than 0, at most 240")
    seconds = 60.0 * arguments.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    running = subprocess.Popen(command) if command else None
    burners = [_burner(seconds) for _ in range(arguments.load)]
    try:
        means = _hold(arguments.load, burners, running, time.monotonic() + seconds)
    except BaseException:  # stopped by Ctrl-C or SIGTERM: the command too, it was for this
        if running is not None:
            running.terminate()
        raise
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    status = running.wait() if running is not None else 0
    means = means or [0.0]
    sys.stderr.write(
        f"load held at {sum(means) / len(means):.1f} runnable processes on {os.cpu_count()} processors "
        f"({min(means):.0f} to {max(means):.0f}) for {len(means)} s\n"
    )
    return status


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and after ``--`` the command."""
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def _burner(seconds: float) -> subprocess.Popen[bytes]:
    """A process that counts, and ends with us, whatever ends us (prctl PR_SET_PDEATHSIG), or when the time is over."""
    program = f"""
import ctypes, signal, time
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    sum(range(100_000))
"""
    # A session of its own: the kernel hangs up a group that is orphaned while some of it are stopped, command and all.
    return subprocess.Popen([sys.executable, "-c", program], start_new_session=True)


def _hold(
    load: int, burners: list[subprocess.Popen[bytes]], running: subprocess.Popen[bytes] | None, end: float
) -> list[float]:
    """Let as many burn as are lacking to `load`; returns the mean number of runnable processes of each second."""
    burning = len(burners)
    mean = float(load)
    means: list[float] = []
    looks: list[int] = []
    while time.monotonic() < end and (running is None or running.poll() is None):
        runnable = _runnable() - 1  # without us
        looks.append(runnable)
        if len(looks) == _LOOKS_A_SECOND:
            means.append(sum(looks) / len(looks))
            looks.clear()
        others = max(0, runnable - burning)
        mean += _FORGETTING * (others + burning - mean)
        wanted = min(len(burners), max(0, burning + round(load - mean)))
        if wanted != burning:
            for place, burner in enumerate(burners):
                burner.send_signal(signal.SIGCONT if place < wanted else signal.SIGSTOP)
            mean += wanted - burning
            burning = wanted
        time.sleep(1 / _LOOKS_A_SECOND)
    return means


def _runnable() -> int:
    """Processes that run or could, as the kernel counts them now."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if name == "procs_running":
            return int(rest)
    raise RuntimeError("/proc/stat has no procs_running: the load can be held on Linux only")


if __name__ == "__main__":
    sys.exit(main())
