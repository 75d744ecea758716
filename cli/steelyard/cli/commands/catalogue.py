"""`steelyard catalogue list | show | check`: what kinds of instruments there are, and under which law."""

from __future__ import annotations

import argparse
import json
import sys

from steelyard.calibration.catalogue import CatalogueError
from steelyard.calibration.catalogue.check import faults
from steelyard.cli.catalogue_files import add_catalogue_argument, loaded_catalogue, read_catalogue
from steelyard.cli.catalogue_pages import kind_as_json, kind_page, kinds_table
from steelyard.cli.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="a line for each kind: names, regulation, regime and period")
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="everything about a kind, with sources and how well each fact is known")
    show.add_argument("kind", help="its name, English or Chinese, or what people write for it")
    show.set_defaults(run=_show)
    check = actions.add_parser(
        "check",
        help="load everything, try every kind in every class, phase and use; exit status 1 if anything is wrong",
    )
    check.set_defaults(run=_check)
    for action in (listing, show, check):
        add_catalogue_argument(action)
        action.add_argument("--json", action="store_true", help="print JSON for programs")


def _list(arguments: argparse.Namespace) -> int:
    catalogue = loaded_catalogue(arguments.catalogue)
    if arguments.json:
        print(json.dumps({"kinds": [kind_as_json(kind) for kind in catalogue.kinds.values()]}, ensure_ascii=False))
    else:
        print(kinds_table(catalogue))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    catalogue = loaded_catalogue(arguments.catalogue)
    try:
        kind = catalogue.kind(arguments.kind)
    except CatalogueError as error:
        raise CommandError(str(error)) from error
    print(json.dumps(kind_as_json(kind), ensure_ascii=False) if arguments.json else kind_page(kind))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    try:
        catalogue = read_catalogue(arguments.catalogue)
    except CatalogueError as error:
        found: tuple[str, ...] = (f"{error}.",)
        kinds = 0
    else:
        found, kinds = faults(catalogue), len(catalogue.kinds)
    if arguments.json:
        print(json.dumps({"ok": not found, "kinds": kinds, "faults": list(found)}, ensure_ascii=False))
    elif found:
        print("\n".join(found), file=sys.stderr)
    else:
        print(f"{kinds} kinds are in order: names, dates, sources, regimes, and limits in every class and phase")
    return 1 if found else 0
