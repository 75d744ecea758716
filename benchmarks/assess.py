"""How long `steelyard assess` takes on an institute's ledger, and how much of it reading the workbook takes.

    python benchmarks/assess.py [--instruments 10000] [--events 30000]

The ledger has five kinds in like parts, three certificates each on the average, each with three test points; errors,
dates and a few faults are drawn at random (seed 1). Beside the command stands openpyxl, reading the same file alone.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import openpyxl

from steelyard.storage.tables import Column, Sheet, write_workbook

AIM_S = 20.0
ON = date(2026, 11, 29)
# Kind, class, range, unit, scale interval, parameters, test points, MPE at each of them, unit of the errors.
KINDS = (
    ("digital_indicating_scale", "III", 3000.0, "kg", 1.0, "", (500.0, 2000.0, 3000.0), (0.5, 1.0, 1.5), "kg"),
    ("pressure_gauge", "1.6", 1.6, "MPa", 0.05, "", (0.4, 0.8, 1.2), (0.0256,) * 3, "MPa"),
    ("water_meter", "2", None, "m3", None, "dn=20; q3=2.5; r=100", (0.03, 0.1, 2.5), (5.0, 2.0, 2.0), "%"),
    ("electricity_meter", "1", None, "kW.h", None, "", (1.0, 2.0, 5.0), (1.0,) * 3, "%"),
    ("fuel_dispenser", None, None, "L", None, "", (5.0, 20.0, 50.0), (0.015, 0.06, 0.15), "L"),
)


def ledger(instruments: int, events: int) -> bytes:
    """The workbook."""
    draw = random.Random(1)
    rows: list[tuple[object, ...]] = []
    happened: list[tuple[object, ...]] = []
    for number in range(instruments):
        kind, accuracy, high, unit, interval, parameters, *_ = KINDS[number % len(KINDS)]
        low = None if high is None else 0.0
        put = date(2020, 1, 1) + timedelta(days=draw.randrange(1500))
        rows.append((f"I-{number}", kind, accuracy, low, high, unit, interval, "trade", "cn-zj", put, parameters))
    for number in range(events):
        of = number % instruments
        *_, unit, _, _, points, limits, error_unit = KINDS[of % len(KINDS)]
        flows = KINDS[of % len(KINDS)][0] == "water_meter"
        completed = date(2024, 1, 1) + timedelta(days=365 * (number // instruments) + draw.randrange(300))
        for point, limit in zip(points, limits, strict=True):
            error = draw.gauss(0.0, 0.3 * limit)
            happened.append(
                (
                    f"E-{number}", f"I-{of}", "subsequent_verification", completed, "passed", f"C-{number}", "CIM",
                    point, "m3/h" if flows else unit, round(error, 6), limit / 4.0, error_unit,
                )
            )  # fmt: skip
    headings = "id kind accuracy_class range_low range_high unit scale_interval use region put_into_use parameters"
    of_events = (
        "id instrument kind completed decision certificate performed_by test_point unit as_found expanded_uncertainty "
        "error_unit"
    )
    dates = {"put_into_use", "completed"}

    def columns(names: str) -> tuple[Column, ...]:
        return tuple(Column(heading=name, date=name in dates) for name in names.split())

    return write_workbook(
        [
            Sheet(name="instruments", columns=columns(headings), rows=rows),  # type: ignore[arg-type]
            Sheet(name="events", columns=columns(of_events), rows=happened),  # type: ignore[arg-type]
        ]
    )


def alone(path: Path) -> float:
    """Seconds in which openpyxl reads every cell of the file."""
    began = time.perf_counter()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    for page in book.worksheets:
        for _ in page.iter_rows(values_only=True):
            pass
    book.close()
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instruments", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=30_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "ledger.xlsx"
        path.write_bytes(ledger(arguments.instruments, arguments.events))
        command = [sys.executable, "-m", "steelyard.cli.main", "assess", str(path), "--on", ON.isoformat()]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        megabytes = after.ru_maxrss / 1024
        peer = alone(path)
        size = path.stat().st_size / 1e6
    print(done.stdout.partition("\n\n")[0], file=sys.stderr)
    print(
        "| instruments | events | rows of points | file, MB | assess, s | processor, s | memory, MB "
        "| openpyxl alone, s | aim, s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {arguments.instruments:,} | {arguments.events:,} | {3 * arguments.events:,} | {size:.1f} | {seconds:.1f} "
        f"| {cpu:.1f} | {megabytes:.0f} | {peer:.1f} | {AIM_S:.0f} |"
    )


if __name__ == "__main__":
    main()
