"""registry.toml: what goes in, and each kind of mistake named with its file, entry, value and remedy."""

import re
from collections.abc import Callable
from datetime import date

import pytest

from steelyard.calibration.catalogue import load_catalogue
from steelyard.calibration.mpe import limits_at
from steelyard.calibration.verification.regime import Regime
from steelyard.cli.registry_file import parse_registry
from steelyard.contracts.errors import ContractError, SettingsError
from steelyard.contracts.identifiers import InstrumentKind
from steelyard.contracts.profile import Profile, parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.contracts.registry import ServiceRelation

GOOD = """
[[organization]]
id = "acme"
name = "Acme"
kind = "enterprise"
region = "cn-zj"
[[organization]]
id = "inst"
name = "Institute"
kind = "institute"
region = "cn-zj"
serves = ["acme"]
[[organization]]
id = "other"
name = "Other Institute"
kind = "institute"
region = "cn-zj"
[[serves]]
institute = "other"
enterprise = "acme"
since = 2025-01-01
until = 2026-01-01
[[serves]]
institute = "other"
enterprise = "acme"
since = 2026-07-01
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
location = "Boiler house"
accuracy_class = "0.5"
[instrument.legal]
regime = "voluntary"
channel = "pressure"
period_months = 24
catalogue = "JJG 882-2019"
confidence = "M"
service_date = 2024-02-29
[instrument.legal.mpe]
unit = "MPa"
source = "JJG 882-2019, class 0.5"
rule = { type = "of_span", percent = 0.5, span = 1.6 }
[[instrument]]
id = "pg-1"
gateway = "gw-1"
name = "Reference gauge"
profile = "reference_gauge"
serial = "124"
location = "Boiler house"
accuracy_class = "0.1"
[[pair]]
instrument = "pt-1"
channel = "pressure"
reference_instrument = "pg-1"
reference_channel = "pressure"
expanded_uncertainty = 0.0008
[[event]]
id = "cert-1"
instrument = "pt-1"
kind = "calibration"
completed = 2025-03-01
decision = "passed"
performed_by = "Institute"
certificate = "C-1"
[[event.point]]
test_point = 0.8
unit = "MPa"
as_found = 0.001
expanded_uncertainty = 0.0012
"""


def profile_of(name: str) -> Profile:
    return parse_profile(builtin(name).read_text("utf-8"), name)


def test_a_registry_becomes_the_projects_own_types() -> None:
    file = parse_registry(GOOD, "registry.toml", profile_of)
    registration = file.registration
    first = registration.instruments[0]
    assert (first.organization, first.kind) == ("acme", InstrumentKind("pressure_transmitter"))
    assert {channel.id for channel in registration.channels if channel.instrument == "pt-1"} == {
        "pressure",
        "sensor_temperature",
        "seal",
    }
    (legal,) = registration.legal_statuses
    assert legal.regime is Regime.VOLUNTARY
    assert limits_at(legal.mpe, 0.8).upper == pytest.approx(0.008)
    assert registration.reference_pairs[0].standard_uncertainty == pytest.approx(0.0004)
    assert file.events[0].points[0].as_found == 0.001
    assert file.events[0].imported_from == "registry.toml"
    assert registration.service_relations == [
        ServiceRelation(institute="inst", enterprise="acme"),
        ServiceRelation(institute="other", enterprise="acme", since=date(2025, 1, 1), until=date(2026, 1, 1)),
        ServiceRelation(institute="other", enterprise="acme", since=date(2026, 7, 1)),
    ]


def profile_calling_itself(kind: str) -> Callable[[str], Profile]:
    def profile(name: str) -> Profile:
        text = builtin(name).read_text("utf-8")
        return parse_profile(re.sub(r'^kind = ".*"$', f'kind = "{kind}"', text, flags=re.MULTILINE), name)

    return profile


def test_a_kind_that_the_catalogue_does_not_have_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"instrument 'pt-1'.*'pressure_transmiter'.*pressure_transmitter"):
        parse_registry(GOOD, "registry.toml", profile_calling_itself("pressure_transmiter"))


def test_a_profile_may_call_its_kind_as_it_was_called_before() -> None:
    file = parse_registry(GOOD, "registry.toml", profile_calling_itself("weighing_instrument"))
    assert {each.kind for each in file.registration.instruments} == {"digital_indicating_scale"}


def test_a_kind_of_an_operators_own_file_is_known_where_the_file_is_given() -> None:
    gauge = load_catalogue([('id = "pressure_gauge"\naliases = ["house_gauge"]\n', "own.toml")])
    file = parse_registry(GOOD, "registry.toml", profile_calling_itself("house_gauge"), catalogue=gauge)
    assert {each.kind for each in file.registration.instruments} == {"pressure_gauge"}


