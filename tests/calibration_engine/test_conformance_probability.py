"""Conformance probabilities, capability and the 1/3 rule against published numbers."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from steelyard.calibration.engine.conformance.capability import (
    fit_for_verification,
    process_capability,
    uncertainty_ratio,
)
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.probability import conformance

finite = st.floats(-1e3, 1e3)
positive = st.floats(1e-3, 1e3)


# JCGM 106:2012, examples of clause 7 as they are commonly quoted: y, u, T_L, T_U, p_c as printed, half its last digit.
JCGM_106 = [
    pytest.param(-5.47, 0.05, -math.inf, -5.40, 0.92, 0.005, id="zener diode, upper limit (7.3.2)"),
    pytest.param(13.6, 1.8, 12.5, 16.3, 0.66, 0.005, id="viscosity of motor oil, two-sided (7.4)"),
]


@pytest.mark.parametrize(("value", "u", "lower", "upper", "printed", "half_digit"), JCGM_106)
def test_examples_of_jcgm_106(value, u, lower, upper, printed, half_digit):
    found = conformance(value, u, lower=lower, upper=upper)
    assert float(found.conforming) == pytest.approx(printed, abs=half_digit)


# Specific risk, limits 9 and 11, standard deviation 0.4: test suite of suncal (Sandia), "compared against Dilip's risk
# spreadsheet": mean, C_pk, total, below, above; None where nothing is printed.
CPK = [
    (10.0, 0.833333, 0.01242, 0.00621, 0.00621),
    (10.5, 0.416667, 0.10574, 0.00009, 0.10565),
    (12.0, -0.833333, 0.99379, None, None),
]


@pytest.mark.parametrize(("mean", "cpk", "total", "below", "above"), CPK)
def test_specific_risk_and_process_capability(mean, cpk, total, below, above):
    found = conformance(mean, 0.4, lower=9.0, upper=11.0)
    assert float(found.nonconforming) == pytest.approx(total, abs=5e-6)
    if below is not None:
        assert float(found.below) == pytest.approx(below, abs=5e-6)
        assert float(found.above) == pytest.approx(above, abs=5e-6)
    assert float(process_capability(mean, 0.4, Limits(lower=9.0, upper=11.0))) == pytest.approx(cpk, abs=5e-7)


def test_few_degrees_of_freedom_make_conformity_less_sure():
    found = conformance(0.0, 1.0, lower=-2.0, upper=2.0, degrees_of_freedom=[4.0, 30.0, math.inf])
    assert found.conforming == pytest.approx([student.cdf(2, 4) * 2 - 1, student.cdf(2, 30) * 2 - 1, 0.954499736103642])
    assert np.all(np.diff(found.conforming) > 0.0)


def test_small_probabilities_keep_their_digits_on_both_sides():
    far = conformance([0.0, 0.0], 0.1, lower=[-1.0, 1.0], upper=[1.0, 1.2])
    assert far.nonconforming[0] == pytest.approx(2.0 * norm.sf(10.0), rel=1e-12)
    assert far.conforming[1] == pytest.approx(norm.sf(10.0) - norm.sf(12.0), rel=1e-12)


@given(finite, positive, finite, positive)
def test_the_probabilities_sum_to_one(value, u, lower, width):
    found = conformance(value, u, lower=lower, upper=lower + width)
    assert float(found.conforming + found.nonconforming) == pytest.approx(1.0, abs=1e-12)
    assert 0.0 <= float(found.conforming) <= 1.0


@given(st.floats(-5, 5), positive, st.floats(-5, 5), st.floats(0.01, 10), st.sampled_from([2.0**-20, 2.0**7, 2.0**30]))
def test_another_unit_changes_nothing(value, u, lower, width, factor):
    assume(u > 1e-2)
    one = conformance(value, u, lower=lower, upper=lower + width)
    other = conformance(value * factor, u * factor, lower=lower * factor, upper=(lower + width) * factor)
    assert float(other.conforming) == pytest.approx(float(one.conforming), rel=1e-12, abs=1e-300)


@given(finite, positive, finite, st.floats(3.0, math.inf))
def test_one_limit_is_the_limit_of_two(value, u, upper, nu):
    one = conformance(value, u, upper=upper, degrees_of_freedom=nu)
    two = conformance(value, u, lower=-1e12, upper=upper, degrees_of_freedom=nu)
    assert float(two.conforming) == pytest.approx(float(one.conforming), abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"value": math.nan, "standard_uncertainty": 1.0, "upper": 1.0}, "value"),
        ({"value": 0.0, "standard_uncertainty": -1.0, "upper": 1.0}, "standard_uncertainty"),
        ({"value": 0.0, "standard_uncertainty": 0.0, "upper": 1.0}, "standard_uncertainty"),
        ({"value": 0.0, "standard_uncertainty": [1.0, math.nan], "upper": 1.0}, "standard_uncertainty"),
        ({"value": 0.0, "standard_uncertainty": 1.0, "lower": 1.0, "upper": -1.0}, "lower"),
        ({"value": 0.0, "standard_uncertainty": 1.0, "lower": math.nan}, "lower"),
        ({"value": 0.0, "standard_uncertainty": 1.0, "upper": 1.0, "degrees_of_freedom": 0.0}, "degrees_of_freedom"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(arguments, field):
    value, u = arguments.pop("value"), arguments.pop("standard_uncertainty")
    with pytest.raises(ConformanceError) as caught:
        conformance(value, u, **arguments)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("lower", "upper", "field"),
    [
        (1.0, 0.0, "upper"),
        (1.0, 1.0, "upper"),
        (-math.inf, math.inf, "lower"),
        (math.nan, 1.0, "lower"),
        (math.inf, 1, "lower"),
    ],
)
def test_limits_that_limit_nothing_are_refused(lower, upper, field):
    with pytest.raises(ConformanceError) as caught:
        Limits(lower=lower, upper=upper)
    assert caught.value.field == field


def test_the_uncertainty_ratio_is_half_the_tolerance_over_twice_the_standard_uncertainty():
    assert uncertainty_ratio(Limits(lower=9.0, upper=11.0), 0.125) == 4.0
    assert uncertainty_ratio(Limits(upper=11.0), 0.125) is None
    with pytest.raises(ConformanceError, match="standard_uncertainty"):
        uncertainty_ratio(Limits(lower=0.0, upper=1.0), 0.0)


def test_a_verification_may_use_a_third_of_the_permissible_error():
    # OIML R 111-1:2004, 5.2, table 1: 1 kg of class E2, MPE 1.6 mg; U exactly a third must do.
    assert fit_for_verification([1.6, 1.6, -1.6, 1.6], [0.5, 1.6 / 3.0, 0.5, 0.54]).tolist() == [
        True,
        True,
        True,
        False,
    ]
    assert not fit_for_verification(0.16, 0.05, fraction=0.25)
    # 5.3: the conventional mass lies within the permissible error less U.
    assert Limits(lower=-1.6, upper=1.6).guarded(0.5) == Limits(lower=-1.6 + 0.5, upper=1.6 - 0.5)
    for arguments, field in [((0.0, 1.0), "maximum"), ((1.0, -1.0), "expanded"), ((1.0, math.nan), "expanded")]:
        with pytest.raises(ConformanceError, match=field):
            fit_for_verification(*arguments)
    with pytest.raises(ConformanceError, match="fraction"):
        fit_for_verification(1.0, 0.1, fraction=0.0)
