"""`steelyard key new FILE` and `steelyard key show FILE`."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from steelyard.cli.errors import CommandError
from steelyard.contracts.keys import SigningKey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make an Ed25519 signing key; refuses to overwrite a file")
    new.add_argument("file", type=Path, help="where to write the private key (PEM, readable by you alone)")
    new.set_defaults(run=_new)
    show = actions.add_parser("show", help="print a key's public half, as configurations want it")
    show.add_argument("file", type=Path, help="the private key's PEM file")
    show.set_defaults(run=_show)
    for action in (new, show):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def write_new_key(path: Path) -> SigningKey:
    """Make a key and write it to `path`, readable by its owner alone. Raises CommandError if the file exists."""
    key = SigningKey.generate()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(f"{path} exists: a key is never overwritten; choose another name or move it away") from None
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.to_pem())
    return key


def read_key(path: Path) -> SigningKey:
    """Read a private key's file; CommandError or KeyFormatError if that cannot be."""
    try:
        return SigningKey.from_pem(path.read_bytes(), str(path))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}; make one: 'steelyard key new {path}'") from error


def _new(arguments: argparse.Namespace) -> int:
    _print(write_new_key(arguments.file), as_json=arguments.json)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    _print(read_key(arguments.file), as_json=arguments.json)
    return 0


def _print(key: SigningKey, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"public_key": key.public.text, "kid": key.public.kid}))
    else:
        print(f"public key  {key.public.text}\nkey id      {key.public.kid}")
