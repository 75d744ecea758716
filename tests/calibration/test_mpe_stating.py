"""An MPE as registers and the catalogue state it: written out, or by class of a table."""

import json

import pytest

from steelyard.calibration.errors import MpeError
from steelyard.calibration.mpe import (
    Confidence,
    Phase,
    builtin_tables,
    decode_mpe,
    encode_mpe,
    limits_at,
    load_tables,
    parse_mpe,
)
from steelyard.contracts.units import UNITS

SCALE = {"table": "oiml-r76", "class": "III", "e": 1, "unit": "kg"}
WATER = {"table": "mid-mi001", "class": 2, "Q1": 0.025, "Q2": 0.04, "Q4": 3.125}


# OIML R 76-1:2006, table 6: class, load in e, MPE in e; a step's last load belongs to it.
@pytest.mark.parametrize(
    ("accuracy_class", "load", "expected"),
    [
        ("III", 0, 0.5),
        ("III", 500, 0.5),
        ("III", 501, 1.0),
        ("III", 2_000, 1.0),
        ("III", 2_001, 1.5),
        ("III", 10_000, 1.5),
        ("II", 5_000, 0.5),
        ("II", 20_001, 1.5),
        ("I", 50_000, 0.5),
        ("I", 200_000, 1.0),
        ("I", 3_000_000, 1.5),
        ("IIII", 50, 0.5),
        ("IIII", 1_000, 1.5),
    ],
)
@pytest.mark.parametrize("e", [0.002, 0.1, 1.0])
def test_a_class_of_a_table_gives_its_limits(accuracy_class, load, expected, e):
    mpe = parse_mpe(SCALE | {"class": accuracy_class, "e": e}, "test")
    assert limits_at(mpe, load * e) == pytest.approx((-expected * e, expected * e))
    assert limits_at(mpe, load * e, phase=Phase.IN_USE).upper == pytest.approx(2.0 * expected * e)


def test_three_tenths_are_not_beyond_three_tenths():
    # Class IIII, e = 0.006 kg: the first step ends at 50 e = 0.3 kg.
    mpe = parse_mpe(SCALE | {"class": "IIII", "e": 0.006}, "test")
    assert limits_at(mpe, 3 * 0.1) == limits_at(mpe, 0.3) == (-0.003, 0.003)


def test_beyond_the_last_zone_nothing_is_permitted_or_forbidden_but_said():
    with pytest.raises(MpeError, match="zones reach: load from 0 to 10000"):
        limits_at(parse_mpe(SCALE, "test"), 10_001.0)


# IEC 60751: class, t in degC, tolerance in degC as printed.
@pytest.mark.parametrize(
    ("tolerance_class", "t", "expected"),
    [("AA", 0, 0.10), ("A", 100, 0.35), ("B", -200, 1.3), ("B", 100, 0.8), ("B", 600, 3.3), ("C", 0, 0.6)],
)
def test_a_table_in_one_unit_needs_none(tolerance_class, t, expected):
    mpe = parse_mpe({"table": "iec-60751", "class": tolerance_class}, "test")
    assert (mpe.unit, mpe.limit_unit) == ("Cel", "Cel")
    assert limits_at(mpe, t).upper == pytest.approx(expected, rel=1e-12)
    kelvin = parse_mpe({"table": "iec-60751", "class": tolerance_class, "unit": "K"}, "test")
    assert limits_at(kelvin, t + 273.15).upper == pytest.approx(expected, rel=1e-12)


def test_gauges_by_span():
    # EN 837-1: class 1.6 over 0 to 10 bar; JJG 52-2013: in the last tenth one class wider.
    gauge = {"class": "1.6", "span": 10, "unit": "bar"}
    assert limits_at(parse_mpe(gauge | {"table": "en-837"}, "test"), 3.0).upper == pytest.approx(0.16)
    general = parse_mpe(gauge | {"table": "jjg-52"}, "test")
    assert [limits_at(general, p).upper for p in (8.9, 9.0, 10.0)] == pytest.approx([0.16, 0.25, 0.25])


def test_a_weight_in_kilograms_has_limits_in_milligrams():
    # OIML R 111-1:2004, table 1: 20 kg of class F1 within 100 mg.
    mpe = parse_mpe({"table": "oiml-r111", "class": "F1", "unit": "kg"}, "test")
    assert mpe.limit_unit == "mg"
    assert limits_at(mpe, 20.0) == (-100.0, 100.0)


