"""What Prometheus reads at /metrics: requests of this process, and the state of the fleet when it is asked for.

Each application has a registry of its own; nothing is registered in the library's global one.
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from steelyard.api.desk import Desk
from steelyard.api.instants import NS
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.storage.errors import StorageError

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    """Counters of one application."""

    def __init__(self, desk: Desk) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "steelyard_http_requests",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "steelyard_http_request_seconds",
            "Time to answer a request, seconds.",
            ["route"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
        )
        self.registry.register(_Fleet(desk))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; an unknown method is counted as "other", so callers cannot invent labels."""
        self.requests.labels(route=route, method=method if method in METHODS else "other", status=str(status)).inc()
        self.seconds.labels(route=route).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)


class _Fleet(Collector):
    """Reads the records each time Prometheus asks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> Iterable[Metric]:
        """Nothing is read when it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the fleet's state; `steelyard_records_up` says whether it could be read."""
        up = GaugeMetricFamily("steelyard_records_up", "1 when the records can be read.")
        try:
            families = list(self._families())
        except StorageError as error:
            log.warning("metrics: the records cannot be read: %s", error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families

    def _families(self) -> Iterator[Metric]:
        records, now_ns = self._desk.records, self._desk.clock.now_ns()
        statuses = Tally(assessment.status for assessment in records.verification.latest_assessments().values())
        instruments = GaugeMetricFamily("steelyard_instruments", "Assessed instruments by status.", labels=["status"])
        for status in InstrumentStatus:
            instruments.add_metric([status.value], statuses[status])
        yield instruments
        triggers = Tally(order.trigger for order in records.orders.open_orders())
        orders = GaugeMetricFamily("steelyard_open_work_orders", "Open work orders by trigger.", labels=["trigger"])
        for trigger in Trigger:
            orders.add_metric([trigger.value], triggers[trigger])
        yield orders
        age = GaugeMetricFamily(
            "steelyard_gateway_last_frame_age_seconds", "Seconds since the last frame.", labels=["gateway"]
        )
        spooled = GaugeMetricFamily(
            "steelyard_gateway_spooled_frames", "Frames waiting to be sent.", labels=["gateway"]
        )
        missed = GaugeMetricFamily("steelyard_gateway_missed_polls", "Polls missed since start.", labels=["gateway"])
        for health in records.health.all():
            if health.last_frame_ns is not None:
                age.add_metric([health.gateway], max(0.0, (now_ns - health.last_frame_ns) / NS))
            spooled.add_metric([health.gateway], health.spooled_frames)
            missed.add_metric([health.gateway], health.missed_polls)
        yield from (age, spooled, missed)
        waiting = GaugeMetricFamily("steelyard_alerts_overdue", "Alerts whose next attempt is due.")
        waiting.add_metric([], len(records.alerts.waiting(now_ns, limit=1000)))
        yield waiting
