"""Integrals of piecewise smooth functions over a finite interval, by Gauss-Legendre panels that halve where needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.conformance.errors import ConformanceError

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_RELATIVE, _ABSOLUTE = 1e-12, 1e-17
_ROUNDS = 48
_MOST_PANELS = 200_000


def integrate(function: Callable[[Floats], Floats], edges: Floats) -> float:
    """The integral of `function` from the first to the last of the rising `edges` float64[m], m of 2 or more.

    `function` takes and returns float64[n], finite inside the panels. A panel is halved until its halves agree with
    the whole to 1e-12 of the integral. Raises ConformanceError if that is not reached.
    """
    left, right = edges[:-1], edges[1:]
    whole = _panels(function, left, right)
    total = 0.0
    for _ in range(_ROUNDS):
        middle = 0.5 * (left + right)
        first, second = _panels(function, left, middle), _panels(function, middle, right)
        halves = first + second
        scale = abs(total + float(np.sum(halves)))
        close = np.abs(halves - whole) <= np.maximum(_ABSOLUTE, _RELATIVE * scale)
        total += float(np.sum(halves[close]))
        open_ = ~close
        if not np.any(open_):
            return total
        left, right = np.append(left[open_], middle[open_]), np.append(middle[open_], right[open_])
        whole = np.append(first[open_], second[open_])
        if left.size > _MOST_PANELS:
            break
    raise ConformanceError(
        "prior", f"{left.size} panels", "the integral over this distribution does not converge; give a smoother one"
    )


def _panels(function: Callable[[Floats], Floats], left: Floats, right: Floats) -> Floats:
    half = 0.5 * (right - left)
    x = (0.5 * (right + left))[:, None] + half[:, None] * _NODES
    return np.asarray(half * (function(x.ravel()).reshape(x.shape) @ _WEIGHTS))
