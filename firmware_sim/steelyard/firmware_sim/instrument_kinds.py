"""Which sensors and which channels each kind of instrument has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from steelyard.contracts.identifiers import ChannelId, InstrumentKind
from steelyard.contracts.profile import Profile
from steelyard.firmware_sim.channel_models import SEAL, ChannelModel, Computed, ModelBuilder, SensorError
from steelyard.firmware_sim.electricity import meter_models
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.harmonics import Harmonics
from steelyard.firmware_sim.scenario import Process, SimulatedInstrument, Smooth

_ROOM = Smooth(level=25.0)


def build_models(
    seed: int, instrument: SimulatedInstrument, process: Process, profile: Profile
) -> Mapping[ChannelId, ChannelModel]:
    """The model of every channel of `profile` but the seal.

    Raises:
        ScenarioError: if the process lacks what the instrument measures, the instrument has an error for a
        sensor that its kind
            does not have, or the profile has a channel that the simulator has no model for.
    """
    builder = ModelBuilder(seed, instrument, process)
    found = _KINDS.get(profile.kind)
    if found is None:
        remedy = f"there is no model of this kind; there are {', '.join(_KINDS)}"
        raise ScenarioError(f"instrument '{instrument.id}'.profile", profile.kind, remedy)
    sensors, build = found
    for name in instrument.measurand.__struct_fields__:
        if getattr(instrument.measurand, name) is not None and name not in sensors:
            raise ScenarioError(
                f"instrument '{instrument.id}'.measurand",
                name,
                f"an instrument of kind {profile.kind} has the sensors {', '.join(sensors)}",
            )
    models = {ChannelId(name): model for name, model in build(builder).items()}
    for channel in profile.channels:
        if channel.id != SEAL and channel.id not in models:
            raise ScenarioError(
                f"instrument '{instrument.id}'.profile",
                f"{profile.id}: {channel.id}",
                f"no model for this channel; a simulated {profile.kind} has {', '.join(models)}",
            )
    return models


def _thermometer(builder: ModelBuilder) -> dict[str, ChannelModel]:
    return {"temperature": builder.plain("temperature", builder.smooth("temperature"))}


def _pressure(builder: ModelBuilder) -> dict[str, ChannelModel]:
    return {
        "pressure": builder.plain("pressure", builder.smooth("pressure")),
        "sensor_temperature": builder.plain("temperature", builder.smooth("temperature", _ROOM)),
    }


def _weighing(builder: ModelBuilder) -> dict[str, ChannelModel]:
    load, tare = builder.load(), builder.instrument.tare
    gross = builder.plain("load", load)
    _, zero, span = builder.sensor("load")
    return {
        "gross": gross,
        "net": ChannelModel(
            truth=Computed(lambda t: load.value(t) - tare),
            error=_NetError(SensorError(zero, span), tare),
            noise=gross.noise,
            noise_source="load",
            resolution=gross.resolution,
        ),
        # The automatic check with nothing on the platform: a reading of its own, hence noise of its own.
        "zero": ChannelModel(
            truth=Harmonics(()), error=SensorError(zero, span), noise=gross.noise, noise_source="zero"
        ),
    }


@dataclass(frozen=True, slots=True)
class _NetError:
    """The net indication errs as the gross one does: at the load, not at the load less tare."""

    gross: SensorError
    tare: float

    def at(self, t: float, true_value: float) -> float:
        return self.gross.at(t, true_value + self.tare)


_KINDS: Mapping[InstrumentKind, tuple[tuple[str, ...], Callable[[ModelBuilder], dict[str, ChannelModel]]]] = {
    InstrumentKind("electricity_meter"): (("power", "voltage", "current"), meter_models),
    InstrumentKind("resistance_thermometer"): (("temperature",), _thermometer),
    InstrumentKind("digital_indicating_scale"): (("load",), _weighing),
    InstrumentKind("pressure_transmitter"): (("pressure", "temperature"), _pressure),
    InstrumentKind("pressure_gauge"): (("pressure", "temperature"), _pressure),
}
"""Each kind's sensors, and what builds its channels."""
