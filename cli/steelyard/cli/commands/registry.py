"""`steelyard registry apply | account | key`: who is there, who may sign in, which programs may ask."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from datetime import date
from pathlib import Path

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.settings import parse_calibration_settings
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.due_date import legal_date
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.roles import Role
from steelyard.cli.catalogue_files import add_catalogue_argument, loaded_catalogue
from steelyard.cli.errors import CommandError
from steelyard.cli.registry_file import RegistryFile, parse_registry
from steelyard.cli.server_file import ServerFile, read_server_file
from steelyard.cli.stores import opened_records
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.identifiers import parse_organization_id
from steelyard.contracts.profile import Profile, parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.storage.records import Records
from steelyard.storage.records.registry import Registrar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    apply = actions.add_parser(
        "apply", help="register what a file names; what is there and the same stays, what is not named stays"
    )
    apply.add_argument("file", type=Path, help="the registry file (TOML); docs/reference/registry.md describes it")
    add_catalogue_argument(apply)
    apply.set_defaults(run=_apply)
    account = actions.add_parser("account", help="make an account for a person; asks for the password")
    account.add_argument("email")
    account.add_argument("--name", required=True)
    account.add_argument(
        "--password-file", type=Path, help="read the password's first line from there instead of asking"
    )
    account.set_defaults(run=_account)
    key = actions.add_parser("key", help="make an API key for a program; it is shown once")
    key.add_argument("name", help="what it is for")
    key.set_defaults(run=_key)
    for action in (account, key):
        action.add_argument("--organization", required=True)
        action.add_argument("--role", required=True, choices=[role.value for role in Role if role is not Role.SYSTEM])
    for action in (apply, account, key):
        action.add_argument("--config", type=Path, default=Path("server.toml"), help="default: server.toml")
        action.add_argument("--json", action="store_true", help="print one JSON object")


def read_registry(path: Path, catalogue: Catalogue | None = None) -> RegistryFile:
    """Read a registry file; CommandError or SettingsError if that cannot be."""

    def profile_of(name: str) -> Profile:
        if not name.endswith(".toml"):
            return parse_profile(builtin(name).read_text("utf-8"), f"{name}.toml")
        try:
            return parse_profile((path.parent / name).read_text("utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError("profile", name, f"cannot be read: {_reason(error)}") from error

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {_reason(error)}") from error
    return parse_registry(text, path.name, profile_of, catalogue=catalogue)


def store_registry(records: Records, file: RegistryFile, registrar: Registrar) -> tuple[int, int]:
    """Register everything in `file`; returns how many objects and how many events were new or changed."""
    changed = records.registry.apply(file.registration, registrar)
    new_events = 0
    for event in file.events:
        if records.verification.event(event.id) is None:
            audit = AuditEntry(
                at_ns=registrar.at_ns,
                who=registrar.who,
                role=registrar.role,
                action="register",
                object_kind="verification_event",
                object_id=event.id,
                old=None,
                new=_told(event),
                why=registrar.why,
            )
            records.verification.add_event(event, audit, items=file.items.get(event.id, ()))
            new_events += 1
    return changed, new_events


def _told(event: VerificationEvent) -> str:
    number = "" if event.certificate is None else f" certificate {event.certificate} of {event.performed_by}"
    return f"{event.kind.value} {event.completed} {event.decision.value}{number} imported from {event.imported_from}"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not UTF-8 text"


def _utc_offset_minutes(server: ServerFile) -> int:
    table = server.tables.get("calibration", {})
    return parse_calibration_settings(table, f"{server.name} [calibration]").utc_offset_minutes


def _require_completed(file: RegistryFile, today: date) -> None:
    """Refuse certificates of days that have not come: a mistyped year would date what is known of the error."""
    for event in file.events:
        if event.completed > today:
            raise SettingsError(
                f"event '{event.id}'.completed", event.completed.isoformat(), f"lies after today, {today.isoformat()}"
            )


def _apply(arguments: argparse.Namespace) -> int:
    server = read_server_file(arguments.config)
    file = read_registry(arguments.file, loaded_catalogue(arguments.catalogue))
    now_ns = server.clock().now_ns()
    today = legal_date(now_ns, _utc_offset_minutes(server))
    _require_completed(file, today)
    registrar = Registrar(
        who=getpass.getuser(),
        role=Role.ADMINISTRATOR.value,
        why=f"registry file {arguments.file.name}",
        at_ns=now_ns,
        today=today,
    )
    with opened_records(server, migrate=True) as records:
        changed, new_events = store_registry(records, file, registrar)
        serving = len(records.registry.service_relations())
    named = len(file.registration.service_relations)
    if arguments.json:
        print(
            json.dumps({"changed": changed, "new_events": new_events, "serves_in_file": named, "serves_known": serving})
        )
    else:
        print(f"{changed} objects registered or corrected, {new_events} verification events added")
        if not named:
            known = f"{serving} known before stay" if serving else "no institute sees an enterprise's instruments"
            print(f"{arguments.file.name} says of no institute whom it serves (`serves`): {known}")
    return 0


def _account(arguments: argparse.Namespace) -> int:
    from steelyard.api.errors import ApiError  # noqa: PLC0415 - `apply` need not wait for Argon2
    from steelyard.api.passwords import Passwords  # noqa: PLC0415 - likewise
    from steelyard.api.people import create_account  # noqa: PLC0415 - likewise

    server = read_server_file(arguments.config)
    password = _password(arguments.password_file)
    with opened_records(server, migrate=True) as records:
        try:
            account = create_account(
                records,
                Passwords(),
                organization=parse_organization_id(arguments.organization, "--organization"),
                name=arguments.name,
                email=arguments.email,
                role=Role(arguments.role),
                password=password,
                created_by=getpass.getuser(),
                now_ns=server.clock().now_ns(),
            )
        except ApiError as error:
            raise CommandError(str(error)) from error
    print(json.dumps({"id": account.id, "email": account.email}) if arguments.json else f"{account.email} may sign in")
    return 0


def _key(arguments: argparse.Namespace) -> int:
    from steelyard.api.errors import ApiError  # noqa: PLC0415 - as above
    from steelyard.api.people import create_api_key  # noqa: PLC0415 - likewise

    server = read_server_file(arguments.config)
    with opened_records(server, migrate=True) as records:
        try:
            key = create_api_key(
                records,
                organization=parse_organization_id(arguments.organization, "--organization"),
                role=Role(arguments.role),
                name=arguments.name,
                created_by=getpass.getuser(),
                now_ns=server.clock().now_ns(),
            )
        except ApiError as error:
            raise CommandError(str(error)) from error
    if arguments.json:
        print(json.dumps({"key": key}))
    else:
        print(key)
        print("Shown this once: keep it where the program finds it. Use: Authorization: Bearer KEY", file=sys.stderr)
    return 0


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {file}: {_reason(error)}") from error
    if not sys.stdin.isatty():
        raise CommandError("no terminal to ask for the password: give --password-file")
    first = getpass.getpass("Password (10 characters at least): ")
    if getpass.getpass("Again: ") != first:
        raise CommandError("the two passwords differ; nothing was changed")
    return first
