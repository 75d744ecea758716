"""`steelyard assess`: judge a ledger that people keep in a spreadsheet, without any server or database."""

from __future__ import annotations

import argparse
import stat
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.judging import judge_ledger
from steelyard.calibration.ledger import parse_day
from steelyard.calibration.settings import CalibrationSettings
from steelyard.cli.assess.answer import Answer, as_json, as_text
from steelyard.cli.assess.ledger_file import read_ledger_file
from steelyard.cli.assess.plan import as_plan
from steelyard.cli.assess.template import template
from steelyard.cli.calc.printing import print_json
from steelyard.cli.catalogue_files import add_catalogue_argument, loaded_catalogue
from steelyard.cli.errors import CommandError

_TOLD_EVERY_ROWS = 5_000
_LARGE = 1_000
"""Instruments of a ledger that is worth telling how far one is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="the ledger: .xlsx with the sheets instruments and events, .csv of instruments, or a registry's .toml",
    )
    parser.add_argument("--events", type=Path, metavar="FILE", help="the events, where they have a file of their own")
    parser.add_argument("--on", metavar="DATE", help="the day to judge for, as 2026-03-15")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--out", type=Path, metavar="PLAN.xlsx", help="write the plan of the coming year there")
    add_catalogue_argument(parser)
    parser.add_argument("--template", type=Path, metavar="FILE.xlsx", help="write an empty ledger to fill in, and end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, judge, answer."""
    catalogue = loaded_catalogue(arguments.catalogue)
    if arguments.template is not None:
        return _write_template(arguments.template, catalogue)
    if arguments.file is None:
        raise CommandError("give the ledger's file; 'steelyard assess --template ledger.xlsx' writes an empty one")
    on = _day(arguments.on)
    if arguments.out is not None:
        _require_a_file("--out", arguments.out)
        if arguments.out.resolve() in _given(arguments):
            raise CommandError(f"--out {arguments.out}: is the ledger itself; write the plan to another file")
    answer = _answer(arguments, catalogue, on)
    if arguments.out is not None:
        _write(arguments.out, as_plan(answer, catalogue))
    if arguments.json:
        print_json(as_json(answer))
    else:
        print(as_text(answer))
    return 0


def _answer(arguments: argparse.Namespace, catalogue: Catalogue, on: date) -> Answer:
    settings = CalibrationSettings()
    ledger = read_ledger_file(
        arguments.file,
        arguments.events,
        catalogue=catalogue,
        on=on,
        utc_offset_minutes=settings.utc_offset_minutes,
        progress=_rows_read,
    )
    if ledger.ignored:
        _tell(f"columns that mean nothing here: {', '.join(ledger.ignored)}")
    if ledger.unsaid_use:
        _tell(
            f"use: empty for {ledger.unsaid_use} instruments, taken as trade; write none where the law controls nothing"
        )
    try:
        judgements, problems = judge_ledger(
            ledger.devices,
            ledger.events,
            catalogue=catalogue,
            on=on,
            settings=settings,
            progress=_judging(len(ledger.devices)),
        )
    except CalibrationError as error:
        raise CommandError(f"{arguments.file.name}: {error}") from error
    return Answer(on=on, ledger=ledger, judgements=judgements, problems=problems)


def _day(text: str | None) -> date:
    if text is None:
        raise CommandError("--on: is missing; give the day to judge for, as 2026-03-15")
    try:
        return parse_day(text, "--on")
    except CalibrationError as error:
        raise CommandError(str(error)) from error


def _given(arguments: argparse.Namespace) -> set[Path]:
    paths = (path for path in (arguments.file, arguments.events) if path is not None)
    return {path.resolve() for path in paths if "\0" not in str(path)}


def _write_template(path: Path, catalogue: Catalogue) -> int:
    _require_a_file("--template", path)
    if path.exists():
        raise CommandError(f"{path}: is there already; a template never overwrites a ledger")
    _write(path, template(catalogue))
    print(f"{path}: fill in the sheets instruments and events, then 'steelyard assess {path} --on DATE'")
    return 0


def _require_a_file(option: str, path: Path) -> None:
    """Refuse what is no name of a file, and what is there and is none: a device, a pipe, a folder."""
    if not path.name or "\0" in str(path):
        raise CommandError(f"{option} {str(path)!r}: is no file's name; give one, as plan.xlsx")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise CommandError(f"{option} {path}: is a device, a pipe or a folder; give the name of a file")


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path = path.resolve()
    part = path.with_name(path.name + ".part")
    _require_a_file("cannot write", part)
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def _rows_read(sheet: str, rows: int) -> None:
    if rows % _TOLD_EVERY_ROWS == 0:
        _tell(f"{sheet}: {rows} rows read")


def _judging(instruments: int) -> Callable[[int, int], None] | None:
    """Tells of each tenth, of ledgers that take their time."""
    if instruments <= _LARGE:
        return None
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // total
        if tenth > told:
            told = tenth
            _tell(f"{10 * tenth} % of {instruments} instruments judged")

    return progress


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
