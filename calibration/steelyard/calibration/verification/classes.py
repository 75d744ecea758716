"""Accuracy classes as MPE rules, with the document each comes from.

Editions change and national rules differ: a rule here is a starting point that an operator may replace by another
`MaximumPermissibleError`. In-use factors are given only where the named document states one.
"""

from __future__ import annotations

from typing import Final

from steelyard.calibration.errors import MpeError
from steelyard.calibration.verification.mpe import (
    Absolute,
    Linear,
    MaximumPermissibleError,
    OfSpan,
    Piecewise,
    Relative,
    Zone,
)

# OIML R 76-1:2006, 3.5.1, Table 6: the last load, in verification scale intervals e, of the zones 0.5 e, 1.0 e and
# 1.5 e; class I has no upper end of its own (its zone ends where the instrument does).
_WEIGHING_ZONES: Final[dict[str, tuple[float, float, float | None]]] = {
    "I": (50_000.0, 200_000.0, None),
    "II": (5_000.0, 20_000.0, 100_000.0),
    "III": (500.0, 2_000.0, 10_000.0),
    "IIII": (50.0, 200.0, 1_000.0),
}

# IEC 60751:2022, tolerance classes of resistance thermometers: constant in degC, slope in degC per degC.
_THERMOMETER: Final[dict[str, tuple[float, float]]] = {
    "AA": (0.1, 0.0017),
    "A": (0.15, 0.002),
    "B": (0.3, 0.005),
    "C": (0.6, 0.01),
}

# JJG 52-2013: classes of pressure gauges in percent of span, and what holds in the last tenth of the scale.
_GAUGE_LAST_TENTH: Final[dict[str, tuple[float, float]]] = {
    "1.0": (1.0, 1.6),
    "1.6": (1.6, 2.5),
    "2.5": (2.5, 4.0),
    "4.0": (4.0, 4.0),
}


def weighing_instrument(accuracy_class: str, *, interval: float, unit: str) -> MaximumPermissibleError:
    """Non-automatic weighing instrument (OIML R 76-1:2006, 3.5.1 and 3.5.2: in service twice that of verification).

    `interval` is the verification scale interval e, in `unit`. Each zone includes its upper end.
    """
    if accuracy_class not in _WEIGHING_ZONES:
        raise MpeError("accuracy_class", accuracy_class, f"give one of {', '.join(_WEIGHING_ZONES)}")
    if not interval > 0.0:
        raise MpeError("interval", interval, "give the verification scale interval e, positive")
    ends = _WEIGHING_ZONES[accuracy_class]
    zones = tuple(
        Zone(up_to=None if end is None else end * interval, rule=Absolute(limit=factor * interval))
        for end, factor in zip(ends, (0.5, 1.0, 1.5), strict=True)
    )
    return MaximumPermissibleError(
        unit=unit, rule=Piecewise(zones=zones), source="OIML R 76-1:2006, Table 6; 3.5.2 in service", in_use_factor=2.0
    )


def resistance_thermometer(tolerance_class: str) -> MaximumPermissibleError:
    """Industrial platinum resistance thermometer, in degrees Celsius (IEC 60751)."""
    if tolerance_class not in _THERMOMETER:
        raise MpeError("tolerance_class", tolerance_class, f"give one of {', '.join(_THERMOMETER)}")
    constant, slope = _THERMOMETER[tolerance_class]
    return MaximumPermissibleError(
        unit="Cel", rule=Linear(constant=constant, slope=slope), source=f"IEC 60751:2022, class {tolerance_class}"
    )


def electricity_meter(class_percent: float, *, unit: str) -> MaximumPermissibleError:
    """Active energy or power at reference load (JJG 596-2012): the class in percent of the value.

    The wider limits at low load are not stated here: observations at low load are left out instead.
    """
    return MaximumPermissibleError(unit=unit, rule=Relative(percent=class_percent), source="JJG 596-2012, class index")


def pressure_instrument(class_percent: float, *, span: float, unit: str) -> MaximumPermissibleError:
    """Pressure transmitter or gauge whose class is the MPE in percent of span (EN 837-1)."""
    return MaximumPermissibleError(
        unit=unit, rule=OfSpan(percent=class_percent, span=span), source="EN 837-1, class in percent of span"
    )


def general_pressure_gauge(accuracy_class: str, *, scale_end: float, unit: str) -> MaximumPermissibleError:
    """Bourdon gauge with a scale from zero (JJG 52-2013): above 90 % of the scale one class wider."""
    if accuracy_class not in _GAUGE_LAST_TENTH:
        raise MpeError("accuracy_class", accuracy_class, f"give one of {', '.join(_GAUGE_LAST_TENTH)}")
    below, last_tenth = _GAUGE_LAST_TENTH[accuracy_class]
    zones = (
        Zone(up_to=0.9 * scale_end, rule=OfSpan(percent=below, span=scale_end), inclusive=False),
        Zone(up_to=scale_end, rule=OfSpan(percent=last_tenth, span=scale_end)),
    )
    return MaximumPermissibleError(
        unit=unit, rule=Piecewise(zones=zones), source=f"JJG 52-2013, class {accuracy_class}"
    )
