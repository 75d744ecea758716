"""`steelyard calc conformity`: the contract that programs rely on."""

import json
import math

import pytest

from steelyard.cli.main import main


def run(tmp_path, capsys, document):
    """Exit status, what was printed as JSON, and the message."""
    file = tmp_path / "conformity.json"
    file.write_text(json.dumps(document))
    status = main(["calc", "conformity", str(file), "--json"])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def test_one_result_against_an_upper_limit(tmp_path, capsys):
    # JCGM 106:2012, zener diode: p_c = 0.92.
    status, found, _ = run(tmp_path, capsys, {"upper": -5.4, "value": -5.47, "standard_uncertainty": 0.05})
    assert status == 0
    assert found["conformance_probability"] == pytest.approx(0.92, abs=0.005)
    assert found["probability_nonconforming"] == pytest.approx(1.0 - found["conformance_probability"])
    assert found["decision"] == "accept"
    assert "test_uncertainty_ratio" not in found  # one limit has no width


# suncal's "Dilip's risk spreadsheet": mean, total nonconforming.
@pytest.mark.parametrize(("value", "total"), [(10.0, 0.01242), (10.5, 0.10574), (12.0, 0.99379)])
def test_one_result_between_two_limits(tmp_path, capsys, value, total):
    document = {"lower": 9.0, "upper": 11.0, "value": value, "standard_uncertainty": 0.4}
    status, found, _ = run(tmp_path, capsys, document)
    assert status == 0
    assert found["probability_nonconforming"] == pytest.approx(total, abs=5e-6)
    assert found["test_uncertainty_ratio"] == pytest.approx(1.25)


def test_degrees_of_freedom_and_expanded_uncertainty(tmp_path, capsys):
    document = {"lower": -2.0, "upper": 2.0, "value": 0.0, "expanded_uncertainty": 2.0, "degrees_of_freedom": 4}
    _, found, _ = run(tmp_path, capsys, document)
    assert found["conformance_probability"] == pytest.approx(0.883883476483184)  # t, 4 degrees of freedom


# D. Deaver 1993: limit, ratio, factor, consumer's risk and its tolerance.
@pytest.mark.parametrize(
    ("limit", "ratio", "factor", "consumer", "digits"),
    [
        (2.0, 4.0, 1.0, 0.008, 1e-4),
        (2.5, 4.0, 1.0, 0.0025, 1e-4),
        (2.5, 1.0, 1.0, 0.005, 1e-3),
        (2.0, 2.0, 0.91, 0.008, 5e-4),
    ],
)
def test_risks_with_a_prior(tmp_path, capsys, limit, ratio, factor, consumer, digits):
    document = {
        "lower": -limit,
        "upper": limit,
        "prior": {"value": 0.0, "standard_uncertainty": 1.0},
        "measurement_standard_uncertainty": 1.0 / ratio,
        "acceptance": {"lower": -limit * factor, "upper": limit * factor},
    }
    status, found, _ = run(tmp_path, capsys, document)
    assert status == 0
    assert found["global_consumer_risk"] == pytest.approx(consumer, abs=digits)
    assert found["test_uncertainty_ratio"] == pytest.approx(limit * ratio / 2.0)
    assert found["conditional_false_accept"] == pytest.approx(
        found["global_consumer_risk"] / found["acceptance_probability"]
    )


def test_acceptance_limits_from_a_target(tmp_path, capsys):
    document = {
        "lower": -2.0,
        "upper": 2.0,
        "prior": {"distribution": "normal", "value": 0.0, "standard_uncertainty": 1.0},
        "measurement_standard_uncertainty": 0.5,
        "target_consumer_risk": 0.008,
    }
    _, found, _ = run(tmp_path, capsys, document)
    assert found["global_consumer_risk"] == pytest.approx(0.008, rel=1e-6)
    assert found["acceptance_limits"]["upper"] == pytest.approx(1.82, abs=0.01)
    assert found["simple_acceptance"]["global_consumer_risk"] > 0.008


def test_any_quantity_may_be_the_prior(tmp_path, capsys):
    for prior in (
        {"distribution": "rectangular", "value": 0.0, "half_width": 1.5},
        {"distribution": "arcsine", "lower": -1.5, "upper": 1.5},
        {"observations": [0.1, -0.2, 0.3, 0.0]},
        {"distribution": "exponential", "value": 0.7},
    ):
        document = {"upper": 1.0, "prior": prior, "measurement_standard_uncertainty": 0.1}
        status, found, _ = run(tmp_path, capsys, document)
        assert status == 0
        assert 0.0 < found["global_consumer_risk"] < 0.1


def test_a_value_with_a_prior_is_judged_by_both(tmp_path, capsys):
    document = {
        "upper": 1.0,
        "value": 1.0,
        "prior": {"value": 0.0, "standard_uncertainty": 1.0},
        "measurement_standard_uncertainty": 0.5,
    }
    _, found, _ = run(tmp_path, capsys, document)
    assert found["posterior"]["value"] == pytest.approx(0.8)
    assert found["conformance_probability"] == pytest.approx(0.672639576990712)


def test_a_target_without_a_prior_bounds_the_specific_risk(tmp_path, capsys):
    document = {"upper": 10.0, "value": 9.5, "standard_uncertainty": 0.5, "target_consumer_risk": 0.05}
    _, found, _ = run(tmp_path, capsys, document)
    assert found["acceptance_limits"] == {"lower": None, "upper": pytest.approx(10.0 - 0.5 * 1.6448536269514722)}
    assert found["decision"] == "reject"
    _, impossible, _ = run(tmp_path, capsys, document | {"lower": 9.9})
    assert impossible["acceptance_limits"] is None
    assert "target_consumer_risk" in impossible["reason"]
    assert "decision" not in impossible


