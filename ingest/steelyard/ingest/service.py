"""The ingest process: broker, ledger, receipts, readings view, records."""

from __future__ import annotations

import gc
import logging
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from steelyard.broker_config.acl import DROPPED_TOPIC
from steelyard.broker_config.client import BrokerClient
from steelyard.contracts.topics import SUBSCRIBE_FRAMES, SUBSCRIBE_STATUS
from steelyard.ingest.health import HealthBook
from steelyard.ingest.inbox import Inbox
from steelyard.ingest.intake import Batch, Intake
from steelyard.ingest.metrics import IngestSnapshot
from steelyard.ingest.receipts import ReceiptDesk
from steelyard.ingest.registrar import Registrar
from steelyard.ingest.settings import load_key
from steelyard.ingest.view import ReadingsView
from steelyard.storage.errors import StorageError, StoreUnavailable
from steelyard.storage.ledger import Ledger
from steelyard.storage.readings.opening import open_readings
from steelyard.storage.records.opening import Records, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steelyard.contracts.clock import Clock
    from steelyard.contracts.keys import SigningKey
    from steelyard.ingest.settings import IngestSettings

logger = logging.getLogger(__name__)
T = TypeVar("T")

IDLE_S = 0.2
"""Seconds without a message after which owed receipts are tried again."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Seconds between attempts at a store that is down: doubled from the first to the longest."""
COLLECTION_THRESHOLDS = (100_000, 20, 100)
"""Objects made and not freed before the youngest are searched for cycles; searches before the next older are, too."""
REPORT_S = 60.0
"""Seconds between two log lines with the counters."""
STOP_S = 8.0
"""Seconds that the readings store gets at the end to take what was committed."""


def run_ingest(settings: IngestSettings, clock: Clock, stop: Event) -> None:
    """Take frames from the broker into the ledger until `stop` is set.

    A broker, ledger, records or readings store that is down, at start or later, is waited for, with one log line when
    it goes and one when it is back.

    Raises:
        IngestKeyError: ingest's key cannot be read.
        SettingsError: a store's URL names no store.
        BrokerSettingsError: a TLS file cannot be used.
        StoreForeign: a store holds something else.
        LedgerLocked: another process writes this ledger.
    """
    key = load_key(settings.ingest.key)
    _refuse_wrong_url(settings.stores.readings)
    with ExitStack() as opened:
        ledger = _wait_for("ledger", lambda: Ledger(Path(settings.stores.ledger)), stop)
        if ledger is None:
            return
        opened.callback(ledger.close)
        health = HealthBook()
        found = _wait_for("records", lambda: _open_records(settings, health, clock), stop)
        if found is None:
            return
        records, registrar = found
        opened.callback(records.close)
        Ingest(settings, clock, key, ledger, registrar, health).run(stop)


