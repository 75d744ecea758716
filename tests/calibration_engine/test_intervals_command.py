"""`steelyard calc interval`: the contract that programs rely on."""

import json
import math

import pytest

from steelyard.cli.main import main

RESULTS = [1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0]
A3 = {"method": "A3", "pass_fail": RESULTS, "current_interval_days": 365, "target": 0.95}
S2 = {
    "method": "S2",
    "times": [4, 7, 10, 13, 21, 28, 40, 48],
    "calibrations": [4, 6, 14, 13, 22, 49, 18, 6],
    "in_tolerance": [4, 5, 9, 8, 12, 20, 9, 2],
    "target": 0.75,
    "unit": "weeks",
}
VARIABLES = {
    "method": "variables",
    "times": [70, 86, 104, 135, 167, 173],
    "changes": [0.1, 0.11, 0.251, 0.299, 0.403, 0.615],
    "initial_standard_uncertainty": 0.28,
    "initial_value": 10.03,
    "order": 2,
}
CHART = {"method": "control-chart", "times": [0, 365, 730], "errors": [0.1, 0.16, 0.2], "lower": -0.5, "upper": 0.5}


def run(tmp_path, capsys, document):
    """Exit status, what was printed as JSON, and the message."""
    file = tmp_path / "interval.json"
    file.write_text(json.dumps(document))
    status = main(["calc", "interval", str(file), "--json"])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def test_a3_of_the_ncsli_tutorial(tmp_path, capsys):
    # NCSLI 2019 tutorial, asset 1.
    status, found, _ = run(tmp_path, capsys, A3 | {"confidence": 0.5, "max_change_factor": 2})
    assert status == 0
    assert found["interval_days"] == pytest.approx(231, abs=0.5)
    assert found["observed_reliability"] == 0.75
    assert found["reliability_interval"] == [pytest.approx(0.6516, abs=5e-5), pytest.approx(0.8286, abs=5e-5)]
    assert found["rejection_confidence"] == pytest.approx(0.9949, abs=5e-5)


def test_a3_of_suncals_made_up_asset(tmp_path, capsys):
    document = A3 | {"pass_fail": [True] * 42 + [False] * 8, "target": 0.9, "confidence": 0.3}
    _, found, _ = run(tmp_path, capsys, document)
    assert found["interval_days"] == pytest.approx(329, abs=0.5)
    assert found["reliability_interval"] == [pytest.approx(0.8067, abs=5e-5), pytest.approx(0.8664, abs=5e-5)]
    assert found["rejection_confidence"] == pytest.approx(0.7557, abs=5e-5)


def test_a3_by_counts(tmp_path, capsys):
    counted = {key: value for key, value in A3.items() if key != "pass_fail"} | {"in_tolerance": 15, "calibrations": 20}
    _, found, _ = run(tmp_path, capsys, counted)
    assert found["interval_days"] == pytest.approx(231, abs=0.5)


def test_one_calibration_is_null_with_a_reason(tmp_path, capsys):
    status, found, _ = run(tmp_path, capsys, A3 | {"pass_fail": [1]})
    assert status == 0
    assert found["interval_days"] is None
    assert "fewer than 2" in found["reason"]


def test_weibull_is_in_the_unit_of_its_scale(tmp_path, capsys):
    document = {"method": "weibull", "scale": 1000, "shape": 1.5, "target": 0.9}
    _, found, _ = run(tmp_path, capsys, document)
    assert found["interval"] == pytest.approx(1000 * (-math.log(0.9)) ** (1 / 1.5))
    assert "interval_days" not in found


def test_s2_on_table_d_1_of_rp_1(tmp_path, capsys):
    status, found, _ = run(tmp_path, capsys, S2)
    assert status == 0
    assert found["interval"] == pytest.approx(7.9200391, rel=1e-6)
    assert "interval_days" not in found  # weeks
    assert found["models"]["exponential"]["interval"] == pytest.approx(10.2320088, rel=1e-6)
    _, one, _ = run(tmp_path, capsys, S2 | {"model": "weibull"})
    assert one["model"] == "weibull"
    assert one["interval"] == pytest.approx(6.9578177, rel=1e-6)


def test_s2_without_a_failure_is_null_with_a_reason(tmp_path, capsys):
    document = {"method": "S2", "times": [100, 200, 300], "pass_fail": [1, 1, 1], "target": 0.9}
    status, found, _ = run(tmp_path, capsys, document)
    assert status == 0
    assert found["interval_days"] is None
    assert "all 3 calibrations were in tolerance" in found["reason"]


def test_variables_of_the_nasa_handbook(tmp_path, capsys):
    _, both, _ = run(tmp_path, capsys, VARIABLES | {"lower": 9, "upper": 11, "target": 0.9})
    assert both["interval_days"] == pytest.approx(140.1, abs=0.05)
    _, upper, _ = run(tmp_path, capsys, VARIABLES | {"upper": 11, "target": 0.9})
    assert upper["interval_days"] == pytest.approx(171.75, abs=0.005)
    _, spread, _ = run(tmp_path, capsys, VARIABLES | {"uncertainty_target": 0.5})
    assert spread["interval_days"] == pytest.approx(327.15, abs=0.005)
    assert spread["residual_standard_deviation"] == pytest.approx(0.0708, abs=5e-5)
    _, wrong_way, _ = run(tmp_path, capsys, VARIABLES | {"initial_value": 9.03, "lower": 9, "target": 0.9})
    assert wrong_way["interval_days"] is None
    assert "at calibration already" in wrong_way["reason"]
    _, few, _ = run(tmp_path, capsys, VARIABLES | {"times": [70], "changes": [0.1], "uncertainty_target": 0.5})
    assert few["interval"] is None
    assert "degree of freedom" in few["reason"]