def test_a_water_meter_of_the_directive():
    # Directive 2014/32/EU, annex III: class 2, 5 % from Q1, 2 % from Q2 to Q4, 3 % of water above 30 degC.
    by_volume = parse_mpe(WATER | {"unit": "m3"}, "test")
    assert by_volume.limit_unit == "%"
    assert by_volume.others == {"flow", "temperature"}
    assert limits_at(by_volume, {"value": 0.1, "flow": 0.03}) == (-5.0, 5.0)
    assert limits_at(by_volume, {"value": 0.1, "flow": 0.04, "temperature": 20.0}) == (-2.0, 2.0)
    assert limits_at(by_volume, {"flow": 3.125, "temperature": 31.0}) == (-3.0, 3.0)
    with pytest.raises(MpeError, match="flow: is missing"):
        limits_at(by_volume, 0.1)
    with pytest.raises(MpeError, match=r"zones reach: flow from 0\.025 to 3\.125"):
        limits_at(by_volume, {"flow": 0.02})
    by_flow = parse_mpe(WATER | {"unit": "m3/h"}, "test")
    assert limits_at(by_flow, 0.03) == (-5.0, 5.0)


def test_heat_meters_add_their_parts():
    # Directive 2014/32/EU, annex VI (recalled): class 2, qp/q = 10, 30 K from at least 3 K.
    stated = {"table": "mid-mi004", "class": "2", "qp": 10, "dTmin": 3, "circumstance": "complete", "unit": "kW.h"}
    mpe = parse_mpe(stated, "test")
    assert limits_at(mpe, {"flow": 1.0, "temperature_difference": 30.0}).upper == pytest.approx(3.6)


def test_a_phase_that_a_table_is_silent_about_has_the_limits_of_verification():
    mpe = parse_mpe(WATER | {"unit": "m3/h", "in_use_factor": 2.0}, "test")
    assert limits_at(mpe, 0.03, phase=Phase.FIRST) == limits_at(mpe, 0.03) == (-5.0, 5.0)
    assert limits_at(mpe, 0.03, phase=Phase.IN_USE) == (-10.0, 10.0)


def test_phases_that_differ_are_kept_apart():
    # Arrete du 21 octobre 2010, annexe V: diaphragm meters 3 and 2 % first, 4 % later.
    stated = {"table": "fr-2010-gas", "class": "diaphragm", "Qmin": 0.04, "Qmax": 6.0, "unit": "m3/h"}
    mpe = parse_mpe(stated, "test")
    assert [limits_at(mpe, q, phase=Phase.FIRST).upper for q in (0.05, 3.0)] == [3.0, 2.0]
    assert [limits_at(mpe, q).upper for q in (0.05, 3.0)] == [4.0, 4.0]


def test_a_range_that_ends_before_it_begins_is_none():
    # Arrete du 21 octobre 2010, annexe V, other meters: 2 % from Qmin, 1 % from 0.2 Qmax; Qmin is above 0.2 Qmax here.
    stated = {"table": "fr-2010-gas", "class": "other", "Qmin": 2.0, "Qmax": 6.0, "unit": "m3/h"}
    assert limits_at(parse_mpe(stated, "test"), 2.0, phase=Phase.FIRST).upper == 1.0


def test_a_table_for_use_says_nothing_of_verification():
    # Arrete du 6 mars 2007, article 5.
    stated = {"table": "fr-2007-water-in-service", "class": "Q3 below 16 m3/h", "Q3": 2.5, "unit": "m3/h"}
    mpe = parse_mpe(stated, "test")
    assert limits_at(mpe, 1.0, phase=Phase.IN_USE) == (-4.0, 4.0)
    with pytest.raises(MpeError, match="speak of in_use only"):
        limits_at(mpe, 1.0)


def test_a_new_edition_of_a_table_does_not_move_what_was_laid_down():
    text = """
[[table]]
id = "house"
title = "house rule"
variable = "value"
unit = "V"
classes = ["x"]
source = { document = "quality manual", edition = "3", clause = "4.2", confidence = "L" }
phases = { first = 1.0 }
[[table.entry]]
rule = { type = "absolute", limit = 1.0 }
"""
    old = parse_mpe({"table": "house", "class": "x"}, "test", tables=load_tables(text, "own.toml"))
    stored = encode_mpe(old)
    new = parse_mpe(
        {"table": "house", "class": "x"}, "test", tables=load_tables(text.replace('1.0 }\n"""', "2.0 }"), "own.toml")
    )
    assert limits_at(decode_mpe(stored), 0.0) == (-1.0, 1.0)
    assert new.source == old.source == "quality manual, 3, 4.2"
    assert old.table.confidence is Confidence.LOW


