"""The demonstration, again and again: is what it claims right, however busy the machine is, and how long does it take?

    .venv/bin/python benchmarks/demo.py --runs 10 --load 10

Runs alternate between the two brokers; the second half of them goes beside a held load (tests/load.py). Beside each
time stands how much longer than its processor time a plain loop took meanwhile: what the machine could give.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from cli.demonstration import demo, get, score  # noqa: E402 - from the tests' folder, which is no package
from slowdown import Slowdown  # noqa: E402 - likewise

LOAD_MINUTES = 60


@contextlib.contextmanager
def load(runnable: int) -> Iterator[None]:
    """Hold the machine's load while the block runs; 0: leave it alone."""
    if not runnable:
        yield
        return
    command = [sys.executable, str(TESTS / "load.py"), str(runnable), "--minutes", str(LOAD_MINUTES), "--"]
    # Its command waits for our end of the pipe: closed, the load ends.
    with subprocess.Popen([*command, "cat"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as held:
        try:
            yield
        finally:
            held.stdin.close()


def run(broker: str, runnable: int) -> str:
    """One demonstration; returns its row."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary) / "data"
        with load(runnable), Slowdown() as slowdown:
            began = time.monotonic()
            with demo(directory, "--broker", broker) as running:
                first = running.next_line()
                assert running.next_line() == {"ready": True}
                seconds = time.monotonic() - began
                gateways = get(f"{first['url']}/api/v1/gateways", first["api_keys"]["institute"])["items"]
                orders = get(f"{first['url']}/api/v1/work-orders", first["api_keys"]["institute"])["items"]
                running.interrupt()
        _, result = score(directory)
    missed = sum(row["missed_polls"] for row in gateways)
    readings = sum(row["received_readings"] for row in gateways)
    right = "right" if result["right"] else "WRONG"
    return (
        f"| {broker} | {runnable or 'none'} | {seconds:.0f} | {slowdown.factor:.1f} | {readings:,} | {missed} "
        f"| {len(orders)} | {right} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="demonstrations, the second half under load (default 10)")
    parser.add_argument("--load", type=int, default=10, help="runnable processes during the second half (default 10)")
    arguments = parser.parse_args()
    print("| broker | load | ready after s | plain loop x | readings | missed polls | orders | score |")
    print("|---|---|---|---|---|---|---|---|")
    for number in range(arguments.runs):
        runnable = arguments.load if number >= arguments.runs // 2 else 0
        print(run(("mosquitto", "amqtt")[number % 2], runnable), flush=True)


if __name__ == "__main__":
    main()
