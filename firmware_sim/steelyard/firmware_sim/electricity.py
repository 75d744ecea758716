"""The channels of a three-phase electricity meter.

The process gives the power of all phases, the phase voltage, the frequency and the power factor; everything else
follows (current, apparent and reactive power, energy), so that the channels of one instant agree as those of a real
meter do. The error of the power sensor enters active, apparent and reactive power and, integrated, the energy
registers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from steelyard.firmware_sim.channel_models import ChannelModel, Computed, ModelBuilder, NoError, SensorError
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.harmonics import Harmonics
from steelyard.firmware_sim.scenario import Smooth
from steelyard.firmware_sim.signals import ErrorIntegral, MemoSignal

PHASE_SHARES = (0.35, 0.33, 0.32)
"""How the power of a three-phase feeder divides among its phases."""
PHASE_VOLTAGES = (1.0, 1.004, 0.997)
"""Each phase's voltage relative to the process's."""
JOULES_PER_KILOWATT_HOUR = 3.6e6

_GRID = Smooth(level=50.0)
_USUAL_POWER_FACTOR = Smooth(level=0.95)


@dataclass(frozen=True, slots=True)
class RegisteredError:
    """What an energy register has wrongly counted since the start; it does not depend on the present value."""

    integral: ErrorIntegral
    factor: float

    def at(self, t: float, true_value: float) -> float:  # noqa: ARG002 - the protocol's argument
        """See ErrorOf."""
        return self.factor * self.integral.value(t)


def meter_models(builder: ModelBuilder) -> dict[str, ChannelModel]:
    """The channels by name.

    Raises:
        ScenarioError: if the power could become negative or has a trend: the import register would run back, or
        its error would have
            no closed form.
    """
    meter = _Meter(builder)
    models = {
        "frequency": ChannelModel(truth=builder.smooth("frequency", _GRID), error=NoError()),
        "voltage_average": meter.voltage(sum(PHASE_VOLTAGES) / 3.0),
        "current_sum": meter.current(sum(_CURRENT_RATIOS), 3.0),
        "current_average": meter.current(sum(_CURRENT_RATIOS) / 3.0, 1.0),
        "energy_import": meter.energy(1.0),
        "energy_total": meter.energy(1.0),  # import and export; nothing is exported
        "energy_export": ChannelModel(truth=Harmonics(()), error=NoError()),
    }
    for suffix, share in (("total", 1.0), ("l1", PHASE_SHARES[0]), ("l2", PHASE_SHARES[1]), ("l3", PHASE_SHARES[2])):
        models[f"power_{suffix}"] = meter.active_power(share)
        models[f"apparent_power_{suffix}"] = meter.apparent_power(share)
        models[f"reactive_power_{suffix}"] = meter.reactive_power(share)
        models[f"power_factor_{suffix}"] = ChannelModel(truth=meter.power_factor, error=NoError())
    for phase, name in enumerate(("l1", "l2", "l3")):
        models[f"voltage_{name}"] = meter.voltage(PHASE_VOLTAGES[phase])
        models[f"current_{name}"] = meter.current(_CURRENT_RATIOS[phase], 1.0)
        models[f"energy_import_{name}"] = meter.energy(PHASE_SHARES[phase])
    return models


_CURRENT_RATIOS = tuple(share / voltage for share, voltage in zip(PHASE_SHARES, PHASE_VOLTAGES, strict=True))


class _Meter:
    """What the channels of one meter have in common."""

    def __init__(self, builder: ModelBuilder) -> None:
        self._power_waves = builder.smooth("power")
        if self._power_waves.lowest <= 0 or self._power_waves.terms[0].slope:
            raise ScenarioError(
                f"process '{builder.process.id}'.power",
                self._power_waves.lowest,
                "the level must exceed the sum of the amplitudes, without a trend: the import register never runs back",
            )
        self._power = MemoSignal(self._power_waves)
        self._voltage = MemoSignal(builder.smooth("voltage"))
        self.power_factor = MemoSignal(builder.smooth("power_factor", _USUAL_POWER_FACTOR))
        self._power_sensor, self._power_zero, self._power_span = builder.sensor("power")
        self._current_sensor, self._current_zero, self._current_span = builder.sensor("current")
        self._voltage_sensor, self._voltage_zero, self._voltage_span = builder.sensor("voltage")
        self._registered = ErrorIntegral(self._power_zero, self._power_span, self._power_waves)
        self._energy_start = builder.instrument.energy_start

    def active_power(self, share: float) -> ChannelModel:
        return ChannelModel(
            truth=Computed(lambda t: share * self._power.value(t)),
            error=SensorError(self._power_zero, self._power_span, share),
            noise=self._power_sensor.noise * share,
            noise_source="power",
            resolution=self._power_sensor.resolution,
        )

    def apparent_power(self, share: float) -> ChannelModel:
        return self._derived_power(Computed(lambda t: share * self._power.value(t) / self.power_factor.value(t)), share)

    def reactive_power(self, share: float) -> ChannelModel:
        def value(t: float) -> float:
            power_factor = self.power_factor.value(t)
            return share * self._power.value(t) * math.sqrt(max(1.0 - power_factor**2, 0.0)) / power_factor

        return self._derived_power(Computed(value), share)

    def _derived_power(self, truth: Computed, share: float) -> ChannelModel:
        return ChannelModel(
            truth=truth,
            error=SensorError(self._power_zero, self._power_span, 0.0),
            noise=self._power_sensor.noise * share,
            noise_source="power",
        )

    def current(self, ratio: float, sensors: float) -> ChannelModel:
        """One phase's current, or of several.

        `ratio`: to the current of the whole power at the process's voltage; `sensors`: how many add up.
        """

        def value(t: float) -> float:
            return ratio * self._power.value(t) / (self.power_factor.value(t) * self._voltage.value(t))

        return ChannelModel(
            truth=Computed(value),
            error=SensorError(self._current_zero, self._current_span, sensors),
            noise=self._current_sensor.noise * sensors,
            noise_source="current",
            resolution=self._current_sensor.resolution,
        )

    def voltage(self, ratio: float) -> ChannelModel:
        return ChannelModel(
            truth=Computed(lambda t: ratio * self._voltage.value(t)),
            error=SensorError(self._voltage_zero, self._voltage_span),
            noise=self._voltage_sensor.noise,
            noise_source="voltage",
            resolution=self._voltage_sensor.resolution,
        )

    def energy(self, share: float) -> ChannelModel:
        """The register of one phase or of all: the integral of the power, and of its error, since the start."""
        begun = self._power_waves.antiderivative(0.0)
        factor = share / JOULES_PER_KILOWATT_HOUR
        start = self._energy_start * share
        return ChannelModel(
            truth=Computed(lambda t: start + factor * (self._power_waves.antiderivative(t) - begun)),
            error=RegisteredError(self._registered, factor),
        )