def test_the_limits_may_be_a_class_of_a_table() -> None:
    old = 'source = "JJG 882-2019, class 0.5"\nrule = { type = "of_span", percent = 0.5, span = 1.6 }'
    assert old in GOOD
    text = GOOD.replace(old, 'table = "en-837"\nclass = "0.6"\nspan = 1.6')
    (legal,) = parse_registry(text, "registry.toml", profile_of).registration.legal_statuses
    assert limits_at(legal.mpe, 0.8).upper == pytest.approx(0.0096)  # EN 837-1: 0.6 % of 1.6 MPa
    assert legal.mpe.table is not None
    assert legal.mpe.table.accuracy_class == "0.6"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('serial = "123"', 'serail = "123"', ["registry.toml", "serail", "did you mean 'serial'"]),
        ('id = "pg-1"', 'id = "pt-1"', ["pt-1", "twice"]),
        ('gateway = "gw-1"\nname = "Boiler', 'gateway = "gw-9"\nname = "Boiler', ["pt-1", "gw-9", "[[gateway]]"]),
        ('profile = "pressure_transmitter"', 'profile = "nothing"', ["pt-1", "nothing", "sdm630"]),
        ('channel = "pressure"\nperiod', 'channel = "preassure"\nperiod', ["pt-1", "preassure"]),
        ('unit = "MPa"\nsource', 'unit = "bar"\nsource', ["pt-1", "bar", "MPa"]),
        ("percent = 0.5", "percent = -0.5", ["pt-1", "legal.mpe: rule.percent"]),
        (
            'rule = { type = "of_span", percent = 0.5, span = 1.6 }',
            'table = "en-873"',
            ["pt-1", "did you mean 'en-837'"],
        ),
        ('regime = "voluntary"', 'regime = "sometimes"', ["regime", "sometimes"]),
        ("period_months = 24\n", "", ["pt-1", "period_months"]),
        ("expanded_uncertainty = 0.0008", "expanded_uncertainty = 0.0", ["pt-1", "expanded_uncertainty"]),
        ('reference_instrument = "pg-1"', 'reference_instrument = "pt-1"', ["pt-1", "another instrument"]),
        ("as_found = 0.001\n", "", ["cert-1", "as_left"]),
        ("as_found = 0.001", "as_found = nan", ["cert-1", "as_found"]),
        ("completed = 2025-03-01", "completed = 2025-02-30", ["registry.toml", "TOML"]),
        ('id = "acme"', 'id = "Acme"', ["Acme", "lower-case"]),
        ('serves = ["acme"]', 'serves = ["Acme"]', ["inst", "Acme", "lower-case"]),
        ('serves = ["acme"]', 'server = ["acme"]', ["server", "did you mean 'serves'"]),
        ('kind = "enterprise"', 'kind = "enterprise"\nserves = ["acme"]', ["acme", "serves", "an institute serves"]),
        ('institute = "other"', 'institute = "inst"', ["inst serves acme", "from the beginning on", "2025-01-01"]),
        ("since = 2026-07-01", "since = 2025-07-01", ["other serves acme", "2025-07-01", "until 2026-01-01"]),
        ("until = 2026-01-01", "until = 2025-01-01", ["other", "2025-01-01", "after `since`"]),
        ("public_key = ", 'public_key = "x" #', ["gw-1", "public_key", "steelyard key"]),
    ],
)
def test_a_registry_with_one_fault_is_refused_and_the_fault_is_named(old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(ContractError) as caught:
        parse_registry(GOOD.replace(old, new, 1), "registry.toml", profile_of)
    for word in words:
        assert word in str(caught.value)


AGAIN = """
[[event]]
id = "cert-2"
instrument = "pg-1"
kind = "calibration"
completed = 2025-03-01
decision = "passed"
performed_by = "Institute"
certificate = "C-1"
"""


def test_one_certificate_number_for_two_events_is_refused_and_both_are_named() -> None:
    """L16."""
    with pytest.raises(ContractError) as caught:
        parse_registry(GOOD + AGAIN, "registry.toml", profile_of)
    for word in ("registry.toml", "cert-1", "cert-2", "C-1", "items", "supersedes"):
        assert word in str(caught.value)
    other_body = AGAIN.replace('"Institute"', '"Another"')
    assert len(parse_registry(GOOD + other_body, "registry.toml", profile_of).events) == 2
    corrected = AGAIN.replace('"pg-1"', '"pt-1"') + 'supersedes = "cert-1"\n'
    assert parse_registry(GOOD + corrected, "registry.toml", profile_of).events[1].supersedes == "cert-1"


def test_one_certificate_for_many_instruments_names_them_all() -> None:
    both = 'items = ["pt-1", "pg-1"]\n'
    file = parse_registry(GOOD + AGAIN + both, "registry.toml", profile_of)
    assert file.items == {"cert-2": ("pt-1", "pg-1")}
    for wrong in ('items = ["pt-1"]\n', 'items = ["pt-1", "pg-1", "pg-1"]\n'):
        with pytest.raises(ContractError, match="name every instrument once"):
            parse_registry(GOOD + AGAIN + wrong, "registry.toml", profile_of)
    with pytest.raises(ContractError, match="cert-1"):
        parse_registry(GOOD + AGAIN.replace("2025-03-01", "2025-03-02") + both, "registry.toml", profile_of)


OPENED = """
[[event]]
id = "s-1"
instrument = "pt-1"
kind = "seal_opened"
completed = 2026-05-02
completed_at = {at}
decision = "none"
performed_by = "acme"
"""


def test_the_hour_of_an_event_is_kept_as_an_instant() -> None:
    text = GOOD + OPENED.format(at="2026-05-02T10:30:00+08:00")
    event = parse_registry(text, "registry.toml", profile_of).events[-1]
    assert event.completed_at_ns == 1_777_689_000 * 10**9  # 02:30 UTC
    assert event.limited_to is None


@pytest.mark.parametrize(("at", "words"), [("2026-05-02T10:30:00", "offset"), ("2026-06-02T10:30:00Z", "not on")])
def test_an_hour_that_cannot_be_right_is_refused(at: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        parse_registry(GOOD + OPENED.format(at=at), "registry.toml", profile_of)