def test_the_handbooks_own_symbols_do_as_well(tmp_path, capsys):
    document = {
        "method": "variables",
        "dt": VARIABLES["times"],
        "delta": VARIABLES["changes"],
        "u0": 0.28,
        "y0": 10.03,
        "order": 2,
        "tolerance": [9, 11],
        "reliability_target": 0.9,
        "uncertainty_target": 0.5,
    }
    _, found, _ = run(tmp_path, capsys, document)
    assert found["by_uncertainty"]["interval"] == pytest.approx(327.15, abs=0.005)
    assert found["interval"] == found["by_reliability"]["interval"] == pytest.approx(140.1, abs=0.05)


def test_the_staircase_follows_the_results(tmp_path, capsys):
    document = {
        "method": "staircase",
        "current_interval_days": 100,
        "pass_fail": [1, 0],
        "increase": 0.1,
        "decrease": 0.5,
    }
    _, found, _ = run(tmp_path, capsys, document)
    assert found["interval_days"] == pytest.approx(55.0)
    judged = {"method": "staircase", "current_interval_days": 100, "errors": [0.1, 0.9], "maximum_permissible_error": 1}
    _, kept, _ = run(tmp_path, capsys, judged | {"longest": 105})
    assert kept["steps"] == [105.0, 105.0]
    assert kept["findings"] == ["well_inside", "inside"]


def test_the_control_chart_tells_drift_and_interval(tmp_path, capsys):
    _, found, _ = run(tmp_path, capsys, CHART | {"target": 0.9})
    assert found["interval_days"] > 0
    assert found["drift"] == pytest.approx(0.1 / 730)
    _, few, _ = run(tmp_path, capsys, CHART | {"times": [0, 365], "errors": [0.1, 0.2]})
    assert few["interval"] is None
    assert "2 calibrations" in few["reason"]


REFUSED = [
    ({}, "method"),
    ({"method": "guess"}, "method"),
    (A3 | {"pass_fail": []}, "pass_fail"),
    (A3 | {"pass_fail": [1, 2]}, "pass_fail"),
    (A3 | {"pass_fail": [1, math.nan]}, "pass_fail"),
    (A3 | {"target": 1.5}, "target"),
    (A3 | {"confidence": 0}, "confidence"),
    (A3 | {"max_change_factor": 0.5}, "max_change_factor"),
    (A3 | {"current_interval_days": -1}, "current_interval_days"),
    (A3 | {"curent_interval_days": 3}, "curent_interval_days"),
    ({"method": "weibull", "scale": -1, "shape": 1, "target": 0.9}, "scale"),
    ({"method": "weibull", "scale": 1, "shape": 0, "target": 0.9}, "shape"),
    ({"method": "weibull", "scale": 1, "shape": 1}, "target"),
    (S2 | {"times": [4]}, "in_tolerance"),
    (S2 | {"times": [0, 7, 10, 13, 21, 28, 40, 48]}, "times"),
    (S2 | {"model": "wrong"}, "model"),
    ({"method": "S2", "times": [1, 2], "target": 0.9}, "pass_fail"),
    (VARIABLES, "target"),
    (VARIABLES | {"target": 0.9}, "lower"),
    (VARIABLES | {"target": 0.9, "upper": 11, "initial_standard_uncertainty": -1}, "initial_standard_uncertainty"),
    (VARIABLES | {"u0": 0.1, "uncertainty_target": 1}, "u0"),
    (VARIABLES | {"tolerance": [9], "target": 0.9}, "tolerance"),
    (CHART | {"lower": 1}, "upper"),
    (CHART | {"errors": [0.1, math.nan, 0.2]}, "errors"),
]


@pytest.mark.parametrize(("document", "field"), REFUSED)
def test_bad_input_is_status_2_and_one_message_that_names_the_field(tmp_path, capsys, document, field):
    status, found, message = run(tmp_path, capsys, document)
    assert status == 2
    assert found is None
    assert len(message.strip().splitlines()) == 1
    assert f": {field}: " in message


@pytest.mark.parametrize("document", [S2, VARIABLES | {"upper": 11, "target": 0.9}, CHART])
def test_people_get_lines_and_a_picture(tmp_path, capsys, document):
    pytest.importorskip("matplotlib")
    file, picture = tmp_path / "interval.json", tmp_path / "interval.png"
    file.write_text(json.dumps(document))
    assert main(["calc", "interval", str(file), "--plot", str(picture)]) == 0
    assert capsys.readouterr().out.startswith("interval ")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_has_nothing_to_draw_says_so(tmp_path, capsys):
    file = tmp_path / "interval.json"
    file.write_text(json.dumps(A3))
    assert main(["calc", "interval", str(file), "--plot", str(tmp_path / "a.png")]) == 2
    assert "nothing to draw" in capsys.readouterr().err
