"""Probabilities of (non-)conformity against published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from steelyard.calibration.engine.tracking.conformity import probability_outside


def test_the_zener_diode_of_jcgm_106():
    # JCGM 106:2012, 7.4, example: breakdown voltage -5.47 V, u = 0.05 V, upper limit -5.40 V: p_c = 0.92.
    p_c = 1.0 - probability_outside(-5.47, 0.05, -np.inf, -5.40)
    assert p_c == pytest.approx(0.92, abs=0.005)


# Two-sided specific risk, limits 9 and 11, as printed in the test suite of suncal (Sandia): mean, sd, total.
@pytest.mark.parametrize(("mean", "sd", "total"), [(10.0, 0.4, 0.01242), (10.5, 0.4, 0.10574), (12.0, 0.4, 0.99379)])
def test_two_sided_specific_risk(mean, sd, total):
    assert probability_outside(mean, sd, 9.0, 11.0) == pytest.approx(total, abs=5e-6)


def test_small_probabilities_keep_their_digits():
    assert probability_outside(0.0, 0.1, -1.0, 1.0) == pytest.approx(2.0 * norm.sf(10.0), rel=1e-12)


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.1, 3), st.floats(0.001, 1000))
def test_scaling_the_unit_changes_nothing(mean, u, limit, factor):
    one = probability_outside(mean, u, -limit, limit)
    other = probability_outside(mean * factor, u * factor, -limit * factor, limit * factor)
    assert other == pytest.approx(float(one), rel=1e-9, abs=1e-15)
    assert 0.0 <= one <= 1.0


def test_it_takes_arrays():
    found = probability_outside(np.zeros((3, 1)), np.array([0.1, 1.0]), -1.0, 1.0)
    assert found.shape == (3, 2)


@pytest.mark.parametrize(
    ("u", "lower", "upper"), [(0.0, -1.0, 1.0), (-1.0, -1.0, 1.0), (np.nan, -1, 1), (1.0, 1.0, -1.0)]
)
def test_what_makes_no_sense_is_refused(u, lower, upper):
    with pytest.raises(ValueError, match="must be"):
        probability_outside(0.0, u, lower, upper)
