"""Mean, standard deviation, lag-1 autocorrelation: NIST StRD, Univariate Summary Statistics, all certified digits."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from calibration_engine.strd_statistics import numerical_accuracy, observed, printed_tolerance
from calibration_engine.workbench import calc, refusal
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.stability.description import Description, describe
from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.exact import exact_values, root

OBSERVED = ("lew", "lottery", "mavro", "michelso")
CONSTRUCTED = {1: ("10000002", "1", "-0.500000000000000"), 2: ("1.2", "0.1", "-0.999000000000000")}
CONSTRUCTED |= {3: ("1000000.2", "0.1", "-0.999000000000000"), 4: ("10000000.2", "0.1", "-0.999000000000000")}


def assert_certified(found: Description, mean: str, deviation: str, autocorrelation: str) -> None:
    assert found.lag_1_autocorrelation is not None
    for value, certified in (
        (found.mean, mean),
        (found.standard_deviation, deviation),
        (found.lag_1_autocorrelation, autocorrelation),
    ):
        # Beyond what is printed, a double holds 15 digits.
        assert value == pytest.approx(float(certified), rel=2e-15, abs=printed_tolerance(certified))


@pytest.mark.parametrize("name", OBSERVED)
def test_observed_sets_have_their_certified_values(name):
    data = observed(name)
    found = describe([Decimal(text) for text in data["values"]])
    assert_certified(found, *data["certified"].values())


@pytest.mark.parametrize("number", CONSTRUCTED)
def test_constructed_sets_have_their_certified_values(number):
    found = describe([Decimal(text) for text in numerical_accuracy(number)])
    mean, deviation, autocorrelation = CONSTRUCTED[number]
    assert (found.mean, found.standard_deviation) == (float(mean), float(deviation))
    assert found.lag_1_autocorrelation == pytest.approx(float(autocorrelation), rel=1e-15)


@pytest.mark.parametrize("name", OBSERVED)
def test_the_command_prints_the_certified_values(name):
    data = observed(name)
    answer = calc("stability", "value\n" + "\n".join(data["values"]))
    for field, certified in data["certified"].items():
        assert answer[field] == pytest.approx(float(certified), rel=2e-15, abs=printed_tolerance(certified))


@pytest.mark.parametrize("number", CONSTRUCTED)
def test_the_command_takes_numbers_as_they_are_written(number):
    answer = calc("stability", "value\n" + "\n".join(numerical_accuracy(number)))
    mean, deviation, autocorrelation = (float(text) for text in CONSTRUCTED[number])
    assert answer["mean"] == mean
    assert answer["standard_deviation"] == deviation
    assert answer["lag_1_autocorrelation"] == pytest.approx(autocorrelation, rel=1e-15)


def test_equal_values_have_no_autocorrelation():
    found = describe([3.25] * 5)
    assert (found.mean, found.standard_deviation, found.lag_1_autocorrelation) == (3.25, 0.0, None)


values = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=30)


@given(values)
def test_exact_sums_are_those_of_fractions(numbers):
    fractions = [Fraction(number) for number in numbers]
    mean = sum(fractions) / len(fractions)
    assert exact_values(numbers).mean() == mean
    assert exact_values(numbers).sum_of_squares() == sum((each - mean) ** 2 for each in fractions)


@given(values, st.integers(-20, 20))
def test_a_scale_of_two_scales_everything(numbers, power):
    plain, scaled = describe(numbers), describe([math.ldexp(number, power) for number in numbers])
    assert scaled.mean == math.ldexp(plain.mean, power)
    assert scaled.standard_deviation == pytest.approx(math.ldexp(plain.standard_deviation, power), rel=1e-15)
    assert scaled.lag_1_autocorrelation == plain.lag_1_autocorrelation


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=30), st.integers(-(10**12), 10**12))
def test_a_shift_changes_the_mean_alone(numbers, shift):
    plain, moved = describe(numbers), describe([number + shift for number in numbers])
    assert moved.standard_deviation == plain.standard_deviation
    assert moved.lag_1_autocorrelation == plain.lag_1_autocorrelation


@given(st.fractions(min_value=0, max_value=10**30))
def test_roots_are_right_to_the_last_digit(number):
    found = Fraction(root(number))
    assert abs(found * found - number) <= number * Fraction(1, 2**52)


def test_roots_do_not_end_with_the_range_of_a_double():
    assert root(Fraction(10) ** 600) == 1e300
    assert root(Fraction(1, 10**600)) == pytest.approx(1e-300, rel=1e-15)
    with pytest.raises(ValueError, match="negative"):
        root(Fraction(-1))


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ([], "two observations"),
        ([1.0], "two observations"),
        ([1.0, math.nan], r"values\[2\]"),
        ([math.inf, 0.0], r"\[1\]"),
    ],
)
def test_what_cannot_be_described_is_refused(numbers, word):
    with pytest.raises(StabilityError, match=word):
        describe(numbers)


def test_values_that_no_common_step_holds_are_refused():
    with pytest.raises(StabilityError, match="orders of magnitude"):
        describe([Decimal("1e-9000"), Decimal(1)])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("value\n1\nnan\n", ("line 3", "'value'", "finite")),
        ("value\n1\n\n2\nx\n", ("line 5", "'value'", "number")),
        ("reading\n1\n2\n", ("'value'", "reading")),
        ("value\n1\n", ("value", "two observations")),
        ("value\n", ("no data",)),
        ("", ("empty",)),
    ],
)
def test_the_command_names_what_it_cannot_read(document, words):
    message = refusal("stability", document)
    for word in words:
        assert word in message
