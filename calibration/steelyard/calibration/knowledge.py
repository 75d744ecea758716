"""What the service knows of each instrument, learnt from its record and learnt again when the record grows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.estimating import Estimated, change_design, estimate_fleet, estimates_at
from steelyard.calibration.fleet_priors import FleetPriors
from steelyard.calibration.observing import usable_pairs
from steelyard.calibration.ports import RecordSize, RegistryPort, VerificationPort
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.tracks import InstrumentRecord, Track, build_track
from steelyard.calibration.verification.assessment import ErrorEstimate
from steelyard.calibration.verification.certificates import observations_of
from steelyard.calibration.verification.device_states import IN_USE, StateNow, states_on
from steelyard.calibration.verification.due_date import instant_of
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.reasons import unmeant
from steelyard.calibration.verification.regime import LegalStatus
from steelyard.calibration.verification.standing import Standing, standing_of
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.registry import Channel, Instrument

SEAL_QUANTITY = "seal_openings"
"""The quantity of a channel that counts openings of the seal."""
_NOTHING = RecordSize(events=0, observations=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is registered, by instrument; `pairs` the usable ones, `seals` the channels that count seal openings.

    `states` are those of today, of the devices that have any.
    """

    instruments: dict[InstrumentId, Instrument]
    channels: dict[tuple[InstrumentId, ChannelId], Channel]
    legal: dict[InstrumentId, LegalStatus]
    pairs: dict[InstrumentId, ReferencePair]
    seals: dict[InstrumentId, Channel]
    states: dict[InstrumentId, StateNow]

    def state(self, name: InstrumentId) -> StateNow:
        """The state of an instrument today."""
        return self.states.get(name, IN_USE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One instrument: what was read of it, what follows, and the `problem` that kept some or all from following."""

    legal: LegalStatus
    pair: ReferencePair | None
    size: RecordSize
    events: tuple[VerificationEvent, ...]
    estimated: Estimated | None = None
    problem: str | None = None

    def standing(self, today: date) -> Standing:
        """What the events say on a day."""
        return standing_of(law_of(self.legal), self.events, today)


def read_fleet(registry: RegistryPort, today: date) -> Fleet:
    """The registry as it is on a legal date. Legal data of instruments that are not registered are left out."""
    instruments = {one.id: one for one in registry.instruments()}
    channels = registry.channels()
    legal = {one.instrument: one for one in registry.legal_statuses() if one.instrument in instruments}
    return Fleet(
        instruments=instruments,
        channels={(one.instrument, one.id): one for one in channels},
        legal=legal,
        pairs=usable_pairs(registry.reference_pairs(), legal),
        seals={one.instrument: one for one in channels if one.quantity == SEAL_QUANTITY and one.instrument in legal},
        states=states_on(registry.device_states(), today),
    )


class Knowledge:
    """A cache of conclusions: everything in it follows from the stored record and can be learnt again."""

    def __init__(self, verification: VerificationPort, settings: CalibrationSettings) -> None:
        self._verification = verification
        self._settings = settings
        self._design = change_design(settings)
        self._known: dict[InstrumentId, Known] = {}
        self._priors = FleetPriors(settings.utc_offset_minutes)

    def __getitem__(self, name: InstrumentId) -> Known:
        """What is known of an instrument of the fleet that was learnt last."""
        return self._known[name]

    def problems(self) -> dict[InstrumentId, str]:
        """Why some instruments' errors cannot be estimated, or not from all that is on record, a sentence each."""
        return {name: known.problem for name, known in self._known.items() if known.problem is not None}

    def learn(self, fleet: Fleet, today: date) -> tuple[set[InstrumentId], int]:
        """Read the records that changed and filter them, all at once.

        At a quarter's beginning, and when much is new, what each kind of instrument is like is learned from the
        certificates before that quarter, and everything is filtered again.

        Returns whose knowledge is new, and how many observations were taken from events and stored. Whatever is raised
        on the way, nothing is half known afterwards: the next call reads the same records again.
        """
        sizes = self._verification.record_sizes()
        for name in self._known.keys() - fleet.legal.keys():
            del self._known[name]
        changed = {name for name in fleet.legal if self._is_new(fleet, name, sizes.get(name, _NOTHING))}
        if not changed and self._priors.stand(today):
            return changed, 0  # nearly every run: nothing is new
        stored = 0
        tracks = {
            name: (known.legal, known.estimated.track)
            for name, known in self._known.items()
            if known.estimated is not None and name not in changed
        }
        fresh: dict[InstrumentId, Known] = {}
        for name in sorted(changed):
            known, track, new = self._read(fleet, name)
            stored += new
            fresh[name] = known
            if track is not None:
                tracks[name] = (known.legal, track)
        names = sorted(tracks)
        if not self._priors.learn([tracks[name][1] for name in names], today):
            names = [name for name in names if name in changed]
        found = estimate_fleet([tracks[name] for name in names], self._priors, self._design)
        for name, estimated in zip(names, found, strict=True):
            fresh[name] = replace(fresh[name] if name in fresh else self._known[name], estimated=estimated)
        self._known |= fresh
        return changed | set(names), stored

    def estimates(self, names: Iterable[InstrumentId], now_ns: int, today: date) -> dict[InstrumentId, ErrorEstimate]:
        """The errors of those instruments of `names` of which any was ever observed."""
        offset = self._settings.utc_offset_minutes
        found: list[Estimated] = []
        since: list[int] = []
        for name in names:
            known = self._known[name]
            if known.estimated is not None:
                verdict = known.standing(today).verdict
                found.append(known.estimated)
                since.append(0 if verdict is None else instant_of(verdict.event.completed, offset))
        estimates = estimates_at(found, since, now_ns=now_ns, settings=self._settings)
        return {one.legal.instrument: estimate for one, estimate in zip(found, estimates, strict=True)}

    def _is_new(self, fleet: Fleet, name: InstrumentId, size: RecordSize) -> bool:
        known = self._known.get(name)
        if known is None:
            return True
        return (known.legal, known.pair, known.size) != (fleet.legal[name], fleet.pairs.get(name), size)

    def _read(self, fleet: Fleet, name: InstrumentId) -> tuple[Known, Track | None, int]:
        """One instrument's record, as it is and in the engine's units."""
        legal, pair = fleet.legal[name], fleet.pairs.get(name)
        events = tuple(self._verification.events(name))
        standing = standing_of(law_of(legal), events, date.max)
        stored, problems = self._observe_events(legal, standing.events)
        problems += [unmeant(one) for one in standing.unmeant]
        left_out = {(one.event.id, one.point.test_point) for one in standing.unmeant}
        gone = {event.id for event in standing.superseded}
        observations = tuple(
            one
            for one in self._verification.observations(name)
            if one.event not in gone and (one.event, one.test_point) not in left_out
        )
        record = InstrumentRecord(
            legal=legal, kind=fleet.instruments[name].kind, pair=pair, events=events, observations=observations
        )
        track = None
        try:
            track = build_track(record)
        except CalibrationError as error:
            problems.append(str(error))
        else:
            problems += () if track is None else track.refused
        size = RecordSize(events=len(events), observations=len(observations))
        problem = f"{name}: {'; '.join(problems)}" if problems else None
        return Known(legal=legal, pair=pair, size=size, events=events, problem=problem), track, stored

    def _observe_events(self, legal: LegalStatus, events: Iterable[VerificationEvent]) -> tuple[int, list[str]]:
        """Store what the events say; returns how much of it was new, and why some say nothing."""
        found, problems = observations_of(events, legal, utc_offset_minutes=self._settings.utc_offset_minutes)
        return (self._verification.append_observations(found, ()) if found else 0), problems
