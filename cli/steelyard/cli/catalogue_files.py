"""Operators' own files of the catalogue, on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from steelyard.calibration.catalogue import Catalogue, CatalogueError, load_catalogue
from steelyard.cli.errors import CommandError


def add_catalogue_argument(parser: argparse.ArgumentParser) -> None:
    """Describe ``--catalogue FILE …``."""
    parser.add_argument(
        "--catalogue",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files of your own (TOML) that change a kind of the catalogue or add one",
    )


def read_catalogue(files: list[Path]) -> Catalogue:
    """The catalogue with operators' files.

    Raises CommandError for a file that cannot be read, CatalogueError for one that says something wrong.
    """
    overrides = []
    for path in files:
        try:
            overrides.append((path.read_text(encoding="utf-8-sig"), path.name))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
            raise CommandError(f"cannot read {path}: {reason}") from error
    return load_catalogue(overrides)


def loaded_catalogue(files: list[Path]) -> Catalogue:
    """The same, with one kind of refusal: CommandError."""
    try:
        return read_catalogue(files)
    except CatalogueError as error:
        raise CommandError(str(error)) from error
