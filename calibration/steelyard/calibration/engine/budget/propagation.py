"""The law of propagation of uncertainty for one budget or for many at once (JCGM 100:2008, clause 5; JCGM 102, 6.2).

Estimates and uncertainties may be arrays of any common shape S (one entry an instrument, a reading); all else follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.calibration.engine.budget.correlation import Correlation
from steelyard.calibration.engine.budget.coverage import effective_degrees_of_freedom
from steelyard.calibration.engine.budget.jets import Array, Jet, Operand, value_of
from steelyard.calibration.engine.budget.model import Model, real_outputs
from steelyard.calibration.engine.budget.second_order import SecondOrder, second_order_terms
from steelyard.calibration.engine.distributions.distribution import Floats

_CACHE_BLOCK = 1024
"""Budgets evaluated together: n derivatives of so many doubles stay in the second-level cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Propagation:
    """M outputs of n inputs for budgets of shape S.

    `value` y, `standard_uncertainty` u_c(y), `degrees_of_freedom` nu_eff: float64[M, *S]. `sensitivity` c = dy/dx:
    float64[M, n, *S]. `covariance` of the outputs: float64[M, M, *S]. `bias`: half the trace of the Hessian with the
    covariance, by which E(Y) differs from y to second order, float64[M, *S]; None unless second-order terms were asked
    for. Where a model has no finite value or derivative the result is nan.
    """

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    value: Floats
    sensitivity: Floats
    covariance: Floats
    standard_uncertainty: Floats
    degrees_of_freedom: Floats
    contributions: Floats
    """u_i(y) = |c_i| u(x_i), float64[M, n, *S]: equation (11b)."""
    shares: Floats
    """The inputs' shares in the first-order u_c^2, float64[M, n, *S]: a_i (R a)_i over their sum, 0 where that is 0."""
    bias: Floats | None


def propagate(
    model: Model,
    estimates: Mapping[str, ArrayLike],
    standard_uncertainties: Mapping[str, ArrayLike],
    *,
    degrees_of_freedom: Mapping[str, ArrayLike] | None = None,
    correlation: Correlation | None = None,
    second_order: bool = False,
) -> Propagation:
    """Propagate the uncertainties of the inputs through the model.

    Args:
        model: the model.
        estimates: x_i by name, of shapes that broadcast to S.
        standard_uncertainties: u(x_i) by name, likewise; inputs that are not named are constants.
        degrees_of_freedom: nu_i by name; inputs that are not named have infinite ones.
        correlation: of inputs, by name; the same for all budgets.
        second_order: add the terms of 5.1.2, note, and their extension to covariances (see `second_order`).

    Sensitivity coefficients are exact (automatic differentiation, see `jets`). Nothing is raised for numbers: a budget
    without a finite result is nan, so that one broken instrument does not stop a fleet. Raises KeyError for an input
    without an estimate.
    """
    inputs = model.inputs
    x = [np.asarray(estimates[name], dtype=np.float64) for name in inputs]
    u = [np.asarray(standard_uncertainties.get(name, 0.0), dtype=np.float64) for name in inputs]
    nu = [np.asarray((degrees_of_freedom or {}).get(name, np.inf), dtype=np.float64) for name in inputs]
    shape = np.broadcast_shapes(*(each.shape for each in (*x, *u, *nu)))
    flat = [[np.broadcast_to(each, shape).reshape(-1) if each.ndim else each for each in group] for group in (x, u, nu)]
    size = int(np.prod(shape, dtype=np.int64))
    mixing = _Mixing.of(inputs, correlation)
    blocks = []
    for start in range(0, max(size, 1), _CACHE_BLOCK):
        stop = min(start + _CACHE_BLOCK, size)
        part = [[each[start:stop] if each.ndim else each for each in group] for group in flat]
        blocks.append(_propagate_block(model, part[0], part[1], part[2], mixing, stop - start, second_order))
    names = blocks[0][0]

    def joined(index: int) -> Floats:
        whole = np.concatenate([block[1][index] for block in blocks], axis=-1)
        return whole.reshape(*whole.shape[:-1], *shape)

    value, variance = joined(0), joined(3)
    with np.errstate(invalid="ignore"):
        # Some functions have a derivative where they have no value.
        uncertainty = np.where(np.isfinite(value), np.sqrt(variance), np.nan)
    return Propagation(
        outputs=names,
        inputs=inputs,
        value=value,
        sensitivity=joined(1),
        covariance=joined(2),
        standard_uncertainty=uncertainty,
        degrees_of_freedom=joined(4),
        contributions=joined(5),
        shares=joined(6),
        bias=joined(7) if second_order else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Mixing:
    """The correlation matrix of a model's inputs, and which of them were estimated together."""

    matrix: Floats | None
    root: Floats | None
    blocks: tuple[tuple[int, ...], ...]
    together: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, inputs: Sequence[str], correlation: Correlation | None) -> _Mixing:
        if correlation is None:
            return cls(matrix=None, root=None, blocks=(), together=())
        place = {name: index for index, name in enumerate(correlation.names)}
        chosen = [place.get(name, -1) for name in inputs]
        # An input that the correlation does not know is independent of all others.
        matrix = np.eye(len(inputs))
        inside = [index for index, known in enumerate(chosen) if known >= 0]
        rows = [chosen[index] for index in inside]
        matrix[np.ix_(inside, inside)] = correlation.matrix[np.ix_(rows, rows)]
        new_place = {chosen[index]: index for index in inside}
        together = [tuple(new_place[i] for i in group if i in new_place) for group in correlation.simultaneous]
        local = Correlation(names=tuple(inputs), matrix=matrix, simultaneous=tuple(together))
        return cls(
            matrix=matrix, root=local.root, blocks=local.blocks, together=tuple(each for each in together if each)
        )


