"""Draws of all input quantities together, with their correlations.

Each independent quantity, and each block of correlated ones, has a stream of random numbers of its own, named by the
seed and the quantities' names: results depend neither on the order of the quantities nor on what else is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtr

from steelyard.calibration.engine.budget.correlation import Correlation
from steelyard.calibration.engine.budget.quantities import Quantity
from steelyard.calibration.engine.distributions.distribution import Distribution, Floats
from steelyard.calibration.engine.distributions.unbounded import Normal
from steelyard.calibration.engine.montecarlo.copula import normal_correlation
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError


class Source(Protocol):
    """What draws one or several quantities."""

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities."""
        ...

    @property
    def moments(self) -> int:
        """How many moments they have: 2 with mean and variance, 1 with a mean only, 0 with none."""
        ...

    def draw(self, size: int) -> tuple[Floats, ...]:
        """The next draws of each, float64[size]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Single:
    """One independent quantity."""

    names: tuple[str, ...]
    distribution: Distribution
    generator: np.random.Generator

    @property
    def moments(self) -> int:
        if np.isfinite(self.distribution.standard_deviation):
            return 2
        return 1 if np.isfinite(self.distribution.mean) else 0

    def draw(self, size: int) -> tuple[Floats, ...]:
        return (self.distribution.sample(self.generator, size),)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _MultivariateNormal:
    """N(mean, root root^T): JCGM 101:2008, 6.4.8. With degrees of freedom multivariate t: JCGM 102:2011, 5.3.2."""

    names: tuple[str, ...]
    mean: Floats
    root: Floats
    degrees_of_freedom: float
    generator: np.random.Generator

    @property
    def moments(self) -> int:
        return sum(self.degrees_of_freedom > order for order in (1.0, 2.0))

    def draw(self, size: int) -> tuple[Floats, ...]:
        draws = self.root @ self.generator.standard_normal((len(self.names), size))
        if np.isfinite(self.degrees_of_freedom):
            chi_square = 2.0 * self.generator.standard_gamma(0.5 * self.degrees_of_freedom, size)
            draws *= np.sqrt(self.degrees_of_freedom / chi_square)
        draws += self.mean[:, None]
        return tuple(draws)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _NormalCopula:
    """Correlated quantities of any distributions: each is the quantile of a correlated normal's probability."""

    names: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    root: Floats
    generator: np.random.Generator

    @property
    def moments(self) -> int:
        return 2  # `normal_correlation` refuses others

    def draw(self, size: int) -> tuple[Floats, ...]:
        normal = self.root @ self.generator.standard_normal((len(self.names), size))
        # A probability of 1 to the last digit has no quantile.
        probabilities = np.clip(ndtr(normal), np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg)
        return tuple(each.quantile(p) for each, p in zip(self.distributions, probabilities, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampler:
    """`sources` of the uncertain quantities; `constants` are the others' values."""

    sources: tuple[Source, ...]
    constants: Mapping[str, float]

    @property
    def independent(self) -> dict[str, Distribution]:
        """The distributions of the quantities that are independent of all others."""
        return {source.names[0]: source.distribution for source in self.sources if isinstance(source, _Single)}

    @property
    def moments(self) -> int:
        """How many moments all quantities have, 0 to 2."""
        return min((source.moments for source in self.sources), default=2)

    def draw(self, size: int) -> dict[str, Floats | float]:
        """The next `size` draws by name; the i-th of all belong together."""
        drawn: dict[str, Floats | float] = dict(self.constants)
        for source in self.sources:
            drawn.update(zip(source.names, source.draw(size), strict=True))
        return drawn


def make_sampler(
    quantities: Mapping[str, Quantity], names: tuple[str, ...], correlation: Correlation | None, seed: int
) -> Sampler:
    """Prepare to draw the quantities `names`.

    Correlated normal quantities are multivariate normal (JCGM 101:2008, 6.4.8). Quantities whose correlations were
    estimated from n simultaneous observations, and that are correlated with no others, are multivariate t with n - N
    degrees of freedom for N quantities (JCGM 102:2011, 5.3.2). All others have their distributions joined by a normal
    copula whose correlation is chosen so that the quantities have the stated coefficients.

    Raises MonteCarloError for coefficients that the distributions cannot have, and for n <= N.
    """
    blocks = () if correlation is None else correlation.blocks
    blocked: dict[str, tuple[int, ...]] = {}
    if correlation is not None:
        blocked = {correlation.names[index]: block for block in blocks for index in block}
    sources: list[Source] = []
    constants: dict[str, float] = {}
    done: set[tuple[int, ...]] = set()
    for name in names:
        quantity = quantities[name]
        block = blocked.get(name)
        if quantity.distribution is None:
            constants[name] = quantity.estimate
        elif block is None or correlation is None:
            stream = _generator(seed, (name,))
            sources.append(_Single(names=(name,), distribution=quantity.distribution, generator=stream))
        elif block not in done:
            done.add(block)
            sources.append(_block(quantities, correlation, block, seed))
    return Sampler(sources=tuple(sources), constants=constants)


def _block(
    quantities: Mapping[str, Quantity], correlation: Correlation, block: tuple[int, ...], seed: int
) -> _MultivariateNormal | _NormalCopula:
    members = sorted(correlation.names[index] for index in block)
    indices = [correlation.names.index(name) for name in members]
    matrix = correlation.matrix[np.ix_(indices, indices)]
    chosen = [quantities[name] for name in members]
    distributions = [each.distribution for each in chosen if each.distribution is not None]
    stream = _generator(seed, tuple(members))
    mean = np.array([each.estimate for each in chosen])
    u = np.array([each.standard_uncertainty for each in chosen])
    if any(set(group) == set(block) for group in correlation.simultaneous):
        count = min(
            each.degrees_of_freedom + 1.0 if each.observations is None else float(each.observations.size)
            for each in chosen
        )
        nu = count - len(members)
        if nu < 1:
            remedy = (
                f"{count:g} simultaneous observations of {len(members)} quantities have no joint distribution "
                f"(JCGM 102:2011, 5.3.2); give {len(members) + 1} at least"
            )
            raise MonteCarloError("simultaneous", members, remedy)
        u *= np.sqrt((count - 1.0) / nu)
        return _MultivariateNormal(
            names=tuple(members), mean=mean, root=u[:, None] * _root(matrix), degrees_of_freedom=nu, generator=stream
        )
    if all(isinstance(each, Normal) for each in distributions):
        return _MultivariateNormal(
            names=tuple(members),
            mean=mean,
            root=u[:, None] * _root(matrix),
            degrees_of_freedom=np.inf,
            generator=stream,
        )
    joined = normal_correlation(members, distributions, matrix)
    return _NormalCopula(names=tuple(members), distributions=tuple(distributions), root=_root(joined), generator=stream)


def _root(matrix: Floats) -> Floats:
    """A matrix whose product with its transpose is `matrix`, which may be singular."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _generator(seed: int, names: tuple[str, ...]) -> np.random.Generator:
    words = list("\0".join(names).encode())
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words])))
