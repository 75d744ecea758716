"""Second-order terms of the law of propagation (JCGM 100:2008, 5.1.2, note).

For independent inputs the note adds to u_c^2(y) the sum over i, j of

    [ (1/2) (d2f / dx_i dx_j)^2 + (df / dx_i) (d3f / dx_i dx_j^2) ] u^2(x_i) u^2(x_j).

Correlated inputs are x = x0 + U R^(1/2) z with independent z (U the uncertainties, R^(1/2) the symmetric root of the
correlation matrix); the same sum over z extends the note to them, and is exact to this order for normal inputs. Several
outputs have the corresponding covariances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.budget.jets import Jet, Operand
from steelyard.calibration.engine.budget.model import Model, real_outputs
from steelyard.calibration.engine.distributions.distribution import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondOrder:
    """What second-order terms add, for M outputs, n inputs, `size` budgets.

    `covariance` float64[M, M, size]; `weights` float64[M, n, size], d/d ln(u_i^2) of the diagonal of that; `bias`
    float64[M, size], half the trace of the Hessian with the covariance.
    """

    covariance: Floats
    weights: Floats
    bias: Floats


def second_order_terms(model: Model, x: Sequence[Floats], spread: Floats, root: Floats | None) -> SecondOrder:
    """Compute them from third-order jets along the directions e_i, e_i + e_j and e_i - e_j of z.

    With D2, D3 the second and third derivative along a direction: f_ij = (D2(i+j) - D2(i-j)) / 4,
    f_ijj = (D3(i+j) + D3(i-j) - 2 D3(i)) / 6 (polarization).

    Args:
        model: the model.
        x: estimates, each a scalar or float64[size].
        spread: standard uncertainties, float64[n, size].
        root: the symmetric root of the correlation matrix, float64[n, n]; None for independent inputs.
    """
    n, size = spread.shape
    first, second = np.triu_indices(n, 1)
    identity = np.eye(n)
    directions = np.concatenate([identity, identity[first] + identity[second], identity[first] - identity[second]])
    steps = directions if root is None else directions @ root
    zero = np.zeros((1, 1))
    operands: dict[str, Operand] = {
        name: Jet(np.broadcast_to(x[i], (size,)), (steps[:, i, None] * spread[i], zero, zero))
        for i, name in enumerate(model.inputs)
    }
    _, results = real_outputs(model.outputs, model.evaluate(operands))
    gradient, hessian, laplacian = [], [], []
    weights = np.zeros((len(results), n, size))
    for m, result in enumerate(results):
        terms = result.terms if isinstance(result, Jet) else (zero, zero, zero)
        d1, d2, d3 = (
            np.broadcast_to(term, (len(directions), size)) * factor
            for term, factor in zip(terms, (1.0, 2.0, 6.0), strict=True)
        )
        pairs = len(first)
        plus, minus = slice(n, n + pairs), slice(n + pairs, None)
        g, h, mixed = d1[:n], np.zeros((n, n, size)), np.zeros((n, n, size))
        h[np.arange(n), np.arange(n)] = d2[:n]
        h[first, second] = h[second, first] = (d2[plus] - d2[minus]) / 4.0
        # `mixed` holds the third derivatives, once by the first index and twice by the second.
        mixed[np.arange(n), np.arange(n)] = d3[:n]
        mixed[first, second] = (d3[plus] + d3[minus] - 2.0 * d3[first]) / 6.0
        mixed[second, first] = (d3[plus] - d3[minus] - 2.0 * d3[second]) / 6.0
        terms_ij = 0.5 * h * h + g[:, None] * mixed
        weights[m] = np.sum(terms_ij, axis=1) + np.sum(terms_ij, axis=0)
        gradient.append(g)
        hessian.append(h)
        laplacian.append(np.sum(mixed, axis=1))
    g_all, h_all, t_all = np.stack(gradient), np.stack(hessian), np.stack(laplacian)
    cross = np.einsum("mis,kis->mks", g_all, t_all)
    covariance = 0.5 * np.einsum("mijs,kijs->mks", h_all, h_all) + 0.5 * (cross + np.swapaxes(cross, 0, 1))
    return SecondOrder(
        covariance=np.asarray(covariance), weights=weights, bias=np.asarray(0.5 * np.einsum("miis->ms", h_all))
    )
