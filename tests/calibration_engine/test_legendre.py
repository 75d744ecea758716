"""Gauss-Legendre nodes: what they must integrate exactly, and that they are the same ones every time."""

import math

import numpy as np
import pytest

from steelyard.calibration.engine.legendre import gauss_legendre


@pytest.mark.parametrize("count", [1, 2, 16, 48, 90])
def test_even_powers_up_to_the_last_degree_are_integrated_exactly(count):
    nodes, weights = gauss_legendre(count)
    for power in {0, 2 * (count // 2), 2 * count - 2}:
        # The weights at the ends, which decide over the highest powers, are good to a few units of the twelfth digit.
        assert weights @ nodes**power == pytest.approx(2.0 / (power + 1.0), rel=2e-11)


@pytest.mark.parametrize("count", [1, 2, 6, 12])
def test_the_next_power_falls_short_by_what_the_rule_leaves_out(count):
    # M. Abramowitz and I. A. Stegun, 25.4.29, with the (2 n)th derivative of x^(2 n), which is (2 n)!.
    nodes, weights = gauss_legendre(count)
    remainder = 2.0 ** (2 * count + 1) * math.factorial(count) ** 4 / (2 * count + 1) / math.factorial(2 * count) ** 2
    missing = 2.0 / (2 * count + 1) - weights @ nodes ** (2 * count)
    assert missing == pytest.approx(remainder, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("count", [2, 40, 600])
def test_nodes_and_weights_are_those_of_numpy(count):
    nodes, weights = gauss_legendre(count)
    expected_nodes, expected_weights = np.polynomial.legendre.leggauss(count)
    np.testing.assert_allclose(nodes, expected_nodes, rtol=0.0, atol=1e-15)
    # Either loses digits of the smallest weights, at the ends, as the nodes become many.
    np.testing.assert_allclose(weights, expected_weights, rtol=2e-14 * count**2, atol=1e-15)


def test_a_caller_gets_the_nodes_kept_and_cannot_spoil_them_for_the_next():
    nodes, weights = gauss_legendre(20)
    assert gauss_legendre(20)[0] is nodes
    for kept in (nodes, weights):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 0.0
