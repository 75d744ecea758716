"""`steelyard calibrate`: errors, forecasts, due dates, work orders, alerts."""

from __future__ import annotations

import argparse
import json
import logging
import threading
from contextlib import ExitStack
from pathlib import Path

from steelyard.api.alerts.delivery import deliver_alerts
from steelyard.api.errors import SettingsError
from steelyard.api.settings import AlertSettings, parse_settings
from steelyard.calibration.daemon import run_calibration
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.service import CalibrationService
from steelyard.calibration.settings import CalibrationSettings, parse_calibration_settings
from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import ServerFile, read_server_file
from steelyard.cli.service import add_log_arguments, start_log, stop_on_signals
from steelyard.cli.stores import stores_settings, wait_for_records
from steelyard.contracts.clock import Clock
from steelyard.storage.errors import StorageError
from steelyard.storage.readings import open_readings
from steelyard.storage.records import Records

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument("--config", type=Path, default=Path("server.toml"), help="default: server.toml")
    parser.add_argument("--once", action="store_true", help="take in what is new, send what is to be sent, and end")
    parser.add_argument("--json", action="store_true", help="with --once: print what was done as one JSON object")
    add_log_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Work until told to stop, or once."""
    start_log(arguments)
    server = read_server_file(arguments.config)
    try:
        settings = parse_calibration_settings(server.tables.get("calibration", {}), f"{server.name} [calibration]")
        _, alerts = parse_settings(server.tables, server.name)
    except (CalibrationError, SettingsError) as error:
        raise CommandError(str(error)) from error
    stop = stop_on_signals()
    try:
        with ExitStack() as opened:
            records = wait_for_records(server, stop)
            if records is None:
                return 0
            opened.callback(records.close)
            return _work(server, records, settings, alerts, stop, opened, arguments)
    except StorageError as error:
        raise CommandError(str(error)) from error


def _work(
    server: ServerFile,
    records: Records,
    settings: CalibrationSettings,
    alerts: AlertSettings,
    stop: threading.Event,
    opened: ExitStack,
    arguments: argparse.Namespace,
) -> int:
    readings = open_readings(stores_settings(server).readings)
    opened.callback(readings.close)
    clock = server.clock()
    service = CalibrationService(
        registry=records.registry,
        verification=records.verification,
        orders=records.orders,
        readings=readings,
        settings=settings,
    )
    if arguments.once:
        summary = service.run_once(clock.now_ns())
        delivered = deliver_alerts(records, alerts, clock.now_ns())
        if arguments.json:
            done = {"observations": summary.observations, "assessed": summary.assessed, "raised": summary.raised}
            print(json.dumps({**done, "withdrawn": summary.withdrawn, "problems": list(summary.problems)}))
        else:
            logger.info("%s; alerts: %s", summary, delivered)
        return 0
    postman = threading.Thread(
        target=_deliver, args=(records, alerts, clock, settings.period_s, stop), name="alerts", daemon=True
    )
    postman.start()
    run_calibration(service, settings, clock, stop)
    postman.join(10.0)
    return 0


def _deliver(records: Records, alerts: AlertSettings, clock: Clock, period_s: float, stop: threading.Event) -> None:
    """Send what is to be sent every `period_s` seconds; whatever fails is tried again, its reason logged once."""
    failing: str | None = None
    while not stop.is_set():
        try:
            deliver_alerts(records, alerts, clock.now_ns())
        except StorageError as error:
            if str(error) != failing:
                logger.error("alerts wait: %s", error)  # noqa: TRY400 - the store's message says it all
            failing = str(error)
        except Exception as error:
            if repr(error) != failing:
                logger.exception("alerts wait")
            failing = repr(error)
        else:
            failing = None
        stop.wait(period_s)
