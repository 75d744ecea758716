"""One simulated instrument: from the time to what it indicates, and to the bytes of its registers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.profile import REGISTER_COUNTS, ChannelProfile, Profile
from steelyard.firmware_sim.channel_models import SEAL, ChannelModel
from steelyard.firmware_sim.durations import NS_PER_SECOND
from steelyard.firmware_sim.faults import FaultPlan
from steelyard.firmware_sim.randomness import RandomStream
from steelyard.firmware_sim.registers import encode, raw_number, stored_number, swap_bytes

_LAYOUTS_KEPT = 1_024


@dataclass(frozen=True, slots=True)
class Served:
    """A value as it was sent: what a flawless reader of the reply must find.

    `value` in the channel's unit; None: not available.
    """

    instrument: InstrumentId
    channel: ChannelId
    t_ns: int
    value: float | None


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a channel, or a constant that only the probe asks for, stands among the registers."""

    register: int
    count: int
    channel: ChannelProfile | None
    constant: bytes = b""


class Device:
    """A register bank whose content is a function of time."""

    def __init__(
        self,
        *,
        instrument: InstrumentId,
        profile: Profile,
        models: Mapping[ChannelId, ChannelModel],
        faults: FaultPlan,
        seal_openings: int,
        start_ns: int,
        bucket_ns: int,
        seed: int,
    ) -> None:
        self.instrument = instrument
        self.profile = profile
        self.faults = faults
        self._models = models
        self._seal_openings = seal_openings
        self._start_ns = start_ns
        self._bucket_ns = bucket_ns
        sources = {model.noise_source for model in models.values() if model.noise}
        self._noise = {source: RandomStream(seed, "noise", instrument, source) for source in sources}
        self._slots = {function: _slots(profile, function) for function in (3, 4)}
        self._layouts: dict[tuple[int, int, int], tuple[_Slot, ...] | None] = {}

    def true_value(self, channel: ChannelId, t_ns: int) -> float:
        """The true value of what `channel` measures; of the seal, how often it was opened."""
        if channel == SEAL:
            return float(self._seal_openings + self.faults.seal_openings(t_ns))
        return self._models[channel].truth.value(self._seconds(t_ns))

    def true_error(self, channel: ChannelId, t_ns: int, at_value: float | None = None) -> float:
        """Indication less true value, without noise, rounding and faults, at the present true value or `at_value`."""
        if channel == SEAL:
            return 0.0
        model, t = self._models[channel], self._seconds(t_ns)
        return model.error.at(t, model.truth.value(t) if at_value is None else at_value)

    def undisturbed(self, channel: ChannelProfile, t_ns: int) -> float:
        """What the instrument would indicate without faults: truth, error and noise, rounded to its resolution."""
        if channel.id == SEAL:
            return float((self._seal_openings + self.faults.seal_openings(t_ns)) % 65_536)
        model, t = self._models[channel.id], self._seconds(t_ns)
        truth = model.truth.value(t)
        value = truth + model.error.at(t, truth)
        if model.noise:
            value += model.noise * self._noise[model.noise_source].gauss(t_ns // self._bucket_ns)
        resolution = model.resolution if model.resolution is not None else channel.resolution
        return round(value / resolution) * resolution

    def registers(self, channel: ChannelProfile, t_ns: int) -> tuple[bytes, float | None]:
        """The bytes of the channel's registers at `t_ns`, and the value they are meant to say (None: not available)."""
        value: float | None = self.undisturbed(channel, t_ns)
        faults = self.faults.on_channel(channel.id, t_ns)
        for fault in faults:
            if fault.kind == "stuck":
                value = self.undisturbed(channel, fault.begin_ns)
            elif fault.kind == "spike" and value is not None:
                value += fault.size
            elif fault.kind == "not_available" and can_say_not_available(channel):
                value = None
        raw = _not_available(channel) if value is None else raw_number(value, channel)
        data = encode(raw, channel.type, word_order=self.profile.word_order, byte_order=self.profile.byte_order)
        for fault in faults:
            if fault.kind == "byte_swap":
                data = swap_bytes(data)
            elif fault.kind == "word_swap":
                data = b"".join(data[index : index + 2] for index in range(len(data) - 2, -1, -2))
        if value is None:
            return data, None
        return data, stored_number(raw, channel.type) * channel.scale + channel.offset

    def read(self, function: int, register: int, count: int, t_ns: int) -> tuple[bytes, tuple[Served, ...]] | None:
        """The bytes of `count` registers from `register` on, and the values wholly among them.

        None where the device has no such registers.
        """
        slots = self._layout(function, register, count)
        if slots is None:
            return None
        image = bytearray(2 * count)
        served = []
        for slot in slots:
            data, value = slot.constant, None
            if slot.channel is not None:
                data, value = self.registers(slot.channel, t_ns)
            first = 2 * (slot.register - register)
            whole = first >= 0 and first + len(data) <= len(image)
            if whole:
                image[first : first + len(data)] = data
                if slot.channel is not None:
                    served.append(Served(self.instrument, slot.channel.id, t_ns, value))
            else:
                kept = data[max(-first, 0) : len(image) - first]
                image[max(first, 0) : max(first, 0) + len(kept)] = kept
        return bytes(image), tuple(served)

    def _layout(self, function: int, register: int, count: int) -> tuple[_Slot, ...] | None:
        """The slots touched, or None where the device has no registers.

        A hole between used registers can be read over, and reads 0, if it is not longer than the profile's
        `max_gap`: that is what the profile promises to a reader.
        """
        key = (function, register, count)
        if key not in self._layouts:
            if len(self._layouts) >= _LAYOUTS_KEPT:
                self._layouts.clear()
            self._layouts[key] = self._find(function, register, count)
        return self._layouts[key]

    def _find(self, function: int, register: int, count: int) -> tuple[_Slot, ...] | None:
        end = register + count
        touched = tuple(s for s in self._slots[function] if s.register < end and s.register + s.count > register)
        if not touched:
            return None
        reached = touched[0].register
        if register < reached:  # begins in a hole: there must be a used register before it
            before = [s.register + s.count for s in self._slots[function] if s.register + s.count <= register]
            if not before or reached - max(before) > self.profile.limits.max_gap:
                return None
        for slot in touched:
            if slot.register - reached > self.profile.limits.max_gap:
                return None
            reached = slot.register + slot.count
        if end > reached:  # ends in a hole: there must be a used register behind it
            behind = [s.register for s in self._slots[function] if s.register >= end]
            if not behind or min(behind) - reached > self.profile.limits.max_gap:
                return None
        return touched

    def _seconds(self, t_ns: int) -> float:
        return (t_ns - self._start_ns) / NS_PER_SECOND


def _slots(profile: Profile, function: int) -> tuple[_Slot, ...]:
    slots = [_Slot(c.register, c.register_count, c) for c in profile.channels if c.function == function]
    probe = profile.probe
    count = REGISTER_COUNTS[probe.type]
    free = all(probe.register + count <= s.register or s.register + s.count <= probe.register for s in slots)
    if probe.function == function and free:
        middle = 0.5 * (probe.low + probe.high)
        raw = middle if probe.type.startswith("float") else round(middle)
        constant = encode(raw, probe.type, word_order=profile.word_order, byte_order=profile.byte_order)
        slots.append(_Slot(probe.register, count, None, constant))
    return tuple(sorted(slots, key=lambda slot: slot.register))


def can_say_not_available(channel: ChannelProfile) -> bool:
    """Whether the channel's registers have a way to say that there is no value: a NaN, or the profile's mark."""
    return channel.not_available is not None or channel.type.startswith("float")


def _not_available(channel: ChannelProfile) -> float:
    return math.nan if channel.not_available is None else channel.not_available
