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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaylorTerms:
    """Derivatives of M outputs by n inputs in units of their uncertainties (or by z, see the module).

    `gradient` float64[M, n, size], `hessian` float64[M, n, n, size]; `mixed` float64[M, n, n, size]: third derivatives,
    once by the first index and twice by the second.
    """

    gradient: Floats
    hessian: Floats
    mixed: Floats


def second_order_terms(model: Model, x: Sequence[Floats], spread: Floats, root: Floats | None) -> SecondOrder:
    """What 5.1.2, note, adds.

    Args:
        model: the model.
        x: estimates, each a scalar or float64[size].
        spread: standard uncertainties, float64[n, size].
        root: the symmetric root of the correlation matrix, float64[n, n]; None for independent inputs.
    """
    found = taylor_terms(model, x, spread, root)
    terms = 0.5 * found.hessian**2 + found.gradient[:, :, None] * found.mixed
    cross = np.einsum("mis,kis->mks", found.gradient, np.sum(found.mixed, axis=2))
    products = np.einsum("mijs,kijs->mks", found.hessian, found.hessian)
    return SecondOrder(
        covariance=np.asarray(0.5 * products + 0.5 * (cross + np.swapaxes(cross, 0, 1))),
        weights=np.sum(terms, axis=2) + np.sum(terms, axis=1),
        bias=np.asarray(0.5 * np.einsum("miis->ms", found.hessian)),
    )


def taylor_terms(model: Model, x: Sequence[Floats], spread: Floats, root: Floats | None = None) -> TaylorTerms:
    """Derivatives from third-order jets along the directions e_i, e_i + e_j and e_i - e_j; arguments as above.

    With D2, D3 the second and third derivative along a direction: f_ij = (D2(i+j) - D2(i-j)) / 4,
    f_ijj = (D3(i+j) + D3(i-j) - 2 D3(i)) / 6 (polarization).
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
    names, results = real_outputs(model.outputs, model.evaluate(operands))
    gradient = np.zeros((len(names), n, size))
    hessian, mixed = np.zeros((len(names), n, n, size)), np.zeros((len(names), n, n, size))
    diagonal, pairs = np.arange(n), len(first)
    plus, minus = slice(n, n + pairs), slice(n + pairs, None)
    for m, result in enumerate(results):
        if not isinstance(result, Jet):
            continue
        d1, d2, d3 = (
            np.broadcast_to(term, (len(directions), size)) * factor
            for term, factor in zip(result.terms, (1.0, 2.0, 6.0), strict=True)
        )
        gradient[m] = d1[:n]
        hessian[m, diagonal, diagonal] = d2[:n]
        hessian[m, first, second] = hessian[m, second, first] = (d2[plus] - d2[minus]) / 4.0
        mixed[m, diagonal, diagonal] = d3[:n]
        mixed[m, first, second] = (d3[plus] + d3[minus] - 2.0 * d3[first]) / 6.0
        mixed[m, second, first] = (d3[plus] - d3[minus] - 2.0 * d3[second]) / 6.0
    return TaylorTerms(gradient=gradient, hessian=hessian, mixed=mixed)
