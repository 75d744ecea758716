"""`steelyard doctor`: what is here, what is missing, and what to do about it. Also the containers' health check."""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from steelyard.broker_config.embedded import find_mosquitto
from steelyard.broker_config.errors import BrokerConfigError
from steelyard.broker_config.settings import BrokerSettings, tls_context
from steelyard.cli.errors import CommandError
from steelyard.cli.findings import Finding, print_findings
from steelyard.cli.server_file import ServerFile, read_server_file
from steelyard.contracts.errors import ContractError

PARTS: dict[str, tuple[str, ...]] = {
    "machine": ("machine",),
    "ingest": ("broker", "stores", "ledger"),
    "calibrate": ("stores", "calibration"),
    "api": ("api",),
    "edge": ("edge",),
}
"""What a part of Steelyard needs; `edge` wants a gateway's configuration, the others a server.toml."""
_CONNECT_S = 3.0
_LEAST_FREE = 512 * 2**20
_ASSESSED_WITHIN_H = 25
"""Every instrument with legal data is assessed once in each legal day; an hour more for the work itself."""
_ASKED_AFTER = 20
"""Instruments looked at until one turns up that was assessed: the first, where all is well."""
_EXTRAS = {
    "edge": ("paho", "pymodbus"),
    "ingest": ("paho", "sqlalchemy", "alembic", "influxdb_client", "numpy"),
    "server": ("fastapi", "scipy", "bokeh", "argon2"),
    "sim": ("aiosmtpd", "amqtt", "tomli_w"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument(
        "--config", type=Path, help="a server.toml, or with --part edge a gateway's file, to look at too"
    )
    parser.add_argument(
        "--part",
        choices=tuple(PARTS),
        action="append",
        help="only what this part needs; repeatable (default: the machine, and what a server.toml names)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask every question, also after one was answered with no. Returns 1 if anything is wrong."""
    parts = arguments.part or [part for part in PARTS if part != "edge"]
    config: Path | None = arguments.config
    wanted = dict.fromkeys(question for part in parts for question in PARTS[part])
    findings: list[Finding] = []
    if "machine" in wanted:
        findings += _machine(config)
    if config is None:
        if arguments.part and wanted.keys() != {"machine"}:
            raise CommandError(f"--part {arguments.part[0]} needs --config: which configuration shall I look at?")
        return print_findings(findings, as_json=arguments.json)
    if "edge" in wanted:
        findings += _answered("edge", partial(_edge, config))
    questions: dict[str, Callable[[ServerFile], Iterator[Finding]]] = {
        "broker": _broker,
        "stores": _stores,
        "calibration": _calibration,
        "ledger": _ledger,
        "api": _api,
    }
    if wanted.keys() & questions.keys():
        try:
            server = read_server_file(config)
        except (CommandError, ContractError) as error:
            findings.append(Finding(subject="configuration", ok=False, message=str(error)))
        else:
            for subject, question in questions.items():
                if subject in wanted:
                    findings += _answered(subject, partial(question, server))
    return print_findings(findings, as_json=arguments.json)


def _answered(subject: str, question: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings; a configuration that the part itself refuses is one too."""
    try:
        return list(question())
    except (CommandError, ContractError) as error:
        return [Finding(subject=subject, ok=False, message=str(error))]


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
    from steelyard.contracts.toml import convert  # noqa: PLC0415 - only what is asked for is imported

    settings = convert(server.tables.get("broker", {}), BrokerSettings, f"{server.name} [broker]")
    yield _broker_answers(settings.relative_to(server.directory))


def _edge(config: Path) -> Iterator[Finding]:
    from steelyard.edge.settings import load_config  # noqa: PLC0415 - likewise

    edge = load_config(config)
    yield Finding(subject="configuration", ok=True, message=f"{config}: {len(edge.instruments)} instruments")
    spool = edge.spool_path
    held = f"{spool}: {spool.stat().st_size:,} bytes" if spool.exists() else f"{spool} is not there yet"
    yield Finding(subject="spool", ok=True, message=held)
    # Only a connection: with a session of our own under its name we would disconnect the running gateway.
    yield _broker_answers(edge.broker)


def _broker_answers(settings: BrokerSettings) -> Finding:
    try:
        if settings.tls is not None:
            tls_context(settings.tls)
        socket.create_connection((settings.host, settings.port), _CONNECT_S).close()
    except BrokerConfigError as error:
        return Finding(subject="broker", ok=False, message=str(error))
    except OSError as error:
        text = f"{settings.address}: {error.strerror or error}: is it running, and is this the right port?"
        return Finding(subject="broker", ok=False, message=text)
    return Finding(subject="broker", ok=True, message=f"{settings.address} accepts connections")


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


def _calibration(server: ServerFile) -> Iterator[Finding]:
    """Whether `calibrate` worked within the last day: what it leaves behind is looked at, not whether it lives."""
    from steelyard.cli.stores import stores_settings  # noqa: PLC0415 - likewise
    from steelyard.storage.errors import StorageError  # noqa: PLC0415 - likewise
    from steelyard.storage.records import open_records  # noqa: PLC0415 - likewise

    clock = server.clock()
    if clock.status.state == "simulated":
        yield Finding(subject="calibration", ok=True, message="not asked: simulated time passes too fast to tell")
        return
    since = clock.now_ns() - _ASSESSED_WITHIN_H * 3600 * 10**9
    try:
        with open_records(stores_settings(server).records) as records:
            names = [legal.instrument for legal in records.registry.legal_statuses()]
            found = (records.verification.assessments(name, since) for name in names[:_ASKED_AFTER])
            newest = next((each[-1].at_ns for each in found if each), None)
    except StorageError as error:
        yield Finding(subject="calibration", ok=False, message=str(error))
        return
    if not names:
        yield Finding(subject="calibration", ok=True, message="no instrument with legal data: nothing to assess")
    elif newest is None:
        text = f"no assessment in {_ASSESSED_WITHIN_H} h: start 'steelyard calibrate', or look into its log"
        yield Finding(subject="calibration", ok=False, message=text)
    else:
        at = datetime.fromtimestamp(newest // 10**9, UTC).isoformat()
        yield Finding(subject="calibration", ok=True, message=f"instruments were assessed at {at}")


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
        # Our own address: a proxy of the environment is for others.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=_CONNECT_S) as answer:
            yield Finding(subject="api", ok=True, message=f"{url} answers {answer.status}")
    except urllib.error.HTTPError as error:
        text = f"{url} answers {error.code}: {error.read(500).decode('utf-8', 'replace')}"
        yield Finding(subject="api", ok=False, message=text)
    except (OSError, http.client.HTTPException) as error:  # the latter: what answers there does not speak HTTP
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        yield Finding(subject="api", ok=False, message=f"{url} does not answer ({reason}): start 'steelyard api'")
