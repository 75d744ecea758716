"""From rows of a history to arrays: what is measured alike is put beside each other.

An error is taken relative to the instrument's full scale (its greatest test point), and a panel holds the instruments
of one quantity whose test points lie at the same fractions of their full scale: a 10 MPa and a 35 MPa transmitter can
learn from each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.fleet.errors import HistoryError
from steelyard.calibration.engine.fleet.history import EventHistory, Floats, Integers

_FEW = 8
"""Instruments below which a panel's fleet is filled up from instruments with other test points."""

Key = tuple[str, str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Records:
    """R rows of a history, one for each test point of each calibration; arrays of length R.

    `start`, `end` in years; `test_point` and `error` in the row's `unit`.
    """

    model: NDArray[np.str_]
    instrument: NDArray[np.str_]
    quantity: NDArray[np.str_]
    unit: NDArray[np.str_]
    start: Floats
    end: Floats
    test_point: Floats
    error: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """I instruments with test points at the same P fractions of their full scale, float64[P].

    `names` str[I]; `full_scale` float64[I] in `unit`; `history` has errors relative to full scale; `row` int[I, K, P]
    is the place in the records, -1 where nothing was measured.
    """

    quantity: str
    unit: str
    fractions: Floats
    names: NDArray[np.str_]
    full_scale: Floats
    history: EventHistory
    row: Integers


def assemble(records: Records) -> tuple[Panel, ...]:
    """Sort rows into panels.

    Raises HistoryError for a test point that appears twice at one calibration, an instrument of two models, or values
    that are not finite.
    """
    for name in ("start", "end", "test_point", "error"):
        values = getattr(records, name)
        if not np.all(np.isfinite(values)):
            raise HistoryError(
                name, float(values[~np.isfinite(values)][0]), "give finite numbers, or leave the row out"
            )
    series: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for i, key in enumerate(zip(records.instrument, records.quantity, records.unit, strict=True)):
        series[(str(key[0]), str(key[1]), str(key[2]))].append(i)
    members: dict[Key, list[tuple[str, float, Integers]]] = defaultdict(list)
    for (name, quantity, unit), indices in sorted(series.items()):
        rows = np.array(indices, dtype=np.intp)
        full_scale = float(np.max(np.abs(records.test_point[rows]))) or 1.0
        fractions = tuple(sorted({round(float(f), 4) for f in records.test_point[rows] / full_scale}))
        members[quantity, unit, fractions].append((name, full_scale, rows))
    return tuple(_panel(records, key, found) for key, found in sorted(members.items()))


def fleet_for(panel: Panel, fleet: Sequence[Panel], excluded: frozenset[str]) -> EventHistory:
    """The records of a fleet from which forecasts for `panel` can be learned, without the instruments `excluded`.

    Instruments with the same test points; where they are few, also the others of the quantity, with their errors
    interpolated over the scale. Raises HistoryError when the fleet has no other instrument of the quantity.
    """
    alike = [p for p in fleet if (p.quantity, p.unit) == (panel.quantity, panel.unit)]
    found = [_without(p, excluded) for p in alike if np.array_equal(p.fractions, panel.fractions)]
    if sum(h.count.size for h in found) < _FEW:
        found += [
            _interpolated(_without(p, excluded), p.fractions, panel.fractions)
            for p in alike
            if not np.array_equal(p.fractions, panel.fractions)
        ]
    found = [h for h in found if h.count.size]
    if not found:
        raise HistoryError(
            "fleet",
            f"{panel.quantity} in {panel.unit}",
            "no other instrument of this quantity to learn from: give more",
        )
    return _joined(found)


def _panel(records: Records, key: Key, found: list[tuple[str, float, Integers]]) -> Panel:
    quantity, unit, fractions = key
    at = np.array(fractions)
    events = [_events(records, name, full_scale, rows, at) for name, full_scale, rows in found]
    most = max(len(dates) for dates, _ in events)
    row = np.full((len(found), most, at.size), -1, np.intp)
    start, end = np.zeros((len(found), most)), np.zeros((len(found), most))
    for i, (dates, places) in enumerate(events):
        row[i, : len(dates)] = places
        end[i, : len(dates)], start[i, : len(dates)] = dates[:, 0], dates[:, 1]
    full_scales = np.array([full_scale for _, full_scale, _ in found])
    error = np.where(row >= 0, records.error[row] / full_scales[:, None, None], np.nan)
    return Panel(
        quantity=quantity,
        unit=unit,
        fractions=at,
        names=np.array([name for name, _, _ in found]),
        full_scale=full_scales,
        history=EventHistory(
            model=np.array([_model(records, name, rows) for name, _, rows in found]),
            count=np.array([len(dates) for dates, _ in events], dtype=np.intp),
            start=start,
            end=end,
            error=error,
        ),
        row=row,
    )


def _events(
    records: Records, name: str, full_scale: float, rows: Integers, fractions: Floats
) -> tuple[Floats, Integers]:
    """An instrument's events in order: dates (end, start) float64[K, 2] and the places of their rows int[K, P]."""
    dates, event = np.unique(np.stack([records.end[rows], records.start[rows]], axis=1), axis=0, return_inverse=True)
    point = np.searchsorted(fractions, np.round(records.test_point[rows] / full_scale, 4))
    places = np.full((len(dates), fractions.size), -1, np.intp)
    places[event.ravel(), point] = rows
    if np.count_nonzero(places >= 0) != rows.size:
        kept = set(places[places >= 0].tolist())
        twice = next(int(r) for r in rows if int(r) not in kept)
        raise HistoryError(
            "test_point", float(records.test_point[twice]), f"{name} has it twice at one calibration: keep one row"
        )
    return dates, places


def _model(records: Records, name: str, rows: Integers) -> str:
    models = sorted({str(model) for model in records.model[rows]})
    if len(models) > 1:
        raise HistoryError("class", models, f"{name} is said to be of several classes: give it one")
    return models[0]


def _without(panel: Panel, excluded: frozenset[str]) -> EventHistory:
    return panel.history.take(np.array([str(name) not in excluded for name in panel.names], dtype=np.bool_))


def _interpolated(history: EventHistory, fractions: Floats, wanted: Floats) -> EventHistory:
    error = np.full((*history.error.shape[:2], wanted.size), np.nan)
    for i, k in zip(*np.nonzero(history.used), strict=True):
        seen = np.isfinite(history.error[i, k])
        if seen.any():
            error[i, k] = np.interp(wanted, fractions[seen], history.error[i, k, seen])
    return EventHistory(model=history.model, count=history.count, start=history.start, end=history.end, error=error)


def _joined(histories: Sequence[EventHistory]) -> EventHistory:
    most = max(h.end.shape[1] for h in histories)

    def padded(values: Floats) -> Floats:
        width = [(0, 0), (0, most - values.shape[1])] + [(0, 0)] * (values.ndim - 2)
        return np.pad(values, width, constant_values=0.0)

    return EventHistory(
        model=np.concatenate([h.model for h in histories]),
        count=np.concatenate([h.count for h in histories]),
        start=np.concatenate([padded(h.start) for h in histories]),
        end=np.concatenate([padded(h.end) for h in histories]),
        error=np.concatenate([padded(h.error) for h in histories]),
    )
