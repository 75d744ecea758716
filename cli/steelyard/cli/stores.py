"""Opening the stores that a server.toml names, with their errors turned into messages for the terminal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import ServerFile
from steelyard.contracts.toml import convert
from steelyard.storage.errors import StorageError, StoreUnavailable
from steelyard.storage.records import Records, open_records, upgrade
from steelyard.storage.settings import StoresSettings

logger = logging.getLogger(__name__)


def stores_settings(server: ServerFile) -> StoresSettings:
    """The ``[stores]`` table."""
    return convert(server.tables.get("stores", {}), StoresSettings, f"{server.name} [stores]")


def ledger_path(server: ServerFile) -> Path:
    """The ledger's file; like every store's, relative to the working directory."""
    return Path(stores_settings(server).ledger)


@contextmanager
def opened_records(server: ServerFile, *, migrate: bool) -> Iterator[Records]:
    """The records, brought to this version's tables first if `migrate`; CommandError if they cannot be had."""
    url = stores_settings(server).records
    try:
        if migrate:
            upgrade(url)
        with open_records(url) as records:
            yield records
    except StorageError as error:
        raise CommandError(str(error)) from error


def wait_for_records(server: ServerFile, stop: threading.Event, pause_s: float = 2.0) -> Records | None:
    """The records, waiting for a database that is down or not migrated yet; None when told to stop meanwhile.

    Raises:
        SettingsError: the URL names no database. StoreForeign: the tables are of another version.
    """
    told: str | None = None
    while not stop.is_set():
        try:
            return open_records(stores_settings(server).records)
        except StoreUnavailable as error:
            if str(error) != told:
                told = str(error)
                logger.warning("waiting: %s", told)
            stop.wait(pause_s)
    return None
