"""What is assumed of each kind of instrument: the table's priors, or what the fleet's own certificates have shown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from steelyard.calibration.engine.tracking.prior_learning import learn_prior
from steelyard.calibration.engine.tracking.priors import DriftPrior, prior_of
from steelyard.calibration.tracks import YEAR_NS, Track, padded
from steelyard.calibration.verification.due_date import instant_of

_LOG = logging.getLogger(__name__)

LEAST_INSTRUMENTS = 8
"""Instruments of a kind with two certificates or more, below which the table's prior stands."""
_MOST_INSTRUMENTS = 1200
"""Learned from: more would make the priors no better than they need be."""
_MUCH_MORE = 1.1
"""How many times as many certificates make it worth to learn again within a quarter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPrior:
    """The `prior` of a kind of instrument, and how many instruments and certificates it was learned from (0: table)."""

    prior: DriftPrior
    instruments: int = 0
    certificates: int = 0


class FleetPriors:
    """The priors in force. Instruments of a kind are judged alike for a quarter: learned from what was before it.

    Started anew, the service learns the same from the same record, but for certificates from before the quarter that
    came in late and too few to learn again for: those count from then on, at the latest from the next quarter.
    """

    def __init__(self, utc_offset_minutes: int) -> None:
        self._utc_offset_minutes = utc_offset_minutes
        self._learned: dict[str, KindPrior] = {}
        self._quarter: date | None = None
        self._certificates = 0

    def of(self, kind: str) -> KindPrior:
        """What the fleet has shown of `kind`, else the table's."""
        return self._learned.get(kind) or KindPrior(prior=prior_of(kind))

    def stand(self, today: date) -> bool:
        """Whether they were learned in the quarter of that day: only new certificates can change them in it."""
        return self._quarter == first_day_of_quarter(today)

    def learn(self, tracks: Sequence[Track], today: date) -> bool:
        """Learn from all instruments' tracks, in one order always, where it is time to; whether anything changed.

        It is time at a quarter's beginning, and when a tenth more certificates are on record than when last learned.
        """
        certificates = sum(track.pair.count(False) for track in tracks)
        if self.stand(today) and certificates <= _MUCH_MORE * self._certificates:
            return False
        quarter = first_day_of_quarter(today)
        found = _by_kind(tracks, instant_of(quarter, self._utc_offset_minutes) / YEAR_NS)
        self._quarter, self._certificates = quarter, certificates
        if found == self._learned:
            return False
        self._learned = found
        for kind, one in found.items():
            _LOG.info(
                "%s: learned from %d certificates of %d instruments: "
                "errors of %.3g MPE, rates of %.3g and wander of %.3g MPE a year",
                kind,
                one.certificates,
                one.instruments,
                one.prior.level,
                one.prior.rate,
                one.prior.wander,
            )
        return True


def first_day_of_quarter(day: date) -> date:
    """The first day of the calendar quarter that holds `day`."""
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def _by_kind(tracks: Sequence[Track], until: float) -> dict[str, KindPrior]:
    """The priors of the kinds with certificates enough, from those before `until` (years since 1970)."""
    kinds: dict[str, list[Track]] = {}
    for track in tracks:
        certificates = _certificates(track, until)
        if certificates is not None:
            kinds.setdefault(track.kind, []).append(certificates)
    return {kind: _learned(kind, found) for kind, found in sorted(kinds.items()) if len(found) >= LEAST_INSTRUMENTS}


def _learned(kind: str, tracks: Sequence[Track]) -> KindPrior:
    step = -(-len(tracks) // _MOST_INSTRUMENTS)
    chosen = tracks[::step]
    return KindPrior(
        prior=learn_prior(padded(chosen), np.array([track.expected for track in chosen]), prior_of(kind)),
        instruments=len(chosen),
        certificates=sum(_count(track) for track in chosen),
    )


def _certificates(track: Track, until: float) -> Track | None:
    """The track without pair observations, as far as `until`; None with fewer than two left."""
    kept = [i for i, (t, pair) in enumerate(zip(track.t, track.pair, strict=True)) if not pair and t < until]
    left = replace(
        track,
        t=tuple(track.t[i] for i in kept),
        error=tuple(track.error[i] for i in kept),
        noise=tuple(track.noise[i] for i in kept),
        pair=tuple(track.pair[i] for i in kept),
        adjusted=tuple(track.adjusted[i] for i in kept),
    )
    return left if _count(left) >= 2 else None


def _count(certificates: Track) -> int:
    """How many certificates there are: what one says as found and as left has one date."""
    return len(set(certificates.t))