def test_what_stands_behind_the_limits_can_be_shown():
    mpe = parse_mpe(SCALE | {"e": 0.5}, "test")
    assert (mpe.table.id, mpe.table.accuracy_class, mpe.table.parameters) == ("oiml-r76", "III", {"e": 0.5})
    assert mpe.origin.endswith("class III, e = 0.5")
    assert mpe.origin.startswith("OIML R 76-1")


@pytest.mark.parametrize("table", builtin_tables().values(), ids=builtin_tables())
def test_every_class_of_every_table_can_be_stated_stored_and_read(table):
    for accuracy_class in table.classes:
        for circumstance in {entry.circumstance for entry in table.entries}:
            parameters = {name: float(place) for place, name in enumerate(table.parameters, start=1)}
            of_quantity = {"mass": "kg", "pressure": "bar", "energy": "kW.h"}
            unit = {} if table.unit in UNITS else {"unit": of_quantity.get(table.quantity, "m3/h")}
            stated = {"table": table.id, "class": accuracy_class, **unit, **parameters}
            if circumstance is not None:
                stated["circumstance"] = circumstance
            mpe = parse_mpe(stated, "test")
            assert decode_mpe(encode_mpe(mpe)) == mpe
            assert parse_mpe(json.loads(encode_mpe(mpe)), "test") == mpe


def test_a_rule_written_out():
    mpe = parse_mpe(
        {
            "unit": "kPa",
            "source": "JJG 692-2010",
            "rule": {"type": "absolute", "limit": 0.5},
            "phases": {"first": {"type": "absolute", "limit": 0.4}},
        },
        "test",
    )
    assert limits_at(mpe, 20.0, phase=Phase.FIRST).upper == 0.4
    assert mpe.origin == "JJG 692-2010"


RULE = {"unit": "kg", "source": "t", "rule": {"type": "absolute", "limit": 1.0}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SCALE | {"table": "oiml-r67"}, ["table", "did you mean 'oiml-r76'"]),
        (SCALE | {"table": "x"}, ["table", "there are en-837"]),
        (SCALE | {"table": 5}, ["table"]),
        (SCALE | {"class": "V"}, ["class", "'V'", "I, II, III, IIII"]),
        ({"table": "oiml-r76", "e": 1, "unit": "kg"}, ["class", "I, II, III, IIII"]),
        ({"table": "oiml-r76", "class": "III", "unit": "kg"}, ["reg: e:", "verification scale interval"]),
        (SCALE | {"e": -1}, ["reg: e:", "positive"]),
        (SCALE | {"e": "1"}, ["reg: e:", "as a number"]),
        (SCALE | {"f": 1}, ["reg: f:", "it has e"]),
        ({"table": "oiml-r76", "class": "III", "e": 1}, ["unit", "is missing"]),
        (SCALE | {"unit": "kgg"}, ["unit", "did you mean kg"]),
        (SCALE | {"unit": "bar"}, ["unit", "mass"]),
        (SCALE | {"in_use_factor": 3}, ["in_use_factor", "leave it out"]),
        (SCALE | {"circumstance": "at sea"}, ["circumstance", "none"]),
        (WATER | {"unit": "m3", "in_use_factor": 0.5}, ["in_use_factor", "1 or more"]),
        ({"table": "mid-mi004", "class": "2", "qp": 1, "dTmin": 3, "unit": "m3/h"}, ["circumstance", "calculator"]),
        (RULE | {"unit": "kgg"}, ["unit", "did you mean kg"]),
        (RULE | {"limit_unit": "furlong"}, ["limit_unit"]),
        (RULE | {"sourse": "t"}, ["sourse", "did you mean 'source'"]),
        (RULE | {"rule": {"type": "wrong"}}, ["rule.type", "absolute, relative"]),
        (RULE | {"rule": {"type": "absolute", "limit": -1.0}}, ["rule.limit", "-1.0"]),
        (RULE | {"rule": {"type": "absolute", "limitt": 1.0}}, ["rule.limitt", "did you mean 'limit'"]),
        ({"unit": "kg", "source": "t"}, ["rule", "is missing"]),
        ({"unit": "kg", "rule": RULE["rule"]}, ["source", "is missing"]),
    ],
)
def test_a_statement_with_one_fault_is_refused_and_the_fault_is_named(data, words):
    with pytest.raises(MpeError) as caught:
        parse_mpe(data, "reg")
    assert caught.value.field.startswith("reg: ")
    for word in words:
        assert word in str(caught.value)
