"""Numbers of 60 digits, against known digits and against identities."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.curves.errors import SingularDesignError
from steelyard.calibration.engine.curves.least_squares import solve
from steelyard.calibration.engine.curves.precise import Precise, precise, rounded

TINY = Decimal("1e-57")


def _close(found: Precise, digits: str) -> bool:
    return abs(found.decimal - Decimal(digits)) < TINY * max(1, abs(Decimal(digits)))


def test_functions_have_their_known_digits() -> None:
    """Digits from D. H. Bailey's tables and OEIS A000796, A001113, A049469, A049470, A002162."""
    one = Precise(1)
    assert _close(one.exp(), "2.718281828459045235360287471352662497757247093699959574966967")
    assert _close(4 * one.arctan(), "3.141592653589793238462643383279502884197169399375105820974944")
    assert _close(one.sin(), "0.841470984807896506652502321630298999622563060798371065672751")
    assert _close(one.cos(), "0.540302305868139717400936607442976603732310420617922227670097")
    assert _close(Precise(2).log(), "0.693147180559945309417232121458176568075500134360255254120680")
    assert _close(Precise(2).sqrt(), "1.414213562373095048801688724209698078569671875376948073176679")


def test_a_double_is_the_decimal_that_it_prints_as() -> None:
    assert Precise(0.1) * 3 == Precise("0.3")
    assert Precise(np.pi).decimal != Decimal(math.pi)
    assert _close(Precise(np.pi), "3.141592653589793238462643383279502884197169399375105820974944")


@given(st.floats(-1e4, 1e4))
def test_functions_agree_with_double_precision(value: float) -> None:
    number = Precise(value)
    assert float(number.sin()) == pytest.approx(math.sin(value), abs=1e-12)
    assert float(number.cos()) == pytest.approx(math.cos(value), abs=1e-12)
    assert float(number.arctan()) == pytest.approx(math.atan(value), abs=1e-15)
    assert float(Precise(value / 100.0).exp()) == pytest.approx(math.exp(value / 100.0), rel=1e-12)
    assert float(Precise(value / 1e3).tanh()) == pytest.approx(math.tanh(value / 1e3), abs=1e-15)


@given(st.floats(-0.999, 0.999))
def test_inverse_functions_undo(value: float) -> None:
    number = Precise(value)
    assert abs((number.arcsin().sin() - number).decimal) < Decimal("1e-50")
    assert abs((number.arccos().cos() - number).decimal) < Decimal("1e-50")
    assert float(number.sinh()) == pytest.approx(math.sinh(value), abs=1e-15)
    assert float(number.cosh()) == pytest.approx(math.cosh(value), rel=1e-15)


def test_universal_functions_work_on_arrays_of_them() -> None:
    array = precise([0.1, 0.2])
    for function in (np.exp, np.log, np.log10, np.sqrt, np.sin, np.cos, np.tan, np.arctan, np.arcsin, np.tanh):
        assert rounded(function(array)) == pytest.approx(function(np.array([0.1, 0.2])), rel=1e-15)
    assert rounded(2.0 - array / 4 + np.power(array, 0.5) * array[0]) == pytest.approx(
        [2.0 - 0.025 + 0.1**1.5, 2.0 - 0.05 + 0.2**0.5 * 0.1]
    )


def test_hilbert_matrix_of_order_12_is_solved() -> None:
    """Condition number 1.7e16; the solution is all ones."""
    size = 12
    hilbert = precise([[0.0] * size] * size)
    for row in range(size):
        for column in range(size):
            hilbert[row, column] = Precise(1) / (row + column + 1)
    solution = solve(hilbert, hilbert @ precise(np.ones(size)), [f"b{index}" for index in range(size)])
    assert rounded(solution.coefficients) == pytest.approx(np.ones(size), abs=1e-15)


def test_a_column_that_others_make_is_named() -> None:
    design = precise([[1.0, 0.1, 1.3], [1.0, 0.2, 1.6], [1.0, 0.3, 1.9], [1.0, 0.7, 3.1]])
    with pytest.raises(SingularDesignError, match="third"):
        solve(design, precise([1.0, 2.0, 3.0, 4.0]), ["first", "second", "third"])
