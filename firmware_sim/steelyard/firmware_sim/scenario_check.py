"""What a scenario must be beyond its form: names, references, ranges.

What needs the device profiles is checked in `world`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import InstrumentId, parse_channel_id, parse_instrument_id
from steelyard.firmware_sim.durations import parse_duration
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.scenario import Fault, Measurand, Pair, Scenario, SimulatedInstrument, Smooth, Steps

CHANNEL_FAULTS = frozenset({"stuck", "spike", "not_available", "byte_swap", "word_swap"})


def check_scenario(scenario: Scenario) -> None:
    """Raise ScenarioError for the first thing that cannot be right."""
    _finite(scenario, "")
    _durations(scenario, "")
    if parse_duration(scenario.noise_bucket, "noise_bucket") == 0:
        raise ScenarioError("noise_bucket", scenario.noise_bucket, "must be longer than 0")
    sites = _unique("site", (site.id for site in scenario.sites))
    processes = _unique("process", (process.id for process in scenario.processes))
    instruments = _unique("instrument", (instrument.id for instrument in scenario.instruments))
    for name in (*sites, *processes, *instruments):
        _identifier("id", name)
    if not instruments:
        raise ScenarioError("instrument", [], "a scenario has at least one [[instrument]]")
    _check_sites(scenario)
    for process in scenario.processes:
        for name in process.__struct_fields__:
            _check_variation(f"process '{process.id}'.{name}", getattr(process, name))
    places: dict[tuple[str, int], str] = {}
    for instrument in scenario.instruments:
        where = f"instrument '{instrument.id}'"
        _one_of(f"{where}.site", instrument.site, sites)
        _one_of(f"{where}.process", instrument.process, processes)
        _check_instrument(where, instrument)
        other = places.setdefault((instrument.site, instrument.unit), instrument.id)
        if other != instrument.id:
            raise ScenarioError(f"{where}.unit", instrument.unit, f"'{other}' has this unit at the same site")
    by_id = {instrument.id: instrument for instrument in scenario.instruments}
    for pair in scenario.pairs:
        _check_pair(pair, by_id)
    for index, fault in enumerate(scenario.faults):
        _check_fault(f"fault[{index}]", fault, by_id)


def _check_sites(scenario: Scenario) -> None:
    ports: dict[int, str] = {}
    for site in scenario.sites:
        where = f"site '{site.id}'.port"
        if not 0 <= site.port <= 65_535:
            raise ScenarioError(where, site.port, "must be 0 (any free port) to 65535")
        other = ports.setdefault(site.port, site.id) if site.port else site.id
        if other != site.id:
            raise ScenarioError(where, site.port, f"site '{other}' has this port")


def _check_variation(where: str, variation: Smooth | Steps | str | None) -> None:
    match variation:
        case Smooth():
            for name in ("daily", "weekly", "yearly", "wander"):
                if getattr(variation, name) < 0:
                    raise ScenarioError(f"{where}.{name}", getattr(variation, name), "an amplitude is not negative")
            _positive_duration(f"{where}.wander_period", variation.wander_period)
        case Steps():
            _positive_duration(f"{where}.hold", variation.hold)
            _share(f"{where}.idle", variation.idle)
            if variation.low > variation.high:
                raise ScenarioError(f"{where}.low", variation.low, f"must not be above high ({variation.high})")
        case _:
            pass


def _check_instrument(where: str, instrument: SimulatedInstrument) -> None:
    if not 1 <= instrument.unit <= 247:
        raise ScenarioError(f"{where}.unit", instrument.unit, "unit ids run from 1 to 247")
    if not 0 <= instrument.seal_openings <= 65_535:
        raise ScenarioError(f"{where}.seal_openings", instrument.seal_openings, "the counter holds 0 to 65535")
    for name in instrument.measurand.__struct_fields__:
        measurand = getattr(instrument.measurand, name)
        if measurand is not None:
            _check_measurand(f"{where}.measurand.{name}", measurand)
    if instrument.story is not None:
        _identifier(f"{where}.story.channel", instrument.story.channel, channel=True)
        if instrument.story.mpe <= 0:
            raise ScenarioError(f"{where}.story.mpe", instrument.story.mpe, "must be above 0")


def _check_measurand(where: str, measurand: Measurand) -> None:
    if measurand.noise < 0:
        raise ScenarioError(f"{where}.noise", measurand.noise, "must not be negative")
    if measurand.resolution is not None and measurand.resolution <= 0:
        raise ScenarioError(f"{where}.resolution", measurand.resolution, "must be above 0")
    for name, term in (("zero", measurand.zero), ("span", measurand.span)):
        if term.wander < 0:
            raise ScenarioError(f"{where}.{name}.wander", term.wander, "an amplitude is not negative")
        _positive_duration(f"{where}.{name}.wander_period", term.wander_period)


def _check_pair(pair: Pair, instruments: Mapping[InstrumentId, SimulatedInstrument]) -> None:
    where = f"pair '{pair.instrument}'"
    _one_of("pair.instrument", pair.instrument, instruments)
    _one_of(f"{where}.reference", pair.reference, instruments)
    if pair.instrument == pair.reference:
        raise ScenarioError(f"{where}.reference", pair.reference, "an instrument is not its own reference")
    process, other = instruments[pair.instrument].process, instruments[pair.reference].process
    if process != other:
        raise ScenarioError(f"{where}.reference", pair.reference, f"measures '{other}', the instrument '{process}'")
    if not pair.channels:
        raise ScenarioError(f"{where}.channels", [], "name at least one channel that both measure")


def _check_fault(where: str, fault: Fault, instruments: Mapping[InstrumentId, SimulatedInstrument]) -> None:
    _one_of(f"{where}.instrument", fault.instrument, instruments)
    _share(f"{where}.share", fault.share)
    begin = parse_duration(fault.begin, f"{where}.from")
    if fault.until is not None and parse_duration(fault.until, f"{where}.until") <= begin:
        raise ScenarioError(f"{where}.until", fault.until, f"must be later than from ({fault.begin})")
    if fault.channel is not None and fault.kind not in CHANNEL_FAULTS:
        raise ScenarioError(
            f"{where}.channel", fault.channel, f"'{fault.kind}' strikes the whole instrument; remove it"
        )
    if (fault.size is not None) != (fault.kind == "spike"):
        raise ScenarioError(f"{where}.size", fault.size, "a spike, and only a spike, has a size")
    if not 1 <= fault.code <= 255:
        raise ScenarioError(f"{where}.code", fault.code, "a Modbus exception code is 1 to 255")


def _finite(part: object, path: str) -> None:
    match part:
        case float() if not math.isfinite(part):
            raise ScenarioError(path, part, "must be finite")
        case msgspec.Struct():
            for name, key in _fields(part):
                _finite(getattr(part, name), f"{path}.{key}".lstrip("."))
        case tuple():
            for index, item in enumerate(part):
                _finite(item, f"{path}[{index}]")
        case _:
            pass


def _fields(part: msgspec.Struct) -> Iterable[tuple[str, str]]:
    """Each field's name in the program and in the file."""
    return zip(part.__struct_fields__, part.__struct_encode_fields__, strict=True)


