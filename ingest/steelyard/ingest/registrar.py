"""The records' side of ingest, in a thread of its own: reads the registry, writes the gateways' health.

The thread that commits frames never waits for the records database for more than a moment: when it is down, what is
known of the registry stays in force, and health is written when it is back.
"""

from __future__ import annotations

import logging
import time
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from steelyard.ingest.registry import RegistryView, build_view
from steelyard.storage.errors import StorageError

if TYPE_CHECKING:
    from steelyard.contracts.clock import Clock
    from steelyard.ingest.health import HealthBook
    from steelyard.ingest.settings import IngestTable
    from steelyard.storage.records.opening import Records

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""Seconds that `refresh` waits for the records database."""


def read_registry(records: Records) -> RegistryView:
    """Read all that frames are judged by.

    Raises:
        StoreUnavailable: if the database cannot be asked.
    """
    registry = records.registry
    return build_view(registry.gateways(), registry.instruments(), registry.channels())


class Registrar:
    """Keeps a RegistryView fresh and carries health rows to the records.

    Args:
        records: open, with its registry readable at start.
        health: where changed rows come from.
        clock: for the rows' `updated_ns`.
        settings: how often.
    """

    def __init__(self, records: Records, health: HealthBook, clock: Clock, settings: IngestTable) -> None:
        self._records, self._health, self._clock, self._settings = records, health, clock, settings
        self._view = read_registry(records)
        self._health.resume(records.health.all())
        self._read_at = time.monotonic()
        self._asked = False
        self._state = Condition()
        self._stop = Event()
        self._down = False
        self._thread = Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        """Begin to keep it fresh."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write the health a last time and end; waits at most `timeout_s`."""
        self._stop.set()
        with self._state:
            self._state.notify_all()
        self._thread.join(timeout_s)

    @property
    def view(self) -> RegistryView:
        """The registry as it is known now."""
        return self._view

    def refresh(self) -> RegistryView:
        """Have the registry read anew, unless that was done just now; wait a moment for it."""
        with self._state:
            if self._age() < self._settings.registry_refresh_s or self._down:
                return self._view
            self._asked = True
            self._state.notify_all()
            self._state.wait_for(lambda: not self._asked, PATIENCE_S)
        return self._view

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._state:
                self._state.wait_for(lambda: self._asked or self._stop.is_set(), self._settings.health_every_s)
            self._work()
        self._work()

    def _work(self) -> None:
        rows = self._health.take(self._view.gateways, self._clock.now_ns())
        try:
            if self._asked or self._age() >= self._settings.registry_every_s or self._down:
                self._view = read_registry(self._records)
                self._read_at = time.monotonic()
            self._records.health.put(rows)
        except StorageError as error:
            self._health.give_back(rows)
            if not self._down:
                logger.error("records: %s; known gateways go on, new ones and health wait", error)  # noqa: TRY400 - an outage, no bug
            self._down = True
        except Exception:  # the thread must live on and try again
            self._health.give_back(rows)
            logger.exception("records cannot be kept up to date; trying again")
            self._down = True
        else:
            if self._down:
                logger.info("records %s are back", self._records.url)
            self._down = False
        with self._state:
            self._asked = False
            self._state.notify_all()

    def _age(self) -> float:
        return time.monotonic() - self._read_at
