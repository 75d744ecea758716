"""One grammar for every name, and nothing that could mean two things on a topic, in a path or in a certificate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import (
    GRAMMAR,
    parse_channel_id,
    parse_gateway_id,
    parse_instrument_id,
    parse_instrument_kind,
)


@pytest.mark.parametrize("name", ["a", "em-0031", "voltage_l1", "0", "a" * 63, "gw-7"])
def test_names_inside_the_grammar_are_accepted_unchanged(name: str) -> None:
    assert parse_instrument_id(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "a/b", "a+b", "#", "-a", "a-", "_a", "a" * 64, "ä", "a b", "a\n", "a\x00", "..", None, 7, b"a"]
)
def test_names_outside_the_grammar_are_refused_with_field_value_and_remedy(name: object) -> None:
    with pytest.raises(IdentifierError, match="lower-case letters") as caught:
        parse_gateway_id(name, "gateway.id")
    assert caught.value.field == "gateway.id"
    assert caught.value.value == name


@given(st.from_regex(GRAMMAR, fullmatch=True))
def test_every_accepted_name_is_one_topic_level_and_one_path_segment(name: str) -> None:
    accepted = parse_channel_id(name)
    assert not set(accepted) & set("/+#\\. \x00")
    assert len(accepted.encode()) == len(accepted) <= 63


def test_a_long_value_is_shown_shortened_in_the_message() -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_instrument_id("x" * 100_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["weights", "water_meter", "ev_ac_charger", "pt100", "a" * 63])
def test_a_kind_of_instrument_is_lower_case_words(name: str) -> None:
    assert parse_instrument_kind(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Water_meter", "water-meter", "water meter", "_meter", "meter_", "a__b", "1_meter", "水表", "a" * 64, None],
)
def test_what_is_no_kind_of_instrument_is_refused(name: object) -> None:
    with pytest.raises(IdentifierError, match="lower-case words") as refused:
        parse_instrument_kind(name, "profile.kind")
    assert refused.value.value == name
