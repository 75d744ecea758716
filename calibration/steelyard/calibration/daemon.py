"""The calibration process: `run_once` again and again until it is told to stop."""

from __future__ import annotations

import logging
import threading

from steelyard.calibration.service import CalibrationService, RunSummary
from steelyard.calibration.settings import CalibrationSettings
from steelyard.contracts.clock import Clock

_LOG = logging.getLogger(__name__)


def run_calibration(
    service: CalibrationService, settings: CalibrationSettings, clock: Clock, stop: threading.Event
) -> None:
    """Run the service every `settings.period_s` seconds until `stop` is set.

    A run that fails, whatever the reason, is logged and tried again after the period: a store that is away comes back.
    The reason is logged once, not every period.
    """
    failing: str | None = None
    while not stop.is_set():
        try:
            summary = service.run_once(clock.now_ns())
        except Exception as error:  # noqa: BLE001 - the daemon must outlive any store; the reason is logged
            reason = f"{type(error).__name__}: {error}"
            if reason != failing:
                _LOG.error("run failed, trying again every %g s: %s", settings.period_s, reason, exc_info=True)
            failing = reason
        else:
            if failing is not None:
                _LOG.info("running again")
            failing = None
            _log(summary)
        stop.wait(settings.period_s)


def _log(summary: RunSummary) -> None:
    if summary.raised or summary.joined or summary.withdrawn:
        _LOG.info("work orders: %d raised, %d joined, %d withdrawn", summary.raised, summary.joined, summary.withdrawn)
    if summary.observations:
        _LOG.debug("%d new error observations, %d instruments assessed", summary.observations, summary.assessed)