_DURATION_FIELDS = frozenset(
    {"wander_period", "drift_from", "at", "hold", "begin", "until", "delay", "judged_at", "noise_bucket"}
)


def _durations(part: object, path: str) -> None:
    if isinstance(part, tuple):
        for index, item in enumerate(part):
            _durations(item, f"{path}[{index}]")
    elif isinstance(part, msgspec.Struct):
        for name, key in _fields(part):
            value, inner = getattr(part, name), f"{path}.{key}".lstrip(".")
            if name in _DURATION_FIELDS and value is not None:
                parse_duration(value, inner)
            else:
                _durations(value, inner)


def _unique(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for name in names:
        if name in seen:
            raise ScenarioError(f"{kind}.id", name, "stands in this scenario twice; rename one")
        seen[name] = None
    return tuple(seen)


def _identifier(field: str, name: str, *, channel: bool = False) -> None:
    try:
        parse_channel_id(name, field) if channel else parse_instrument_id(name, field)
    except IdentifierError as error:
        raise ScenarioError(error.field, error.value, error.remedy) from error


def _one_of(field: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ScenarioError(field, name, f"not one of {', '.join(known)}")


def _share(field: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ScenarioError(field, share, "a share is 0 to 1")


def _positive_duration(field: str, text: str) -> None:
    if parse_duration(text, field) == 0:
        raise ScenarioError(field, text, "must be longer than 0")
