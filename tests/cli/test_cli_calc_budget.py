"""`steelyard calc budget`: every form of a quantity, the answer's fields, what is refused, tables, drawings."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from calibration_engine.workbench import calc, refusal, run

ROOT6, ROOT3, ROOT2 = math.sqrt(6.0), math.sqrt(3.0), math.sqrt(2.0)


def of(quantity: str) -> dict[str, Any]:
    found = calc("budget", f'model = "y = x"\n[quantities.x]\n{quantity}\n')["outputs"]["y"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("quantity", "value", "u", "nu"),
    [
        ("value = 3", 3.0, 0.0, None),
        ('value = 3\nunit = "mm"\nstandard_uncertainty = 1', 3.0, 1.0, None),
        ("value = 3\nstandard_uncertainty = 0.5\ndegrees_of_freedom = 7", 3.0, 0.5, 7.0),
        ("value = 3\nstandard_uncertainty = 0.5\ndegrees_of_freedom = inf", 3.0, 0.5, None),
        ("value = 3\nstandard_uncertainty = 0.5\nreliability = 0.25", 3.0, 0.5, 8.0),
        ("observations = [1, 2, 3]", 2.0, 1.0 / ROOT3, 2.0),
        ("observations = [2]\npooled_standard_deviation = 0.5\ndegrees_of_freedom = 20", 2.0, 0.5, 20.0),
        ("value = 3\nexpanded_uncertainty = 1\ncoverage_factor = 2", 3.0, 0.5, None),
        ("value = 3\nexpanded_uncertainty = 1.96\ncoverage_probability = 0.95", 3.0, 1.0, None),
        ('distribution = "normal"\nvalue = 3\nstandard_uncertainty = 0.5', 3.0, 0.5, None),
        ('distribution = "t"\nvalue = 3\nscale = 0.5\ndegrees_of_freedom = 9', 3.0, 0.5, 9.0),
        ('distribution = "rectangular"\nlower = 1\nupper = 3', 2.0, 1.0 / ROOT3, None),
        ('distribution = "rectangular"\nvalue = 2\nhalf_width = 1\ndegrees_of_freedom = 50', 2.0, 1.0 / ROOT3, 50.0),
        ('distribution = "rectangular"\nvalue = 2\nhalf_width = 0', 2.0, 0.0, None),
        ('distribution = "uniform"\nvalue = 2\nstandard_uncertainty = 0.5', 2.0, 0.5, None),
        ('distribution = "triangular"\nlower = 1\nupper = 3', 2.0, 1.0 / ROOT6, None),
        ('distribution = "triangular"\nvalue = 2\nhalf_width = 1', 2.0, 1.0 / ROOT6, None),
        ('distribution = "arcsine"\nvalue = 2\nhalf_width = 1', 2.0, 1.0 / ROOT2, None),
        ('distribution = "trapezoidal"\nlower = 1\nupper = 3\nbeta = 0.5', 2.0, math.sqrt(1.25 / 6.0), None),
        (
            'distribution = "curvilinear_trapezoid"\nvalue = 2\nhalf_width = 1\ninexactness = 0.3',
            2.0,
            math.sqrt(1.0 / 3.0 + 0.01),
            None,
        ),
        ('distribution = "exponential"\nvalue = 2', 2.0, 2.0, None),
        ('distribution = "gamma"\nshape = 4\nscale = 0.5', 2.0, 1.0, None),
        ("samples = [1, 2, 3]", 2.0, 1.0, None),
    ],
)
def test_each_form_of_a_quantity(quantity: str, value: float, u: float, nu: float | None) -> None:
    found = of(quantity)
    assert found["value"] == pytest.approx(value)
    assert found["standard_uncertainty"] == pytest.approx(u, rel=1e-4)
    assert found["degrees_of_freedom"] == (None if nu is None else pytest.approx(nu))
    assert found["contributions"] == {"x": found["standard_uncertainty"]}


def test_the_answer_has_the_contracts_fields() -> None:
    document = """
    model = "y = a + b; z = a - b"
    outputs = ["y", "z"]
    coverage_probability = 0.99
    [quantities]
    a = { value = 1, standard_uncertainty = 0.3 }
    b = { value = 2, standard_uncertainty = 0.4, degrees_of_freedom = 10 }
    [[correlations]]
    between = ["a", "b"]
    coefficient = 0.5
    [monte_carlo]
    trials = 20000
    seed = 1
    """
    answer = calc("budget", document)
    y = answer["outputs"]["y"]
    assert set(y) >= {
        "value", "standard_uncertainty", "degrees_of_freedom", "coverage_factor", "expanded_uncertainty", "interval",
        "contributions",
    }  # fmt: skip
    assert y["standard_uncertainty"] == pytest.approx(math.sqrt(0.09 + 0.16 + 0.12))
    assert y["expanded_uncertainty"] == pytest.approx(y["coverage_factor"] * y["standard_uncertainty"])
    assert y["interval"] == pytest.approx([3.0 - y["expanded_uncertainty"], 3.0 + y["expanded_uncertainty"]])
    assert y["contributions"] == {"b": 0.4, "a": 0.3}
    assert answer["correlation"]["y"]["z"] == answer["correlation"]["z"]["y"]
    assert answer["correlation"]["y"]["z"] == pytest.approx((0.09 - 0.16) / math.sqrt(0.37 * 0.13))
    drawn = answer["monte_carlo"]["outputs"]["z"]
    assert set(drawn) >= {"value", "standard_uncertainty", "symmetric_interval", "shortest_interval", "trials"}
    assert drawn["trials"] == 20000
    assert drawn["value"] == pytest.approx(-1.0, abs=0.02)


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    document = {"model": "y = 2*x", "quantities": {"x": {"value": 1, "standard_uncertainty": 0.1}, "c": 3}}
    by_json = calc("budget", json.dumps(document))
    path = tmp_path / "budget.toml"
    path.write_text('model = "y = 2*x"\nquantities = { x = { value = 1, standard_uncertainty = 0.1 }, c = 3 }\n')
    status, out, err = run(["calc", "budget", str(path), "--json"])
    assert (status, err) == (0, "")
    assert json.loads(out) == by_json


def test_null_stands_for_absent_and_for_infinite() -> None:
    answer = calc(
        "budget",
        '{"model": "y = x", "outputs": null, "monte_carlo": null, "quantities": '
        '{"x": {"value": 1, "standard_uncertainty": 0.1, "degrees_of_freedom": null, "unit": null}}}',
    )
    assert answer["outputs"]["y"]["degrees_of_freedom"] is None
    assert "monte_carlo" not in answer


def test_a_given_coverage_factor_replaces_t() -> None:
    answer = calc(
        "budget",
        """
        model = "y = x"
        coverage_factor = 2
        quantities.x = { value = 1, standard_uncertainty = 1, degrees_of_freedom = 3 }
        """,
    )
    assert answer["outputs"]["y"]["expanded_uncertainty"] == 2.0


def test_degrees_of_freedom_may_be_interpolated() -> None:
    document = """
    model = "y = a + b"
    quantities.a = {value = 1, standard_uncertainty = 1, degrees_of_freedom = 3}
    quantities.b = {value = 1, standard_uncertainty = 0.5}
    """
    truncated, interpolated = (
        calc("budget", f"truncate_degrees_of_freedom = {choice}\n{document}")["outputs"]["y"]
        for choice in ("true", "false")
    )
    assert truncated["degrees_of_freedom"] == interpolated["degrees_of_freedom"] == pytest.approx(4.6875)
    assert truncated["coverage_factor"] == pytest.approx(2.776, abs=5e-4)
    assert 2.571 < interpolated["coverage_factor"] < 2.776


GOOD = '"y = a + b"'
A = "a = { value = 1, standard_uncertainty = 0.1 }"
B = "b = { value = 2, standard_uncertainty = 0.1 }"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", ["standard input", "is empty"]),
        ("model = ", ["is no TOML"]),
        ('{"model": }', ["is no JSON"]),
        ('{"a": 1, "a": 2}', ["a", "twice"]),
        (f"[quantities]\n{A}", ["model", "is missing"]),
        (f"model = 5\n[quantities]\n{A}", ["model", "5", "text"]),
        (f"model = {GOOD}", ["quantities", "is missing"]),
        (f"model = {GOOD}\n[quantities]\n", ["quantities", "is empty"]),
        (f"model = {GOOD}\nquantitis = 1\n[quantities]\n{A}\n{B}", ["quantitis", "did you mean 'quantities'"]),
        (f"model = {GOOD}\n[quantities]\n{A}", ["model", "'b'", "line 1, column 9", "no such quantity"]),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = true", ["quantities.b", "True"]),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = {{}}", ["quantities.b.value", "is missing"]),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = {{ value = '2' }}", ["quantities.b.value", "'2'", "number"]),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = {{ value = nan }}", ["quantities.b.value", "nan", "finite"]),
        (
            f"model = {GOOD}\n[quantities]\n{A}\nb = {{ value = 2, standard_uncertainty = -0.1 }}",
            ["quantities.b.standard_uncertainty", "-0.1", "negative"],
        ),
        (
            f"model = {GOOD}\n[quantities]\n{A}\nb = {{ value = 2, standard_uncertanty = 0.1 }}",
            ["quantities.b.standard_uncertanty", "did you mean 'standard_uncertainty'"],
        ),
        (
            f"model = {GOOD}\n[quantities]\n{A}\nb = {{ value = 2, degrees_of_freedom = 3 }}",
            ["quantities.b.standard_uncertainty", "is missing"],
        ),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = {{ observations = [] }}", ["quantities.b.observations"]),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = {{ observations = [1] }}", ["quantities.b.observations", "one"]),
        (f"model = {GOOD}\n[quantities]\n{A}\nb = {{ observations = [1, nan] }}", ["quantities.b.observations", "nan"]),
        (
            f"model = {GOOD}\n[quantities]\n{A}\nb = {{ value = 2, expanded_uncertainty = 0.1 }}",
            ["quantities.b.coverage_factor"],
        ),
        (
            f'model = {GOOD}\n[quantities]\n{A}\nb = {{ distribution = "rectangle", value = 1, half_width = 1 }}',
            ["quantities.b.distribution", "did you mean 'rectangular'"],
        ),
        (
            f"model = {GOOD}\n[quantities]\n{A}\nb = {{ lower = 1, upper = 2 }}",
            ["quantities.b.distribution", "missing"],
        ),
        (
            f'model = {GOOD}\n[quantities]\n{A}\nb = {{ distribution = "rectangular", lower = 2, upper = 1 }}',
            ["quantities.b.upper", "below lower"],
        ),
        (
            f'model = {GOOD}\n[quantities]\n{A}\nb = {{ distribution = "rectangular", value = 2 }}',
            ["quantities.b.lower", "is missing"],
        ),
        (
            f'model = {GOOD}\n[quantities]\n{A}\nb = {{ distribution = "rectangular", value = 2, half_width = -1 }}',
            ["quantities.b.half_width", "negative"],
        ),
        (
            f'model = {GOOD}\n[quantities]\n{A}\nb = {{ distribution = "trapezoidal", lower = 2, upper = 3 }}',
            ["quantities.b.beta", "is missing"],
        ),
        (
            f'model = {GOOD}\n[quantities]\n{A}\nb = {{ distribution = "trapezoidal", lower = 2, upper = 3, beta = 2}}',
            ["quantities.b.beta", "between 0"],
        ),
        (f"model = {GOOD}\n[quantities]\n{A}\n{B}\n'c d' = 1", ["quantities.c d", "letters"]),
        (f"coverage_probability = 95\nmodel = {GOOD}\n[quantities]\n{A}\n{B}", ["coverage_probability", "95"]),
        (f"outputs = ['z']\nmodel = {GOOD}\n[quantities]\n{A}\n{B}", ["outputs", "'z'"]),
        (
            f"correlations = [{{ between = ['a', 'b'], coefficient = 2 }}]\nmodel = {GOOD}\n[quantities]\n{A}\n{B}",
            ["correlations[0].coefficient", "2"],
        ),
        (
            f"correlations = [{{ between = ['a'], coefficient = 1 }}]\nmodel = {GOOD}\n[quantities]\n{A}\n{B}",
            ["correlations[0].between", "two quantities"],
        ),
        (
            f"correlations = [{{ between = ['a', 'x'], coefficient = 1 }}]\nmodel = {GOOD}\n[quantities]\n{A}\n{B}",
            ["correlations[0].between", "'x'"],
        ),
        (f"simultaneous = 'a'\nmodel = {GOOD}\n[quantities]\n{A}\n{B}", ["simultaneous", "lists"]),
        (f"simultaneous = ['a', 'b']\nmodel = {GOOD}\n[quantities]\n{A}\n{B}", ["simultaneous[0]", "no observations"]),
        (
            f"model = {GOOD}\n[quantities]\n{A}\n{B}\n[monte_carlo]\ntrials = 1.5",
            ["monte_carlo.trials", "1.5", "whole"],
        ),
        (f"model = {GOOD}\n[quantities]\n{A}\n{B}\n[monte_carlo]\ntrials = 10", ["monte_carlo.trials", "10", "200"]),
        (
            f"model = {GOOD}\n[quantities]\n{A}\n{B}\n[monte_carlo]\nadaptive = true\ntrials = 1000",
            ["monte_carlo.trials", "adaptive"],
        ),
        (f"model = {GOOD}\n[quantities]\n{A}\n{B}\n[monte_carlo]\nseed = -1", ["monte_carlo.seed", "-1"]),
        (f'model = "y = log(a - 2)"\n[quantities]\n{A}', ["model: y", "log of -1"]),
        (f'model = "y = sqrt(a - 1)"\n[quantities]\n{A}', ["model: y", "d(y)/d(a)", "no derivative"]),
        (
            f"model = {GOOD}\n[quantities]\na = {{ value = 1, unit = 'V' }}\nb = {{ value = 1, unit = 'A' }}",
            ["model: y", "line 1, column 7", "different units"],
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_one_message_that_names_the_field(
    document: str, words: list[str]
) -> None:
    message = refusal("budget", document)
    assert message.startswith("steelyard: standard input: ")
    for word in words:
        assert word in message


def test_a_matrix_that_is_not_positive_semidefinite_is_named() -> None:
    message = refusal(
        "budget",
        """
        model = "y = a + b + c"
        correlations = [
            { between = ["a", "b"], coefficient = 0.9 },
            { between = ["b", "c"], coefficient = 0.9 },
            { between = ["a", "c"], coefficient = -0.9 },
        ]
        [quantities]
        a = { value = 1, standard_uncertainty = 0.1 }
        b = { value = 1, standard_uncertainty = 0.1 }
        c = { value = 1, standard_uncertainty = 0.1 }
        """,
    )
    assert "correlations: " in message
    assert "matrix of a, b, c is not positive semidefinite" in message


def test_a_missing_file_and_wrong_arguments_are_one_message(tmp_path: Path) -> None:
    for arguments, word in (
        (["calc", "budget", str(tmp_path / "none.toml")], "none.toml"),
        (["calc", "budget"], "FILE"),
        (["calc", "budget", "-", "--jsn"], "--jsn"),
    ):
        try:
            status, out, err = run(arguments)
        except SystemExit as ended:
            status, out, err = int(ended.code or 0), "", word
        assert (status, out) == (2, "")
        assert word in err


DOCUMENT = """
title = "a budget with a comment"
model = "V = x*k; Z = complex(x, k)"
outputs = ["V", "Z"]
[quantities.x]
value = 2
standard_uncertainty = 0.1
unit = "V"
note = "the indication"
[quantities.k]
distribution = "rectangular"
value = 1
half_width = 0.01
[quantities.c]
value = 1
[monte_carlo]
trials = 5000
"""


def test_the_table_is_sorted_by_contribution() -> None:
    status, out, err = run(["calc", "budget", "-"], DOCUMENT)
    assert (status, err) == (0, "")
    assert out.startswith("V = (2.00 ± 0.20)    k = 1.96, p = 95 %\n")
    lines = [line.split()[0] for line in out.splitlines() if line and line.split()[0] in {"x", "k"}]
    assert lines[:2] == ["x", "k"]
    for word in ("sensitivity", "share", "Monte Carlo, 5000 trials", "shortest", "tolerance", "ellipse", "correlation"):
        assert word in out


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_drawings_are_made_and_the_same_again(ending: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    for path in (first, second):
        status, _, err = run(["calc", "budget", "-", "--plot", str(path)], DOCUMENT)
        assert (status, err) == (0, "")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml"}[ending])


def test_a_drawing_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert "--plot" in refusal("budget", DOCUMENT, "--plot", str(tmp_path / "drawing.gif"))
    assert "cannot write" in refusal("budget", DOCUMENT, "--plot", str(tmp_path / "none" / "drawing.png"))
