"""`steelyard ingest`: broker to ledger to readings store."""

from __future__ import annotations

import argparse
from pathlib import Path

from steelyard.broker_config.errors import BrokerConfigError
from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import read_server_file
from steelyard.cli.service import add_log_arguments, start_log, stop_on_signals
from steelyard.ingest.errors import IngestError
from steelyard.ingest.service import run_ingest
from steelyard.ingest.settings import parse_ingest_settings
from steelyard.storage.errors import StorageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument("--config", type=Path, default=Path("server.toml"), help="default: server.toml")
    add_log_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Work until told to stop."""
    start_log(arguments)
    server = read_server_file(arguments.config)
    settings = parse_ingest_settings(server.tables, server.name, server.directory)
    try:
        run_ingest(settings, server.clock(), stop_on_signals())
    except (IngestError, StorageError, BrokerConfigError) as error:
        raise CommandError(str(error)) from error
    return 0
