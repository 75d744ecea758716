"""Models of a function of the response, as ``log(y) = b1 - b2*x``."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from steelyard.calibration.engine.budget.jets import Jet
from steelyard.calibration.engine.curves.errors import DataError, ModelChoiceError
from steelyard.calibration.engine.curves.models import RESPONSE, parse_expression
from steelyard.calibration.engine.curves.observations import Array, Observations

_WIDTH = 2
"""Dimensions of a covariance matrix."""


def split_response(text: str) -> tuple[str, str]:
    """What stands left and right of ``=``; ``y`` stands left where there is none. Raises ModelChoiceError."""
    left, equals, right = text.partition("=")
    if not equals:
        return RESPONSE, text
    if "=" in right or ";" in right:
        raise ModelChoiceError("model", text, "must be one equation")
    return left.strip() or RESPONSE, right


def transformed(data: Observations, left: str) -> Observations:
    """The observations with y replaced by a function of it, and the uncertainties that belong to that.

    Args:
        data: the observations.
        left: an expression in y.

    Raises:
        ModelChoiceError: for an expression in anything else.
        ModelError: for text that is no expression.
        DataError: where the function has no finite value.
    """
    if re.fullmatch(r"\w+", left):
        if left != RESPONSE:
            raise ModelChoiceError("model", left, f"the response is called {RESPONSE}")
        return data
    expression = parse_expression(left)
    if expression.names != (RESPONSE,):
        raise ModelChoiceError("model", left, f"must be a function of {RESPONSE} alone")
    with np.errstate(all="ignore"):
        found = expression.evaluate({RESPONSE: Jet(data.y, (np.ones((1, 1)),))})
        value, slope = found.value, np.broadcast_to(found.terms[0], (1, data.count))[0]
    bad = np.flatnonzero(~(np.isfinite(value) & np.isfinite(slope)))
    if bad.size:
        raise DataError("y", data.y[bad[0]], f"item {bad[0] + 1}: {left} has no finite value there")
    return replace(
        data,
        y=value,
        variance_y=None if data.variance_y is None else _scaled(data.variance_y, slope),
        covariance_xy={name: each * slope for name, each in data.covariance_xy.items()},
    )


def _scaled(variance: Array, slope: Array) -> Array:
    product: Array = variance * (np.outer(slope, slope) if variance.ndim == _WIDTH else slope**2)
    return product
