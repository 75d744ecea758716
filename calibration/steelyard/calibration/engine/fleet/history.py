"""Histories of calibrations as arrays: instruments x events x test points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.fleet.errors import HistoryError

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventHistory:
    """The as-found errors of I instruments at up to K calibrations each, at P test points.

    An event is one calibration: it finds the error that has grown since the calibration before it (which adjusted the
    instrument), at all test points at once. Events of an instrument are in order of `end`.
    """

    model: NDArray[np.str_]
    """str[I]: the instrument model (class), whose instruments are taken to be alike."""
    count: Integers
    """int[I]: number of events; what lies beyond it in the other arrays is not looked at."""
    start: Floats
    """float64[I, K]: date of the calibration before, in years."""
    end: Floats
    """float64[I, K]: date of the calibration, in years; later than `start`."""
    error: Floats
    """float64[I, K, P]: as-found error, in any one unit; NaN where a test point was not measured."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a history."""
        if self.error.ndim != 3 or 0 in self.error.shape[1:]:
            raise HistoryError("error", self.error.shape, "give instruments x events x test points")
        shape = self.error.shape[:2]
        for name in ("start", "end"):
            if getattr(self, name).shape != shape:
                raise HistoryError(name, getattr(self, name).shape, f"give one date for each event: {shape}")
        if self.model.shape != shape[:1] or self.count.shape != shape[:1]:
            raise HistoryError("model, count", (self.model.shape, self.count.shape), "give one for each instrument")
        if np.any(self.count < 0) or np.any(self.count > shape[1]):
            raise HistoryError("count", self.count, f"give numbers from 0 to {shape[1]}")
        used = self.used
        if not (np.all(np.isfinite(self.start[used])) and np.all(np.isfinite(self.end[used]))):
            raise HistoryError("start, end", "not finite", "give every event its dates")
        if np.any(self.end[used] <= self.start[used]):
            raise HistoryError("end", "not after start", "a calibration must be later than the one before it")
        later = used[:, 1:]
        if np.any((self.end[:, 1:] < self.end[:, :-1])[later]):
            raise HistoryError("end", "falling", "give each instrument's events in order of their calibration")
        if np.any(np.isinf(self.error[used])):
            raise HistoryError("error", "infinite", "leave out what was not measured (NaN)")

    @property
    def used(self) -> Bools:
        """bool[I, K]: which events exist."""
        return np.arange(self.end.shape[1]) < self.count[:, None]

    @property
    def interval(self) -> Floats:
        """float64[I, K]: years from `start` to `end`; 1 where there is no event."""
        return np.where(self.used, self.end - self.start, 1.0)

    @property
    def linked(self) -> Bools:
        """bool[I, K]: whether the event before it in the record is the calibration that this one started from.

        Only then does the noise of that calibration enter both, with opposite sign.
        """
        linked = np.zeros(self.end.shape, np.bool_)
        linked[:, 1:] = np.abs(self.start[:, 1:] - self.end[:, :-1]) < 0.5 / 365.25
        return linked & self.used

    @property
    def dates(self) -> Floats:
        """float64[I, K, 2]: both dates of each event, years; 0 where there is no event."""
        return np.where(self.used[:, :, None], np.stack([self.start, self.end], axis=2), 0.0)

    def take(self, rows: Integers | Bools) -> EventHistory:
        """The history of some instruments."""
        return EventHistory(
            model=self.model[rows],
            count=self.count[rows],
            start=self.start[rows],
            end=self.end[rows],
            error=self.error[rows],
        )

    def scaled(self, scale: Floats) -> EventHistory:
        """The same history with errors divided by `scale`, float64[P]."""
        return EventHistory(
            model=self.model, count=self.count, start=self.start, end=self.end, error=self.error / scale
        )


def robust_scale(history: EventHistory) -> Floats:
    """The usual size of an as-found error at each test point, float64[P]: 1.4826 times the median of |error|.

    A mistyped certificate does not move a median. Raises HistoryError where a test point has no error but zeros.
    """
    errors = np.abs(history.error[history.used])
    seen = np.isfinite(errors).sum(axis=0)
    if np.any(seen == 0):
        raise HistoryError("error", f"test point {int(np.argmin(seen))}", "nothing was measured there: leave it out")
    scale = 1.4826 * np.nanmedian(errors, axis=0)
    fallback = np.sqrt(np.nanmean(np.square(errors), axis=0))
    scale = np.where(scale > 0.0, scale, fallback)
    if np.any(scale <= 0.0):
        raise HistoryError("error", 0.0, "every error is zero: there is nothing to learn")
    return np.asarray(scale, dtype=np.float64)
