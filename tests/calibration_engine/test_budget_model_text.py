"""Models as text: what is read, with which meaning, and what is refused where."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.budget.errors import ModelError
from steelyard.calibration.engine.budget.model import FunctionModel, parse_model
from steelyard.calibration.engine.budget.tokens import is_name


def value(text: str, values: Mapping[str, float] | None = None) -> float:
    given_values = dict(values or {})
    model = parse_model(f"y = {text}", quantities=list(given_values))
    return float(model.evaluate({name: np.asarray(each) for name, each in given_values.items()})[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*3", 7.0),
        ("(1 + 2)*3", 9.0),
        ("8/4/2", 1.0),
        ("2 - 3 - 4", -5.0),
        ("2^3^2", 512.0),
        ("2**3**2", 512.0),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("2^-2", 0.25),
        ("-2^-2", -0.25),
        ("2*-3", -6.0),
        ("--3", 3.0),
        ("+3 - -4", 7.0),
        ("(-8)^3", -512.0),
        ("0^2", 0.0),
        ("1.5e3 + .5 + 2.", 1502.5),
        ("1E-2", 0.01),
        ("pi", math.pi),
        ("2×3 − 4÷2·1", 4.0),
        ("exp(1)", math.e),
        ("log(100)", math.log(100.0)),
        ("ln(2)", math.log(2.0)),
        ("log10(1000)", 3.0),
        ("sqrt(2)", math.sqrt(2.0)),
        ("sin(1) + cos(1) + tan(1)", math.sin(1.0) + math.cos(1.0) + math.tan(1.0)),
        ("asin(0.5) + acos(0.5) + atan(0.5)", math.asin(0.5) + math.acos(0.5) + math.atan(0.5)),
        ("atan2(-1, -2)", math.atan2(-1.0, -2.0)),
        ("sinh(1) + cosh(1) + tanh(1)", math.sinh(1.0) + math.cosh(1.0) + math.tanh(1.0)),
        ("abs(-3)", 3.0),
        ("abs(complex(3, 4))", 5.0),
        ("arg(complex(0, 2))", math.pi / 2.0),
        ("re(conj(complex(1, 2))*complex(0, 1))", 2.0),
    ],
)
def test_arithmetic(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-15)


@given(st.floats(-5.0, 5.0), st.floats(0.1, 5.0))
def test_expressions_are_what_python_makes_of_them(a: float, b: float) -> None:
    text = "-a**2/b + (a - b)*b**a - abs(a)"
    assert value(text, {"a": a, "b": b}) == pytest.approx(-(a**2) / b + (a - b) * b**a - abs(a), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "y = a + b; a = 2*x; b = 3*x",
        "y = a + b\na = 2*x\nb = 3*x",
        "y = a + b, a = 2*x, b = 3*x",
        "\n  y = a +\n      b   # the sum\n  a = 2 * (\n x)\n ; ; b = 3*x\r\n",
        "y = a\n  + b\na = 2*x\nb = 3*x",
    ],
)
def test_equations_by_semicolons_or_lines_in_any_order(text: str) -> None:
    model = parse_model(text, quantities=["x"])
    assert model.inputs == ("x",)
    assert model.outputs == ("y",)
    assert float(model.evaluate({"x": np.asarray(7.0)})[0]) == 35.0


def test_outputs_are_the_first_equation_or_those_asked_for() -> None:
    text = "z = x + y; y = 2*x; w = v"
    assert parse_model(text).outputs == ("z",)
    assert parse_model(text).inputs == ("x",)
    assert parse_model(text, outputs=["y", "w"]).outputs == ("y", "w")
    assert parse_model(text, outputs=["y", "w"]).inputs == ("x", "v")


@pytest.mark.parametrize("name", ["x1", "m_Rc", "δθ", "R₀", "Δt", "θ̄", "l'", "_a", "Ω", "温度", "pi2", "log", "E"])
def test_names_of_any_script(name: str) -> None:
    assert is_name(name)
    assert value(f"2*{name}", {name: 4.0}) == 8.0


def test_the_micro_sign_is_the_greek_letter() -> None:
    model = parse_model("y = 2*\N{MICRO SIGN}", quantities=["\N{GREEK SMALL LETTER MU}"])
    assert model.inputs == ("\N{GREEK SMALL LETTER MU}",)


@pytest.mark.parametrize("name", ["", "1x", "a b", "a-b", "x²", "a.b"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y = a + alpah", ["'alpah'", "line 1, column 9", "did you mean 'alpha'"]),
        ("y = a\nz = sen(a)", ["'sen'", "line 2, column 5", "no such function", "sin"]),
        ("y = 2a", ["line 1, column 5", "write *"]),
        ("y = a b", ["line 1, column 7", "operator is missing"]),
        ("y = (a", ["bracket of line 1, column 5 is not closed"]),
        ("y = a)", ["line 1, column 6", "closes no bracket"]),
        ("y = a +", ["ends too early"]),
        ("y = * a", ["line 1, column 5"]),
        ("y = a = 3", ["line 1, column 7"]),
        ("y = 1,5*a", ["line 1, column 6", "decimal point"]),
        ("y = a²", ["line 1, column 6", "x^2"]),
        ("y = a % alpha", ["'%'", "line 1, column 7"]),
        ("y = 'a'", ["line 1, column 5"]),
        ("a + alpha", ["line 1, column 1", "name = expression"]),
        ("y = atan2(a)", ["takes 2 arguments, not 1"]),
        ("y = sin(a, alpha)", ["takes 1 argument, not 2"]),
        ("y = z; z = x1; x1 = y", ["y -> z -> x1 -> y"]),
        ("y = a; y = alpha", ["line 1, column 8", "second equation"]),
        ("a = 3", ["'a'", "given as a quantity too"]),
        ("", ["is empty"]),
        ("# nothing", ["is empty"]),
        (";", ["name = expression"]),
        ("y = __import__('os')", ["line 1"]),
        ("y = a.real", ["line 1, column 6"]),
        ("y = a if a else a", ["line 1, column 7"]),
        ("y = " + "(" * 500 + "a" + ")" * 500, ["more than 100"]),
        ("y = " + "-(" * 500 + "a" + ")" * 500, ["more than 100"]),
        ("y = " + "2^" * 500 + "a", ["more than 100"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, words: list[str]) -> None:
    with pytest.raises(ModelError) as refused:
        parse_model(text, quantities=["a", "alpha"])
    for word in words:
        assert word in str(refused.value)
    assert len(str(refused.value)) < 700


@given(st.text(alphabet="xy=+-*/^(),;#. \n1e²'\"[]{}π", max_size=40))
def test_any_text_is_a_model_or_a_model_error(text: str) -> None:
    try:
        model = parse_model(text, quantities=["x", "y1"])
    except ModelError:
        return
    assert model.equations


def test_long_sums_need_no_deep_stack() -> None:
    count = 20_000
    model = parse_model("y = " + " + ".join(["x"] * count), quantities=["x"])
    assert float(model.evaluate({"x": np.asarray(1.0)})[0]) == count


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(ModelError, match=r"outputs: 'lenght'.*did you mean 'length'"):
        parse_model("length = x", outputs=["lenght"])


def test_a_python_function_is_a_model_too() -> None:
    def power(voltage: float, resistance: float) -> float:
        return voltage**2 / resistance

    model = FunctionModel.of(power, outputs=["P"])
    assert model.inputs == ("voltage", "resistance")
    assert float(model.evaluate({"voltage": np.asarray(3.0), "resistance": np.asarray(2.0)})[0]) == 4.5
    with pytest.raises(ModelError, match="must return 2 values"):
        FunctionModel.of(power, outputs=["P", "Q"]).evaluate({"voltage": 1.0, "resistance": 1.0})
    with pytest.raises(ModelError, match="parameters"):
        FunctionModel.of(lambda: 1.0)
