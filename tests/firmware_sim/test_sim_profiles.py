"""The five built-in profiles say what the devices' documents say."""

import pytest

from steelyard.contracts.identifiers import InstrumentKind
from steelyard.contracts.profile import Profile, parse_profile
from steelyard.contracts.profiles import builtin

KINDS = {
    "sdm630": InstrumentKind("electricity_meter"),
    "pt100_transmitter": InstrumentKind("resistance_thermometer"),
    "weighing_indicator": InstrumentKind("digital_indicating_scale"),
    "pressure_transmitter": InstrumentKind("pressure_transmitter"),
    "reference_gauge": InstrumentKind("pressure_gauge"),
}

# Parameter numbers of the Eastron manual's table: 30001 + start address. Typed from the table, not from the profile.
SDM630_TABLE = {
    "voltage_l1": 30001, "voltage_l2": 30003, "voltage_l3": 30005,
    "current_l1": 30007, "current_l2": 30009, "current_l3": 30011,
    "power_l1": 30013, "power_l2": 30015, "power_l3": 30017,
    "apparent_power_l1": 30019, "apparent_power_l2": 30021, "apparent_power_l3": 30023,
    "reactive_power_l1": 30025, "reactive_power_l2": 30027, "reactive_power_l3": 30029,
    "power_factor_l1": 30031, "power_factor_l2": 30033, "power_factor_l3": 30035,
    "voltage_average": 30043, "current_average": 30047, "current_sum": 30049,
    "power_total": 30053, "apparent_power_total": 30057, "reactive_power_total": 30061, "power_factor_total": 30063,
    "frequency": 30071, "energy_import": 30073, "energy_export": 30075, "energy_total": 30343,
    "energy_import_l1": 30347, "energy_import_l2": 30349, "energy_import_l3": 30351,
}  # fmt: skip


def profile(name: str) -> Profile:
    return parse_profile(builtin(name).read_text(encoding="utf-8"), f"{name}.toml")


@pytest.mark.parametrize("name", KINDS)
def test_profile_is_named_after_its_file_and_has_its_kind(name: str) -> None:
    assert profile(name).id == name
    assert profile(name).kind == KINDS[name]


def test_sdm630_has_the_registers_of_eastrons_table() -> None:
    meter = profile("sdm630")
    assert {channel.id: 30001 + channel.register for channel in meter.channels} == SDM630_TABLE
    assert {(channel.function, channel.type, channel.scale) for channel in meter.channels} == {(4, "float32", 1.0)}
    assert meter.limits.max_registers == 80
    assert (meter.word_order, meter.byte_order) == ("big", "big")


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"sdm630"}))
def test_every_device_but_the_sdm630_counts_the_openings_of_its_seal(name: str) -> None:
    (seal,) = (channel for channel in profile(name).channels if channel.id == "seal")
    assert (seal.quantity, seal.unit, seal.type, seal.scale) == ("seal_openings", "1", "uint16", 1.0)


def test_profiles_cover_both_word_orders_both_functions_and_whole_numbers_and_floats() -> None:
    profiles = [profile(name) for name in KINDS]
    assert {p.word_order for p in profiles} == {"big", "little"}
    assert {c.function for p in profiles for c in p.channels} == {3, 4}
    assert {c.type for p in profiles for c in p.channels} >= {"float32", "int16", "int32", "uint16"}
