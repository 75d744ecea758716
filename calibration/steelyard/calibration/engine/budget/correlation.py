"""Correlations of input quantities: given, or estimated from simultaneous observations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.budget.errors import CorrelationError
from steelyard.calibration.engine.budget.parser import nearest
from steelyard.calibration.engine.budget.quantities import Quantity
from steelyard.calibration.engine.distributions.distribution import Floats

_ROUNDING = 1e-9
"""A smallest eigenvalue above minus this is rounding of a singular matrix, not a contradiction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """Correlation coefficient r(first, second) of two input quantities, between -1 and 1."""

    first: str
    second: str
    coefficient: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlation:
    """Correlation matrix float64[n, n] of the input quantities `names`.

    `simultaneous` are the groups (indices into `names`) whose variances were estimated together, from observations
    made at the same times.
    """

    names: tuple[str, ...]
    matrix: Floats
    simultaneous: tuple[tuple[int, ...], ...]

    @property
    def root(self) -> Floats:
        """The symmetric square root of the matrix; quantities that are not connected stay so."""
        values, vectors = np.linalg.eigh(self.matrix)
        return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)

    @property
    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Groups of two and more quantities that are connected by correlations."""
        left, found = set(range(len(self.names))), []
        while left:
            block, fresh = set[int](), {min(left)}
            while fresh:
                block |= fresh
                near = {int(j) for i in fresh for j in np.flatnonzero(self.matrix[i])}
                near |= {j for group in self.simultaneous if fresh & set(group) for j in group}
                fresh = near - block
            left -= block
            if len(block) > 1:
                found.append(tuple(sorted(block)))
        return tuple(found)


def correlate(
    quantities: Mapping[str, Quantity],
    coefficients: Sequence[Coefficient] = (),
    simultaneous: Sequence[Sequence[str]] = (),
) -> Correlation | None:
    """The correlation matrix of the quantities; None if all are independent.

    Args:
        quantities: the input quantities by name.
        coefficients: given coefficients.
        simultaneous: groups of quantities that were observed at the same times; their coefficients are estimated from
            their observations, r = s(q, r) / (s(q) s(r)): JCGM 100:2008, 5.2.3, equation (17), and H.2. A group of
            which only means and uncertainties are known has the one number of degrees of freedom that all of it
            state, and its coefficients are given.

    Raises CorrelationError for an unknown name, a coefficient outside [-1, 1], a pair that is given twice, groups of
    unequal numbers of observations or degrees of freedom, and a matrix that is not positive semidefinite.
    """
    if not coefficients and not simultaneous:
        return None
    names = tuple(quantities)
    matrix = np.eye(len(names))
    given: set[frozenset[str]] = set()
    groups: list[tuple[int, ...]] = []
    for position, group in enumerate(simultaneous):
        field = f"simultaneous[{position}]"
        members = _group(quantities, group, field)
        indices = tuple(names.index(name) for name in members)
        if all(quantities[name].observations is None for name in members):
            _require_common_degrees(quantities, members, field)
        else:
            observations = _observations(quantities, members, field, given)
            matrix[np.ix_(indices, indices)] = np.corrcoef(observations)
        groups.append(indices)
    for position, each in enumerate(coefficients):
        field = f"correlations[{position}]"
        first, second = _pair(quantities, each, field, given)
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = each.coefficient
    np.fill_diagonal(matrix, 1.0)
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest < -_ROUNDING * len(names):
        involved = sorted({name for pair in given for name in pair})
        remedy = (
            f"the matrix of {', '.join(involved)} is not positive semidefinite (smallest eigenvalue {smallest:.3g})"
        )
        raise CorrelationError("correlations", _shown(matrix, names, involved), f"{remedy}: no quantities can have it")
    return Correlation(names=names, matrix=matrix, simultaneous=tuple(groups))


def _group(quantities: Mapping[str, Quantity], group: Sequence[str], field: str) -> list[str]:
    members = list(group)
    if len(members) < 2 or len(set(members)) != len(members):
        raise CorrelationError(field, members, "must be two different quantities or more")
    for name in members:
        _require_uncertain(quantities, name, field)
    return members


def _require_common_degrees(quantities: Mapping[str, Quantity], members: Sequence[str], field: str) -> None:
    degrees = {name: quantities[name].degrees_of_freedom for name in members}
    if not all(math.isfinite(each) for each in degrees.values()):
        name = next(name for name, each in degrees.items() if not math.isfinite(each))
        remedy = "has no observations to estimate a correlation from, nor degrees of freedom; give one of them"
        raise CorrelationError(field, name, remedy)
    if len(set(degrees.values())) != 1:
        raise CorrelationError(field, degrees, "what was observed simultaneously has one number of degrees of freedom")


def _observations(
    quantities: Mapping[str, Quantity], members: Sequence[str], field: str, given: set[frozenset[str]]
) -> Floats:
    """Observations float64[members, n]; notes their pairs as given."""
    for name in members:
        if quantities[name].observations is None:
            raise CorrelationError(field, name, "has no observations to estimate a correlation from")
    counts = {name: _count(quantities[name]) for name in members}
    if len(set(counts.values())) != 1:
        raise CorrelationError(field, counts, "simultaneous observations must be equally many")
    if min(counts.values()) < 2:
        raise CorrelationError(field, counts, "two observations of each at least")
    for name in members:
        if np.ptp(np.asarray(quantities[name].observations)) == 0.0:
            raise CorrelationError(field, name, "its observations are all equal, so that they correlate with nothing")
    for i, first in enumerate(members):
        for second in members[i + 1 :]:
            _once(frozenset((first, second)), field, given)
    return np.array([quantities[name].observations for name in members])


def _pair(
    quantities: Mapping[str, Quantity], each: Coefficient, field: str, given: set[frozenset[str]]
) -> tuple[str, str]:
    if not -1.0 <= each.coefficient <= 1.0:
        raise CorrelationError(f"{field}.coefficient", each.coefficient, "must be between -1 and 1")
    if each.first == each.second:
        raise CorrelationError(f"{field}.between", each.first, "must be two different quantities")
    for name in (each.first, each.second):
        _require_uncertain(quantities, name, f"{field}.between")
    _once(frozenset((each.first, each.second)), f"{field}.between", given)
    return each.first, each.second


def _require_uncertain(quantities: Mapping[str, Quantity], name: str, field: str) -> None:
    if name not in quantities:
        raise CorrelationError(field, name, f"no such quantity; {nearest(name, quantities)}")
    if quantities[name].standard_uncertainty == 0.0:
        raise CorrelationError(field, name, "has no uncertainty that could be correlated")


def _once(pair: frozenset[str], field: str, given: set[frozenset[str]]) -> None:
    if pair in given:
        raise CorrelationError(field, sorted(pair), "the correlation of these two is given already")
    given.add(pair)


def _count(quantity: Quantity) -> int:
    return 0 if quantity.observations is None else int(quantity.observations.size)


def _shown(matrix: Floats, names: tuple[str, ...], involved: Sequence[str]) -> list[list[float]]:
    indices = [names.index(name) for name in involved]
    return [[round(float(matrix[i, j]), 6) for j in indices] for i in indices]
