"""A scenario with its device profiles: the instruments, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from steelyard.contracts.errors import ProfileError
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.profile import ChannelProfile, Profile, parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.firmware_sim.channel_models import SEAL
from steelyard.firmware_sim.device import Device, can_say_not_available
from steelyard.firmware_sim.durations import parse_duration
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.faults import ActiveFault, FaultPlan
from steelyard.firmware_sim.instrument_kinds import build_models
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.scenario import Scenario, SimulatedInstrument
from steelyard.firmware_sim.scenario_check import check_scenario


def load_profiles(scenario: Scenario, directory: Path | None = None) -> Mapping[str, Profile]:
    """Read the profiles that `scenario` names, built-in ones by id, others (``*.toml``) from a path.

    Args:
        scenario: whose profiles.
        directory: what a path is relative to.

    Raises:
        ScenarioError: for a profile that is not there, not readable or not right.
    """
    return {name: _load_profile(name, directory or Path()) for name in {i.profile for i in scenario.instruments}}


def _load_profile(name: str, directory: Path) -> Profile:
    place = directory / name if name.endswith(".toml") else None
    try:
        if place is None:
            return parse_profile(builtin(name).read_text(encoding="utf-8"), f"{name}.toml")
        return parse_profile(place.read_text(encoding="utf-8"), str(place))
    except ProfileError as error:
        raise ScenarioError(error.field, error.value, error.remedy) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError("instrument.profile", name, f"cannot be read ({error})") from error


class World:
    """All instruments of a scenario.

    Raises:
        ScenarioError: if the scenario is not right, by itself or for its profiles.
    """

    def __init__(self, scenario: Scenario, profiles: Mapping[str, Profile] | None = None) -> None:
        check_scenario(scenario)
        self.scenario = scenario
        self._profiles = load_profiles(scenario) if profiles is None else profiles
        self._bucket_ns = parse_duration(scenario.noise_bucket, "noise_bucket")
        self._devices = {instrument.id: self._device(instrument) for instrument in scenario.instruments}
        self._check_stories()
        self._check_faults()

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """All instruments, in the scenario's order."""
        return tuple(self._devices)

    def device(self, instrument: InstrumentId) -> Device | None:
        """The instrument of this id, if there is one."""
        return self._devices.get(instrument)

    def devices_at(self, site: str) -> Mapping[int, Device]:
        """The instruments at a site by unit id."""
        return {i.unit: self._devices[i.id] for i in self.scenario.instruments if i.site == site}

    def _device(self, instrument: SimulatedInstrument) -> Device:
        scenario, profile = self.scenario, self._profiles[instrument.profile]
        process = next(process for process in scenario.processes if process.id == instrument.process)
        faults = [
            ActiveFault(
                fault,
                start_ns=scenario.start_ns,
                bucket_ns=self._bucket_ns,
                random=RandomStream(scenario.seed, "fault", str(index)),
            )
            for index, fault in enumerate(scenario.faults)
            if fault.instrument == instrument.id
        ]
        return Device(
            instrument=instrument.id,
            profile=profile,
            models=build_models(scenario.seed, instrument, process, profile),
            faults=FaultPlan(faults),
            seal_openings=instrument.seal_openings,
            start_ns=scenario.start_ns,
            bucket_ns=self._bucket_ns,
            seed=scenario.seed,
        )

    def _check_stories(self) -> None:
        for instrument in self.scenario.instruments:
            if instrument.story is not None:
                self._channel(f"instrument '{instrument.id}'.story.channel", instrument.id, instrument.story.channel)
        for pair in self.scenario.pairs:
            for channel in pair.channels:
                for member in (pair.instrument, pair.reference):
                    self._channel(f"pair '{pair.instrument}'.channels", member, channel)

    def _check_faults(self) -> None:
        for index, fault in enumerate(self.scenario.faults):
            where = f"fault[{index}]"
            if fault.kind == "seal_opened":
                self._channel(f"{where}.kind", fault.instrument, SEAL)
            if fault.channel is not None:
                channel = self._channel(f"{where}.channel", fault.instrument, fault.channel)
                if fault.kind == "not_available" and not can_say_not_available(channel):
                    raise ScenarioError(f"{where}.channel", fault.channel, "its profile has no mark for not available")

    def _channel(self, field: str, instrument: InstrumentId, channel: ChannelId) -> ChannelProfile:
        profile = self._devices[instrument].profile
        for candidate in profile.channels:
            if candidate.id == channel:
                return candidate
        known = ", ".join(candidate.id for candidate in profile.channels)
        raise ScenarioError(field, channel, f"profile {profile.id} of '{instrument}' has the channels {known}")
