"""`steelyard api`: the console and the REST interface."""

from __future__ import annotations

import argparse
import logging
import threading
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from steelyard.api.app import create_app
from steelyard.api.errors import SettingsError
from steelyard.api.settings import parse_settings
from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import read_server_file
from steelyard.cli.service import add_log_arguments, start_log, stop_on_signals
from steelyard.cli.stores import ledger_path, stores_settings, wait_for_records
from steelyard.storage.errors import StorageError
from steelyard.storage.ledger import LedgerReader
from steelyard.storage.readings import open_readings

logger = logging.getLogger(__name__)

_LEDGER_PATIENCE_S = 15.0
"""Seconds that ingest, started at the same time, gets to make a new ledger."""
_GRACE_S = 5
"""Seconds that open requests get when the interface ends."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument("--config", type=Path, default=Path("server.toml"), help="default: server.toml")
    add_log_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    start_log(arguments)
    server_file = read_server_file(arguments.config)
    try:
        settings, _ = parse_settings(server_file.tables, server_file.name)
    except SettingsError as error:
        raise CommandError(str(error)) from error
    stop = stop_on_signals()
    try:
        with ExitStack() as opened:
            records = wait_for_records(server_file, stop)
            if records is None:
                return 0
            opened.callback(records.close)
            readings = open_readings(stores_settings(server_file).readings)
            opened.callback(readings.close)
            ledger = _open_ledger(ledger_path(server_file), stop)
            if ledger is not None:
                opened.callback(ledger.close)
            app = create_app(settings, records, readings, ledger, server_file.clock())
            # Our log, our signals: uvicorn only serves.
            web = uvicorn.Server(
                uvicorn.Config(
                    app,
                    host=settings.host,
                    port=settings.port,
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    timeout_graceful_shutdown=_GRACE_S,
                )
            )
            thread = threading.Thread(target=_serve, args=(web, stop), name="web", daemon=True)
            thread.start()
            stop.wait()
            web.should_exit = True
            thread.join(_GRACE_S + 2.0)
            if not web.started:
                raise CommandError(
                    f"cannot listen on {settings.host}:{settings.port}: see the log; choose another api.port"
                )
    except (StorageError, SettingsError) as error:
        raise CommandError(str(error)) from error
    return 0


def _serve(web: uvicorn.Server, stop: threading.Event) -> None:
    """Serve; when serving ends, for whatever reason, so does the process."""
    try:
        web.run()
    except SystemExit:
        # How uvicorn says that it cannot listen; it has logged why.
        logger.debug("uvicorn gave up")
    finally:
        stop.set()


def _open_ledger(path: Path, stop: threading.Event) -> LedgerReader | None:
    """The ledger, or None when there is none after a while: then refused messages cannot be shown."""
    waited = 0.0
    while True:
        try:
            return LedgerReader(path)
        except StorageError as error:
            if waited >= _LEDGER_PATIENCE_S or stop.wait(0.25):
                logger.warning("no ledger to show refused messages from: %s", error)
                return None
            waited += 0.25
