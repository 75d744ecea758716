"""The mean number of steps until a Markov chain leaves, without a subtraction.

W. K. Grassmann, M. I. Taksar, D. P. Heyman, Operations Research 33 (1985) 1107-1116; C. A. O'Cinneide, Numerische
Mathematik 65 (1993) 109-120. Solving (I - P) t = 1 loses as many digits as t is long; eliminating state by state from
the chances to leave, each of them known to all digits, loses none, and a run of 10^30 is as sure as one of ten.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_steps(transition: NDArray[np.float64], leaving: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean number of steps until the chain leaves, from each state.

    Args:
        transition: float64[n, n], the chance of a step from row to column; the diagonal is not read: what is left.
        leaving: float64[n], the chance to leave with one step.

    Returns:
        float64[n], one step at least; inf where the chain never leaves.
    """
    p = np.array(transition, dtype=np.float64)
    out = np.array(leaving, dtype=np.float64)
    n = len(out)
    steps = np.ones(n)
    departure = np.empty(n)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for state in range(n - 1, -1, -1):
            departure[state] = out[state] + p[state, :state].sum()
            share = p[:state, state] / departure[state]
            p[:state, :state] += share[:, None] * p[state, :state]
            out[:state] += share * out[state]
            steps[:state] += share * steps[state]
        found = np.empty(n)
        for state in range(n):
            found[state] = (steps[state] + p[state, :state] @ found[:state]) / departure[state]
    return found