class Ingest:
    """The process's parts, put together over an open ledger and registry.

    Args:
        settings: where everything is.
        clock: for the time of receipt.
        key: signs receipts.
        ledger: open for writing.
        registrar: knows the registry; not yet started.
        health: the book that `registrar` carries to the records.
    """

    def __init__(
        self,
        settings: IngestSettings,
        clock: Clock,
        key: SigningKey,
        ledger: Ledger,
        registrar: Registrar,
        health: HealthBook,
    ) -> None:
        table = settings.ingest
        self._table, self._ledger, self._registrar, self._health = table, ledger, registrar, health
        # Twice: what an old connection left here may still wait when the broker sends it again.
        self._inbox = Inbox(2 * settings.broker.receive_maximum, table.inbox_bytes)
        self._client = BrokerClient(
            settings.broker,
            on_message=self._inbox.put,
            on_connect=self._subscribe,
            clean_start=False,
            session_expiry_s=table.session_expiry_s,
            manual_ack=True,
        )
        self._reported_at, self._reported = time.monotonic(), 0
        self._receipts = ReceiptDesk(key, ledger, self._client.publish)
        self._view = ReadingsView(
            ledger, lambda: open_readings(settings.stores.readings), max_readings=table.view_readings
        )
        self._intake = Intake(
            ledger=ledger,
            registry=lambda: registrar.view,
            refresh=registrar.refresh,
            clock=clock,
            acknowledge=self._client.ack,
            receipts=self._receipts,
            health=health,
            show=self._view.offer,
        )

    def run(self, stop: Event) -> None:
        """Work until `stop` is set."""
        with _rare_collections():
            self._run(stop)
        counters = self._intake.counters
        logger.info("stopped: %d frames taken, %d new in the ledger", counters.received, counters.accepted)

    def _run(self, stop: Event) -> None:
        self._registrar.start()
        self._view.start()
        try:
            self._client.start()
            while not stop.is_set():
                messages = self._inbox.take(self._table.batch_frames, self._table.batch_bytes, IDLE_S)
                if messages:
                    self._commit(self._intake.prepare(messages), stop)
                self._pay()
                self._report()
        finally:
            self._inbox.close()
            self._client.stop()
            self._view.stop(STOP_S)
            self._registrar.stop(STOP_S)

    def snapshot(self) -> IngestSnapshot:
        """The counters now; any thread may ask."""
        counters = self._intake.counters
        size = self._ledger.size
        return IngestSnapshot(
            received=counters.received,
            accepted=counters.accepted,
            readings=counters.readings,
            duplicates=counters.duplicates,
            conflicts=counters.conflicts,
            quarantined={str(reason): count for reason, count in sorted(counters.quarantined.items())},
            statuses=counters.statuses,
            receipts=self._receipts.published,
            batches=counters.batches,
            inbox=self._inbox.waiting,
            ledger_size=size,
            view_lag=max(0, size - self._view.position),
        )

    def _subscribe(self, _session_present: bool) -> None:
        self._client.subscribe(SUBSCRIBE_STATUS)
        self._client.subscribe(SUBSCRIBE_FRAMES)
        self._client.subscribe(DROPPED_TOPIC, qos=0)

    def _commit(self, batch: Batch, stop: Event) -> None:
        """Commit, for as long as it takes; while the ledger is down nothing is acknowledged and the broker keeps it."""
        pause_s = FIRST_PAUSE_S
        said = False
        while True:
            try:
                self._intake.commit(batch)
            except StoreUnavailable as error:
                if not said:
                    said = True
                    logger.error("ledger: %s; acknowledging nothing until it is back", error)  # noqa: TRY400 - an outage, no bug
                if stop.wait(pause_s):
                    return
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if said:
                    logger.info("the ledger is back")
                return

    def _report(self) -> None:
        """Say once in a while how it goes, if anything came."""
        received = self._intake.counters.received
        if time.monotonic() - self._reported_at < REPORT_S or received == self._reported:
            return
        self._reported_at, self._reported = time.monotonic(), received
        now = self.snapshot()
        logger.info(
            "%d frames received: %d new with %d readings, %d known, %d incidents, %d refused; store %d behind",
            now.received,
            now.accepted,
            now.readings,
            now.duplicates,
            now.conflicts,
            sum(now.quarantined.values()),
            now.view_lag,
        )

    def _pay(self) -> None:
        try:
            for receipt in self._receipts.pay(self._registrar.view):
                self._health.receipted(receipt.gateway, receipt.boot, receipt.contiguous_upto)
        except StoreUnavailable as error:
            logger.warning("receipts wait for the ledger: %s", error)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for cyclic garbage less often: frames are large trees without cycles, and searching them took half the time.

    What is there already (modules, classes) is left out of the search altogether.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _refuse_wrong_url(readings: str) -> None:
    """Let a readings URL that names no store end the process at once; a store that is down is the view's business."""
    with suppress(StorageError):
        open_readings(readings).close()


def _open_records(settings: IngestSettings, health: HealthBook, clock: Clock) -> tuple[Records, Registrar]:
    records = open_records(settings.stores.records)
    try:
        return records, Registrar(records, health, clock, settings.ingest)
    except BaseException:
        records.close()
        raise


def _wait_for(what: str, open_it: Callable[[], T], stop: Event) -> T | None:
    """Open a store, for as long as it takes; None when stopped meanwhile."""
    pause_s, said = FIRST_PAUSE_S, ""
    while not stop.is_set():
        try:
            opened = open_it()
        except StoreUnavailable as error:
            if str(error) != said:
                said = str(error)
                logger.error("%s: %s; waiting for it", what, error)  # noqa: TRY400 - an outage, no bug
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            if said:
                logger.info("%s can be used now", what)
            return opened
    return None
