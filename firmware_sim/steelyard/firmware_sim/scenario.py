"""What a scenario says: the structures of its file, one to one.

The file's form and the program's form are the same, so that a scenario built by a program can be written down and read
back without loss. Durations stay text (see `durations`); everything is counted from the scenario's `start`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.durations import parse_duration


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Strict, and written without what is default anyway."""


class Site(_Part, frozen=True):
    """One Modbus TCP port, as of an RS-485 line behind a gateway; many instruments, told apart by unit id.

    `port` 0 lets the operating system choose.
    """

    id: str
    port: int = 0


class Smooth(_Part, frozen=True, tag_field="kind", tag="smooth"):
    """A quantity that varies like waves: amplitudes in the quantity's unit, phases from the seed.

    `wander` is the bound of a sum of five slow waves with periods from half to twice `wander_period`.
    """

    level: float
    daily: float = 0.0
    weekly: float = 0.0
    yearly: float = 0.0
    wander: float = 0.0
    wander_period: str = "60d"
    trend_per_day: float = 0.0


class Steps(_Part, frozen=True, tag_field="kind", tag="steps"):
    """A load put on and taken off: for each `hold` a new value between `low` and `high`, or nothing.

    `idle` is the share of the time with nothing on it.
    """

    low: float
    high: float
    hold: str = "10min"
    idle: float = 0.3


class Process(_Part, frozen=True):
    """What is there to be measured. Instruments naming one process see the same truth at the same time.

    Units: power W (all three phases), voltage V (phase to neutral), frequency Hz, power_factor 1, pressure MPa,
    temperature Cel, load kg.
    """

    id: str
    power: Smooth | None = None
    voltage: Smooth | None = None
    frequency: Smooth | None = None
    power_factor: Smooth | None = None
    pressure: Smooth | None = None
    temperature: Smooth | None = None
    load: Smooth | Steps | None = None


class Jump(_Part, frozen=True):
    """A sudden lasting change: of `size`, from `at` on."""

    at: str
    size: float


class ErrorTerm(_Part, frozen=True):
    """A part of the true error over time: offset + drift (from `drift_from` on) + wander + jumps."""

    offset: float = 0.0
    drift_per_year: float = 0.0
    drift_from: str = "0s"
    wander: float = 0.0
    wander_period: str = "60d"
    jumps: tuple[Jump, ...] = ()


class Measurand(_Part, frozen=True):
    """How one sensor of an instrument errs: ``error = zero + span * true value``.

    `zero` and `noise` (one standard deviation) are in the measurand's unit, `span` is a ratio. `resolution`
    replaces the profile's.
    """

    zero: ErrorTerm = ErrorTerm()
    span: ErrorTerm = ErrorTerm()
    noise: float = 0.0
    resolution: float | None = None


class Measurands(_Part, frozen=True):
    """The sensors an instrument may have; those of its kind count."""

    power: Measurand | None = None
    voltage: Measurand | None = None
    current: Measurand | None = None
    pressure: Measurand | None = None
    temperature: Measurand | None = None
    load: Measurand | None = None


StoryLabel = Literal["quiet", "drift", "jump", "due"]


class Story(_Part, frozen=True):
    """What a scorer shall find at this instrument, and by which yardstick.

    `mpe` is the maximum permissible error in use at the true value `test_point`, both in the unit of `channel`.
    """

    label: StoryLabel
    channel: ChannelId
    test_point: float
    mpe: float


class SimulatedInstrument(_Part, frozen=True):
    """One instrument: its profile, its place on the line, what it measures and how it errs.

    `profile` is a built-in profile's id or the path of a .toml file. `energy_start` is a meter's register at the
    start (kW.h), `tare` a weighing instrument's (kg), `seal_openings` the seal counter at the start.
    """

    id: InstrumentId
    profile: str
    site: str
    process: str
    unit: int = 1
    energy_start: float = 0.0
    tare: float = 0.0
    seal_openings: int = 0
    measurand: Measurands = Measurands()
    story: Story | None = None


class Pair(_Part, frozen=True):
    """`reference` measures the same process as `instrument`, and is known much better."""

    instrument: InstrumentId
    reference: InstrumentId
    channels: tuple[ChannelId, ...]


ValueFault = Literal["stuck", "spike", "not_available"]
RegisterFault = Literal["byte_swap", "word_swap", "seal_opened"]
ReplyFault = Literal[
    "dropout",
    "disconnect",
    "exception",
    "short_reply",
    "long_reply",
    "empty_reply",
    "lying_byte_count",
    "wrong_function",
    "wrong_unit",
    "wrong_transaction",
    "wrong_protocol",
    "wrong_length",
    "smuggled_frame",
    "drip",
    "flood",
    "late",
]


class Fault(_Part, frozen=True, rename={"begin": "from"}):
    """Something that goes wrong between `begin` (in the file: ``from``) and `until`.

    `channel`: only this one (value and register faults; default all). `size`: of a spike, in the channel's unit.
    `share`: of the noise buckets that are hit, 0 to 1. `code`: of an exception. `delay`: of late and drip.
    """

    instrument: InstrumentId
    kind: ValueFault | RegisterFault | ReplyFault
    begin: str = "0s"
    until: str | None = None
    channel: ChannelId | None = None
    size: float | None = None
    share: float = 1.0
    code: int = 4
    delay: str = "2s"


class Scenario(
    _Part,
    frozen=True,
    rename={"sites": "site", "processes": "process", "instruments": "instrument", "pairs": "pair", "faults": "fault"},
):
    """A world of instruments: the same `seed` and `start` give the same world, down to each noisy digit.

    `judged_at` is when the stories are to be judged; `noise_bucket` how long one noise value lasts.
    """

    start: Annotated[datetime, msgspec.Meta(tz=True)]
    seed: int
    sites: tuple[Site, ...]
    processes: tuple[Process, ...]
    instruments: tuple[SimulatedInstrument, ...]
    pairs: tuple[Pair, ...] = ()
    faults: tuple[Fault, ...] = ()
    title: str = ""
    judged_at: str | None = None
    noise_bucket: str = "1s"

    @property
    def start_ns(self) -> int:
        """The scenario's start in UTC nanoseconds since 1970."""
        return datetime_ns(self.start)

    @property
    def judged_at_ns(self) -> int | None:
        """When the stories are to be judged, UTC nanoseconds since 1970."""
        return None if self.judged_at is None else self.start_ns + parse_duration(self.judged_at, "judged_at")


def datetime_ns(instant: datetime) -> int:
    """An aware instant as UTC nanoseconds since 1970, exactly (a float would lose the last digits)."""
    since = instant - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
