"""What a calculation answers: one JSON object for programs, tables for people."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from unicodedata import east_asian_width


def add_output_arguments(parser: argparse.ArgumentParser, *, plot: bool = True) -> None:
    """The options that all calculations have: ``--json`` and, where there is something to draw, ``--plot``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if plot:
        parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it into FILE.png or FILE.svg")


def print_json(result: Mapping[str, object]) -> None:
    """Print one JSON object; what is infinite or not a number becomes null."""
    plain = _finite(result)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # Escaped it says the same; with question marks it would not.
        text = json.dumps(plain, allow_nan=False)
    print(text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table as text: the first `left` columns to the left, the others to the right."""
    widths = [max(_width(row[index]) for row in (header, *rows)) for index in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            filling = " " * (width - _width(cell))
            cells.append(cell + filling if index < left else filling + cell)
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *(line(row) for row in rows)])


def number(value: float | None, digits: int = 6) -> str:
    """A number with so many significant digits; – for what is unknown, ∞ for what is infinite."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}g}"


def _width(text: str) -> int:
    """Columns that a text takes on a terminal; Chinese characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