def _propagate_block(
    model: Model,
    x: Sequence[Floats],
    u: Sequence[Floats],
    nu: Sequence[Floats],
    mixing: _Mixing,
    size: int,
    second_order: bool,
) -> tuple[tuple[str, ...], list[Floats]]:
    """Names of the outputs, and the fields of Propagation in the order of the names there, each [..., size]."""
    n = len(x)
    spread = np.stack([np.broadcast_to(each, (size,)) for each in u]) if n else np.zeros((0, size))
    uncertain = np.flatnonzero(np.any(spread != 0.0, axis=1)) if size else np.arange(n)
    with np.errstate(all="ignore"):
        names, results = real_outputs(model.outputs, _differentiate(model, x, uncertain))
        value = np.stack([np.broadcast_to(value_of(each), (size,)).astype(np.float64) for each in results])
        sensitivity = np.zeros((len(names), n, size))
        for m, result in enumerate(results):
            if isinstance(result, Jet) and uncertain.size:
                sensitivity[m, uncertain] = np.broadcast_to(result.terms[0], (uncertain.size, size))
        signed = sensitivity * spread
        mixed = signed if mixing.matrix is None else np.einsum("ij,mjs->mis", mixing.matrix, signed)
        weights = signed * mixed
        covariance = np.einsum("mis,kis->mks", signed, mixed)
        variance = np.sum(weights, axis=1)
        shares = weights / np.where(variance > 0.0, variance, 1.0)[:, None]
        bias = np.zeros_like(value)
        if second_order and uncertain.size:
            found = second_order_terms(model, x, spread, mixing.root)
            covariance = covariance + found.covariance
            weights = _second_order_weights(weights, found, mixing.blocks)
            bias = found.bias
            variance = variance + np.einsum("mms->ms", found.covariance)
        covariance = 0.5 * (covariance + np.swapaxes(covariance, 0, 1))
        # Rounding may leave a variance of fully correlated inputs below 0 by the last digit.
        scale = np.sum(np.square(signed), axis=1)
        rounding = (variance < 0.0) & (variance > -1e-12 * scale)
        variance = np.where(rounding, 0.0, variance)
        degrees = np.stack([np.broadcast_to(each, (size,)) for each in nu]) if n else np.zeros((0, size))
        effective = _effective(variance, weights, degrees, mixing.together)
    return names, [value, sensitivity, covariance, variance, effective, np.abs(signed), shares, bias]


def _differentiate(model: Model, x: Sequence[Floats], uncertain: Array) -> tuple[Operand, ...]:
    """The outputs as jets of first order, one direction for each uncertain input."""
    operands: dict[str, Operand] = dict(zip(model.inputs, x, strict=True))
    for direction, index in enumerate(uncertain):
        unit = np.zeros((len(uncertain), 1))
        unit[direction] = 1.0
        operands[model.inputs[index]] = Jet(np.asarray(x[index]), (unit,))
    return model.evaluate(operands)


def _second_order_weights(first: Floats, found: SecondOrder, blocks: tuple[tuple[int, ...], ...]) -> Floats:
    """Weights d u_c^2 / d ln(u_i^2) with second-order terms.

    `found.weights` are exact for independent inputs. Within a block of correlated inputs they belong to mixtures of
    them; the block's sum is right and is divided as the first-order terms are.
    """
    weights = first + found.weights
    for block in blocks:
        members = list(block)
        total, base = np.sum(weights[:, members], axis=1), np.sum(first[:, members], axis=1)
        portion = np.where(base[:, None] > 0.0, first[:, members] / np.where(base > 0.0, base, 1.0)[:, None], 1.0)
        portion = portion / np.where(base[:, None] > 0.0, 1.0, float(len(members)))
        weights[:, members] = portion * total[:, None]
    return weights


def _effective(variance: Floats, weights: Floats, degrees: Floats, together: tuple[tuple[int, ...], ...]) -> Floats:
    """Effective degrees of freedom, float64[M, size]; weights of variances that were estimated together are summed."""
    if together:
        weights = weights.copy()
        for group in together:
            members = list(group)
            weights[:, members[0]] = np.sum(weights[:, members], axis=1)
            weights[:, members[1:]] = 0.0
    return np.stack([effective_degrees_of_freedom(v, w, degrees) for v, w in zip(variance, weights, strict=True)])
