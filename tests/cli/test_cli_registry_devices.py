"""registry.toml: devices that nothing reads, their owners, positions and states."""

from datetime import date

import pytest

from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.devices import DeviceState
from steelyard.cli.registry_file import parse_registry
from steelyard.contracts.devices import Ownership, Placement, Position, Use
from steelyard.contracts.errors import ContractError
from steelyard.contracts.profile import Profile, parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.contracts.registry import Channel

PAPER = """
[[organization]]
id = "acme"
name = "Acme"
kind = "enterprise"
region = "cn-zj"
[[organization]]
id = "buyer"
name = "Buyer"
kind = "enterprise"
region = "cn-js"
[[position]]
id = "boiler-2"
organization = "acme"
name = "Boiler 2, feed water"
region = "cn-zj-ningbo"
use = "safety"
[[position]]
id = "store"
organization = "acme"
name = "Store"
[[instrument]]
id = "pg-42"
owner = "acme"
name = "Gauge"
kind = "pressure_gauge"
serial = "19-4711"
accuracy_class = "1.6"
maker = "红旗仪表"
model = "Y-100"
type_approval = "CPA 2019F123"
batch = "2019-4"
unit = "MPa"
range_low = 0.0
range_high = 1.6
scale_interval = 0.05
parameters = { dn = 100, gas = "natural" }
use = "safety"
put_into_use = 2019-07-01
position = "boiler-2"
since = 2019-07-01
state = "stored"
state_since = 2026-06-01
[instrument.legal]
regime = "periodic"
period_months = 6
catalogue = "JJG 52-2013"
confidence = "H"
mpe = { table = "en-837", class = "1.6", span = 1.6, unit = "MPa" }
"""
GATEWAY = """
[[gateway]]
id = "gw-1"
organization = "acme"
public_key = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
[[instrument]]
id = "pt-1"
gateway = "gw-1"
name = "Boiler pressure"
profile = "pressure_transmitter"
serial = "123"
"""


def profile_of(name: str) -> Profile:
    return parse_profile(builtin(name).read_text("utf-8"), name)


def read(text: str):
    return parse_registry(text, "registry.toml", profile_of).registration


def test_a_device_that_nothing_reads_is_an_instrument() -> None:
    registration = read(PAPER)
    (held,) = registration.instruments
    assert (held.organization, held.gateway, held.profile) == ("acme", None, None)
    assert (held.kind, held.unit, held.use) == ("pressure_gauge", "MPa", Use.SAFETY)
    assert (held.maker, held.model, held.type_approval, held.batch) == ("红旗仪表", "Y-100", "CPA 2019F123", "2019-4")
    assert (held.range_low, held.range_high, held.scale_interval) == (0.0, 1.6, 0.05)
    assert held.parameters == {"dn": 100.0, "gas": "natural"}
    assert held.put_into_use == date(2019, 7, 1)


def test_what_is_observed_of_it_has_a_place() -> None:
    registration = read(PAPER)
    assert registration.channels == [
        Channel(instrument="pg-42", id="indication", quantity="indication", unit="MPa", resolution=0.05)
    ]
    assert registration.legal_statuses[0].channel == "indication"


def test_its_position_and_its_state_are_dated() -> None:
    registration = read(PAPER)
    assert registration.positions[0] == Position(
        id="boiler-2", organization="acme", name="Boiler 2, feed water", region="cn-zj-ningbo", use=Use.SAFETY
    )
    assert registration.positions[1].region == "cn-zj"
    assert registration.placements == (Placement(instrument="pg-42", position="boiler-2", since=date(2019, 7, 1)),)
    assert registration.states == [
        StateEntry(instrument="pg-42", state=DeviceState.STORED, since=date(2026, 6, 1), why="registry.toml")
    ]


def test_owners_and_positions_of_before_are_tables() -> None:
    more = """
[[ownership]]
instrument = "pg-42"
organization = "buyer"
since = 2018-01-01
until = 2020-01-01
[[placement]]
instrument = "pg-42"
position = "store"
since = 2018-01-01
until = 2019-07-01
"""
    registration = read(PAPER + more)
    assert registration.ownerships == (
        Ownership(instrument="pg-42", organization="buyer", since=date(2018, 1, 1), until=date(2020, 1, 1)),
    )
    assert {(one.position, one.until) for one in registration.placements} == {
        ("store", date(2019, 7, 1)),
        ("boiler-2", None),
    }


def test_the_owner_of_what_a_gateway_reads_is_the_gateways_unless_another_is_named() -> None:
    assert read(PAPER + GATEWAY).instruments[1].organization == "acme"
    assert read(PAPER + GATEWAY + 'owner = "buyer"\n').instruments[1].organization == "buyer"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('owner = "acme"\n', "", ["pg-42", "owner", "whose it is"]),
        ('kind = "pressure_gauge"\n', "", ["pg-42", "kind", "no profile"]),
        ('unit = "MPa"\nrange', "range", ["pg-42", "unit", "UCUM"]),
        ('unit = "MPa"\nrange', 'unit = "Mpa"\nrange', ["pg-42", "Mpa", "MPa"]),
        ('owner = "acme"\n', 'owner = "acme"\ngateway = "gw-1"\n', ["pg-42", "profile"]),
        ("range_high = 1.6\n", "", ["pg-42", "range_high", "both ends"]),
        ("scale_interval = 0.05", "scale_interval = -1.0", ["pg-42", "scale_interval", "positive"]),
        ("since = 2019-07-01\n", "", ["pg-42", "since", "boiler-2"]),
        ('position = "boiler-2"\n', "", ["pg-42", "since", "position"]),
        ("state_since = 2026-06-01\n", "", ["pg-42", "state_since", "stored"]),
        ('state = "stored"\n', "", ["pg-42", "state_since", "state"]),
        ('use = "safety"\nput', 'use = "fun"\nput', ["use", "fun"]),
        ('id = "store"', 'id = "boiler-2"', ["boiler-2", "twice"]),
        ('id = "store"\norganization = "acme"', 'id = "store"\norganization = "other"', ["store", "region"]),
        ('regime = "periodic"', 'channel = "pressure"\nregime = "periodic"', ["legal.channel", "indication"]),
    ],
)
def test_a_device_with_one_fault_is_refused_and_the_fault_is_named(old: str, new: str, words: list[str]) -> None:
    assert old in PAPER
    with pytest.raises(ContractError) as caught:
        read(PAPER.replace(old, new, 1))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("until", ["", "until = 2019-08-01"])
def test_two_positions_on_one_day_are_refused_with_both_spans(until: str) -> None:
    table = f'[[placement]]\ninstrument = "pg-42"\nposition = "store"\nsince = 2019-07-01\n{until}\n'
    with pytest.raises(ContractError, match="end one on the day on which the other begins") as caught:
        read(PAPER + table)
    assert "from 2019-07-01 on" in str(caught.value)


def test_a_kind_other_than_the_profiles_is_refused() -> None:
    with pytest.raises(ContractError, match="pressure_transmitter"):
        read(PAPER + GATEWAY + 'kind = "pressure_gauge"\n')
