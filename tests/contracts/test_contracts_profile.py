"""Device profiles: the built-in ones hold, and each kind of mistake is named with its file, key, value and remedy."""

import pytest

from steelyard.contracts.errors import ProfileError, SettingsError
from steelyard.contracts.frame import ClockStatus
from steelyard.contracts.profile import parse_profile
from steelyard.contracts.profiles import builtin, builtin_names
from steelyard.contracts.toml import convert, parse_toml

GOOD = """
id = "meter"
maker = "Someone"
model = "M1"
kind = "electricity_meter"
document = "M1 register list, 2nd edition, table 3"
[limits]
max_registers = 40
[probe]
function = 4
register = 0
type = "float32"
low = 80.0
high = 280.0
[[channel]]
id = "voltage"
quantity = "voltage"
unit = "V"
function = 4
register = 0
type = "float32"
low = 0.0
high = 500.0
resolution = 0.1
[[channel]]
id = "count"
quantity = "pulses"
unit = "1"
function = 3
register = 0
type = "uint16"
low = 0.0
high = 65535.0
resolution = 1.0
not_available = 65535
"""


def test_control_the_good_profile_is_accepted() -> None:
    profile = parse_profile(GOOD, "meter.toml")
    assert [channel.id for channel in profile.channels] == ["voltage", "count"]
    assert (profile.channels[0].register_count, profile.limits.max_registers, profile.limits.max_gap) == (2, 40, 16)
    assert profile.channel("count").not_available == 65535


@pytest.mark.parametrize("name", builtin_names())
def test_every_built_in_profile_holds_and_names_its_document(name: str) -> None:
    profile = parse_profile(builtin(name).read_text(encoding="utf-8"), f"{name}.toml")
    assert profile.id == name
    assert len(profile.document) > 20


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "V"', 'unit = "v"', ["meter.toml", "voltage", "'v'", "UCUM"]),
        ("max_registers", "max_regs", ["meter.toml", "max_regs", "did you mean 'max_registers'"]),
        ("resolution = 0.1", "resolutoin = 0.1", ["resolutoin", "did you mean 'resolution'"]),
        ('id = "count"', 'id = "voltage"', ["voltage", "twice"]),
        ("function = 3\nregister = 0", "function = 4\nregister = 1", ["count", "voltage", "register"]),
        ('type = "uint16"', 'type = "uint12"', ["type", "uint12"]),
        ("register = 0", "register = 65535", ["register", "65535"]),
        ("register = 0", "register = -1", ["register", "-1"]),
        ("max_registers = 40", "max_registers = 126", ["126", "125"]),
        ("max_registers = 40", "max_registers = 1", ["max_registers"]),
        ("max_registers = 40", "max_gap = -1", ["max_gap"]),
        ("low = 80.0", "low = 300.0", ["probe.low", "300"]),
        ("high = 500.0", "high = 0.0", ["low"]),
        ("high = 500.0", "high = inf", ["high", "finite"]),
        ("resolution = 0.1", "resolution = 0.0", ["resolution", "above 0"]),
        ("resolution = 0.1", "resolution = 0.1\nscale = 0.0", ["scale"]),
        ("resolution = 0.1", "resolution = 0.1\nnot_available = 1", ["not_available"]),
        ('id = "voltage"', 'id = "Voltage"', ["Voltage", "lower-case"]),
        ('maker = "Someone"\n', "", ["maker", "missing"]),
        ('kind = "electricity_meter"', 'kind = "Energy meter"', ["kind", "Energy meter", "lower-case"]),
        ("[limits]", "[limits", ["meter.toml", "TOML"]),
    ],
)
def test_a_profile_with_one_fault_is_refused_and_the_fault_is_named(old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(ProfileError) as caught:
        parse_profile(GOOD.replace(old, new, 1), "meter.toml")
    for word in words:
        assert word in str(caught.value)


def test_a_profile_without_channels_is_refused() -> None:
    with pytest.raises(ProfileError, match="at least one channel"):
        parse_profile(GOOD[: GOOD.index("[[channel]]")].replace("[limits]", "channel = []\n[limits]"), "meter.toml")


def test_asking_for_what_is_not_there_names_what_is() -> None:
    with pytest.raises(ProfileError, match="sdm630"):
        builtin("../etc/passwd")
    with pytest.raises(ProfileError, match="voltage, count"):
        parse_profile(GOOD, "meter.toml").channel("power")


def test_a_type_error_names_the_key_and_shows_the_value() -> None:
    with pytest.raises(SettingsError, match=r"x\.toml: error_ms: 'much'"):
        convert(parse_toml('state = "synced"\nerror_ms = "much"', "x.toml"), ClockStatus, "x.toml")
