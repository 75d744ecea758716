"""`steelyard backtest`: predict every as-found error of a real history from what was known before it, and score it."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from steelyard.calibration.engine.fleet.backtest import QuantityScores, backtest, score_backtest
from steelyard.calibration.engine.fleet.errors import FleetError
from steelyard.calibration.engine.fleet.scoring import GROSS, Score
from steelyard.cli.errors import CommandError
from steelyard.cli.history_file import read_history, write_predictions

HELP = "predict every as-found error of a calibration history from what was known before it, and score that"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument(
        "history",
        type=Path,
        metavar="HISTORY.csv",
        help="columns class, instrument, quantity, unit, previous_calibration, calibration, test_point, as_found_error",
    )
    parser.add_argument(
        "--learn-from",
        type=Path,
        metavar="FLEET.csv",
        help="learn from these instruments (same columns); without it, from those of the other folds of HISTORY.csv",
    )
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="folds, by instrument (default: 5)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PREDICTIONS.csv", help="the rows with their predictions"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress and no table of scores")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict, write, score."""
    if arguments.folds < 2:
        raise CommandError(f"--folds {arguments.folds}: give at least 2; an instrument must not learn from itself")
    history = read_history(arguments.history)
    fleet = None if arguments.learn_from is None else read_history(arguments.learn_from).records
    try:
        result = backtest(history.records, fleet, arguments.folds, _silent if arguments.quiet else _progress)
        write_predictions(arguments.out, history, result)
        if not arguments.quiet:
            print(score_table(score_backtest(history.records, result)))
    except FleetError as error:
        raise CommandError(str(error)) from error
    return 0


def score_table(scores: Sequence[QuantityScores]) -> str:
    """The scores as text: a row for each rule, a column for each quantity."""
    if not scores:
        return "No row has an earlier event: nothing to score."
    rules = list(scores[0].by_rule)
    width = max(16, *(len(one.quantity) + 2 for one in scores))
    lines = [
        "CRPS / scaled MAD (coverage of the 95 % interval), rows with an earlier event",
        f"{'':16}" + "".join(f"{one.quantity:>{width}}" for one in scores),
    ]
    for rule in rules:
        cells = [_cell(one.by_rule[rule]) for one in scores]
        lines.append(f"{rule:16}" + "".join(f"{cell:>{width}}" for cell in cells))
    counts = [one.by_rule[rules[0]] for one in scores]
    lines.append(f"{'rows':16}" + "".join(f"{count.rows:>{width}}" for count in counts))
    lines.append(f"{'gross errors':16}" + "".join(f"{count.gross:>{width}}" for count in counts))
    lines.append(
        f"Scaled MAD: 1.4826 x median absolute deviation at the test point. Gross (beyond {GROSS:g} of these): "
        "in the coverage, not in the CRPS."
    )
    return "\n".join(lines)


def _cell(score: Score) -> str:
    crps = f"{score.crps:.3f}" if math.isfinite(score.crps) else "–"
    return f"{crps} ({score.coverage * 100:.1f} %)"


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _silent(text: str) -> None:
    del text
