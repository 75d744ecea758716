"""`steelyard doctor`: what is here, what is missing, and what to do about it. Also the containers' health check."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from steelyard.broker_config.embedded import find_mosquitto
from steelyard.cli.errors import CommandError
from steelyard.cli.findings import Finding, print_findings
from steelyard.cli.server_file import ServerFile, read_server_file
from steelyard.contracts.errors import ContractError

PARTS = ("machine", "broker", "stores", "ledger", "api")
_CONNECT_S = 3.0
_LEAST_FREE = 512 * 2**20
_EXTRAS = {
    "edge": ("paho", "pymodbus"),
    "ingest": ("paho", "sqlalchemy", "alembic", "influxdb_client", "numpy"),
    "server": ("fastapi", "scipy", "bokeh", "argon2"),
    "sim": ("aiosmtpd", "amqtt", "tomli_w"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument("--config", type=Path, help="a server.toml to look at as well")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; repeatable (default: all)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask every question, also after one was answered with no. Returns 1 if anything is wrong."""
    parts = tuple(arguments.part or PARTS)
    findings = list(_machine(arguments.config)) if "machine" in parts else []
    if arguments.config is not None:
        try:
            server = read_server_file(arguments.config)
        except (CommandError, ContractError) as error:
            findings.append(Finding(subject="configuration", ok=False, message=str(error)))
        else:
            questions: dict[str, Callable[[ServerFile], Iterator[Finding]]] = {
                "broker": _broker,
                "stores": _stores,
                "ledger": _ledger,
                "api": _api,
            }
            for part, question in questions.items():
                if part in parts:
                    findings.extend(_answered(part, question, server))
    return print_findings(findings, as_json=arguments.json)


def _answered(part: str, question: Callable[[ServerFile], Iterator[Finding]], server: ServerFile) -> Iterator[Finding]:
    """The findings; a configuration that the part itself refuses is one too."""
    try:
        yield from question(server)
    except (CommandError, ContractError) as error:
        yield Finding(subject=part, ok=False, message=str(error))


def _machine(config: Path | None) -> Iterator[Finding]:
    version = ".".join(str(number) for number in sys.version_info[:3])
    yield Finding(subject="python", ok=sys.version_info >= (3, 11), message=f"{version} (3.11 or later is needed)")
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        text = f"missing {', '.join(missing)}: pip install 'steelyard[{extra}]'" if missing else "installed"
        # Not wrong: a gateway has no use for the server's packages.
        yield Finding(subject=f"extra {extra}", ok=True, message=text)
    mosquitto = find_mosquitto()
    text = mosquitto or "not installed: the demonstration uses its embedded broker (MQTT 3.1.1)"
    yield Finding(subject="mosquitto", ok=True, message=text)
    place = (config.resolve().parent if config is not None else Path.cwd()).resolve()
    if place.exists():
        free = shutil.disk_usage(place).free
        text = f"{free / 2**30:.1f} GiB free at {place} (at least {_LEAST_FREE / 2**30:.1f} GiB)"
        yield Finding(subject="disk", ok=free >= _LEAST_FREE, message=text)


def _broker(server: ServerFile) -> Iterator[Finding]:
    from steelyard.broker_config.errors import BrokerConfigError  # noqa: PLC0415 - only what is asked for is imported
    from steelyard.broker_config.settings import BrokerSettings, tls_context  # noqa: PLC0415 - likewise
    from steelyard.contracts.toml import convert  # noqa: PLC0415 - likewise

    try:
        settings = convert(server.tables.get("broker", {}), BrokerSettings, f"{server.name} [broker]")
        settings = settings.relative_to(server.directory)
        if settings.tls is not None:
            tls_context(settings.tls)
        socket.create_connection((settings.host, settings.port), _CONNECT_S).close()
    except BrokerConfigError as error:
        yield Finding(subject="broker", ok=False, message=str(error))
    except OSError as error:
        text = f"{settings.address}: {error.strerror or error}: is it running, and is this the right port?"
        yield Finding(subject="broker", ok=False, message=text)
    else:
        yield Finding(subject="broker", ok=True, message=f"{settings.address} accepts connections")


def _stores(server: ServerFile) -> Iterator[Finding]:
    from steelyard.cli.stores import stores_settings  # noqa: PLC0415 - likewise
    from steelyard.storage.errors import StorageError  # noqa: PLC0415 - likewise
    from steelyard.storage.readings import open_readings  # noqa: PLC0415 - likewise
    from steelyard.storage.records import open_records  # noqa: PLC0415 - likewise

    settings = stores_settings(server)
    try:
        with open_records(settings.records) as records:
            count = len(records.registry.instruments())
            yield Finding(subject="records", ok=True, message=f"{records.url}: {count} instruments registered")
    except StorageError as error:
        yield Finding(subject="records", ok=False, message=str(error))
    try:
        readings = open_readings(settings.readings)
        try:
            readings.check()
            yield Finding(subject="readings", ok=True, message=f"{readings.url} answers")
        finally:
            readings.close()
    except StorageError as error:
        yield Finding(subject="readings", ok=False, message=str(error))


def _ledger(server: ServerFile) -> Iterator[Finding]:
    from steelyard.cli.stores import ledger_path  # noqa: PLC0415 - likewise
    from steelyard.storage.errors import StorageError  # noqa: PLC0415 - likewise
    from steelyard.storage.ledger import LedgerReader  # noqa: PLC0415 - likewise

    path = ledger_path(server)
    try:
        with LedgerReader(path) as ledger:
            head = ledger.head()
        yield Finding(subject="ledger", ok=True, message=f"{path}: {head.size:,} frames, root {head.root[:16]}…")
    except StorageError as error:
        yield Finding(subject="ledger", ok=False, message=str(error))


def _api(server: ServerFile) -> Iterator[Finding]:
    from steelyard.api.errors import SettingsError  # noqa: PLC0415 - likewise
    from steelyard.api.settings import parse_settings  # noqa: PLC0415 - likewise

    try:
        settings, _ = parse_settings(server.tables, server.name)
    except SettingsError as error:
        yield Finding(subject="api", ok=False, message=str(error))
        return
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - asks, does not listen
    url = f"http://{host}:{settings.port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_S) as answer:
            yield Finding(subject="api", ok=True, message=f"{url} answers {answer.status}")
    except urllib.error.HTTPError as error:
        text = f"{url} answers {error.code}: {error.read(500).decode('utf-8', 'replace')}"
        yield Finding(subject="api", ok=False, message=text)
    except OSError as error:
        reason = getattr(error, "reason", error)
        yield Finding(subject="api", ok=False, message=f"{url} does not answer ({reason}): start 'steelyard api'")
