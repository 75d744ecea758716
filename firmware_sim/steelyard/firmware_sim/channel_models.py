"""What a channel is made of: a truth, an error, noise and a resolution; and what makes these from a scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from steelyard.contracts.identifiers import ChannelId
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.harmonics import Harmonics
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.scenario import Measurand, Process, SimulatedInstrument, Smooth, Steps
from steelyard.firmware_sim.signals import ErrorCurve, Signal, StepSignal, smooth_signal

SEAL = ChannelId("seal")


class ErrorOf(Protocol):
    """The true error of one channel."""

    def at(self, t: float, true_value: float) -> float:
        """The error at `t` seconds if the true value is `true_value`, both in the channel's unit."""
        ...


@dataclass(frozen=True, slots=True)
class SensorError:
    """``zero_share * zero(t) + span(t) * true value``: a phase has its share of the zero error."""

    zero: ErrorCurve
    span: ErrorCurve
    zero_share: float = 1.0

    def at(self, t: float, true_value: float) -> float:
        """See ErrorOf."""
        return self.zero_share * self.zero.value(t) + self.span.value(t) * true_value


@dataclass(frozen=True, slots=True)
class NoError:
    """A channel that only reports (frequency, power factor)."""

    def at(self, t: float, true_value: float) -> float:  # noqa: ARG002 - the protocol's arguments
        """See ErrorOf."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelModel:
    """One channel: truth, error, noise (standard deviation, channel's unit) and resolution (None: the profile's).

    Channels with the same `noise_source` share the sensor's noise: the sum of the phases is the total, net is gross
    less tare.
    """

    truth: Signal
    error: ErrorOf
    noise: float = 0.0
    noise_source: str = ""
    resolution: float | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A signal computed from others."""

    function: Callable[[float], float]

    def value(self, t: float) -> float:
        """The signal at `t` seconds."""
        return self.function(t)


class ModelBuilder:
    """Makes the signals and error curves of one instrument, each with its own random stream."""

    def __init__(self, seed: int, instrument: SimulatedInstrument, process: Process) -> None:
        self.seed = seed
        self.instrument = instrument
        self.process = process

    def smooth(self, name: str, default: Smooth | None = None) -> Harmonics:
        """The process's `name`, which must be smooth; `default` where the process says nothing."""
        variation = getattr(self.process, name) or default
        if not isinstance(variation, Smooth):
            raise ScenarioError(
                f"process '{self.process.id}'.{name}",
                None if variation is None else "steps",
                f"instrument '{self.instrument.id}' needs a smooth {name} to measure; add [process.{name}]",
            )
        return smooth_signal(variation, RandomStream(self.seed, "process", self.process.id, name))

    def load(self) -> Signal:
        """The process's load, smooth or in steps."""
        if isinstance(self.process.load, Steps):
            return StepSignal(self.process.load, RandomStream(self.seed, "process", self.process.id, "load"))
        return self.smooth("load")

    def sensor(self, name: str) -> tuple[Measurand, ErrorCurve, ErrorCurve]:
        """What the scenario says of the sensor `name`, with its zero and its span over time."""
        measurand: Measurand = getattr(self.instrument.measurand, name) or Measurand()
        names = ("error", self.instrument.id, name)
        zero = ErrorCurve(measurand.zero, RandomStream(self.seed, *names, "zero"))
        return measurand, zero, ErrorCurve(measurand.span, RandomStream(self.seed, *names, "span"))

    def plain(self, name: str, truth: Signal) -> ChannelModel:
        """A channel that shows what the sensor `name` measures."""
        measurand, zero, span = self.sensor(name)
        return ChannelModel(
            truth=truth,
            error=SensorError(zero, span),
            noise=measurand.noise,
            noise_source=name,
            resolution=measurand.resolution,
        )