@pytest.mark.parametrize(
    ("band", "limit"), [("u", 9.0), (0.25, 9.75), ("rss", 10.0 * math.sqrt(1.0 - 0.01)), (0, 10.0)]
)
def test_a_guard_band_by_rule_or_width(tmp_path, capsys, band, limit):
    document = {"lower": -10.0, "upper": 10.0, "value": 9.9, "standard_uncertainty": 0.5, "guard_band": band}
    _, found, _ = run(tmp_path, capsys, document)
    assert found["acceptance_limits"]["upper"] == pytest.approx(limit)


def test_a_tolerance_by_accuracy_class(tmp_path, capsys):
    # OIML R 76-1: class III, 600 e, in service 2 e.
    tolerance = {"table": "oiml-r76", "class": "III", "phase": "in_use", "at": {"load": 600}, "parameters": {"e": 1}}
    _, found, _ = run(tmp_path, capsys, {"tolerance": tolerance, "value": 1.2, "standard_uncertainty": 0.3})
    assert found["tolerance"] == {"lower": -2.0, "upper": 2.0}
    assert found["one_third_rule"] is True
    status, _, message = run(
        tmp_path, capsys, {"tolerance": tolerance | {"class": "V"}, "value": 1.2, "standard_uncertainty": 0.3}
    )
    assert status == 2
    assert "tolerance.class" in message


def test_a_tolerance_from_a_table_of_ones_own(tmp_path, capsys):
    own = tmp_path / "own.toml"
    own.write_text(
        '[[table]]\nid = "house"\ntitle = "house rule"\nvariable = "value"\nunit = "V"\nclasses = ["x"]\n'
        'source = { document = "quality manual", edition = "3", clause = "4", confidence = "H" }\n'
        "phases = { first = 1.0 }\n[[table.entry]]\n"
        'rule = { type = "relative", percent = 1.0 }\n'
    )
    tolerance = {"file": str(own), "table": "house", "class": "x", "at": {"value": 10.0}, "nominal": 10.0}
    _, found, _ = run(tmp_path, capsys, {"tolerance": tolerance, "value": 10.05, "standard_uncertainty": 0.02})
    assert found["tolerance"] == {"lower": pytest.approx(9.9), "upper": pytest.approx(10.1)}


REFUSED = [
    ({"lower": 1, "upper": 0, "value": 1, "standard_uncertainty": 1}, "upper"),
    ({"upper": 0, "value": 1, "standard_uncertainty": -1}, "standard_uncertainty"),
    ({"upper": 0, "value": math.nan, "standard_uncertainty": 1}, "value"),
    ({"upper": math.nan, "value": 0, "standard_uncertainty": 1}, "upper"),
    ({"value": 1, "standard_uncertainty": 1}, "lower"),
    ({"upper": 1, "value": 1}, "standard_uncertainty"),
    ({"upper": 1, "standard_uncertainty": 1}, "value"),
    ({"upper": 1}, "value"),
    ({"upper": 1, "value": 1, "standard_uncertainty": 1, "target_consumer_risk": 2}, "target_consumer_risk"),
    ({"upper": 1, "value": 1, "standard_uncertainty": 1, "degrees_of_freedom": 0}, "degrees_of_freedom"),
    ({"upper": 1, "prior": {"value": 1}, "measurement_standard_uncertainty": 1}, "prior"),
    ({"upper": 1, "prior": {"value": 1, "standard_uncertainty": 1}}, "measurement_standard_uncertainty"),
    (
        {"upper": 1, "prior": {"value": 1, "standard_uncertainty": -1}, "measurement_standard_uncertainty": 1},
        "prior.standard_uncertainty",
    ),
    (
        {"upper": 1, "value": 1, "standard_uncertainty": 1, "acceptance": {"lower": 2, "upper": 1}},
        "acceptance.upper",
    ),
    ({"upper": 1, "value": 1, "standard_uncertanty": 1}, "standard_uncertanty"),
    ({"upper": 1, "value": 1, "standard_uncertainty": 1, "guard_band": "rss"}, "guard_band"),
    ({"lower": 0, "upper": 1, "value": 1, "standard_uncertainty": 1, "guard_band": 0.5}, "guard_band"),
]


@pytest.mark.parametrize(("document", "field"), REFUSED)
def test_bad_input_is_status_2_and_one_message_that_names_the_field(tmp_path, capsys, document, field):
    status, found, message = run(tmp_path, capsys, document)
    assert status == 2
    assert found is None
    assert len(message.strip().splitlines()) == 1
    assert f": {field}: " in message


def test_people_get_a_table_and_a_picture(tmp_path, capsys):
    file = tmp_path / "conformity.toml"
    file.write_text(
        "lower = -2.0\nupper = 2.0\nvalue = 1.7\nstandard_uncertainty = 0.5\ntarget_consumer_risk = 0.01\n"
        "[prior]\nvalue = 0.0\nstandard_uncertainty = 1.0\n"
    )
    pytest.importorskip("matplotlib")
    picture = tmp_path / "conformity.svg"
    assert main(["calc", "conformity", str(file), "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "global consumer's risk" in printed
    assert "guard band" in printed
    assert picture.read_text().startswith("<?xml")
