"""Units by their UCUM codes.

A closed list: a code that is not here is refused, because a misread unit is a wrong value with a good signature.
Arithmetic on units happens outside contracts. Source: The Unified Code for Units of Measure (UCUM), case-sensitive
codes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from steelyard.contracts.errors import UnitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit.

    `code` is the UCUM code, `symbol` what people read (SI Brochure, 9th edition), `quantity_kind` what it measures: two
    units of one kind can be converted into each other.
    """

    code: str
    symbol: str
    quantity_kind: str


def _units(quantity_kind: str, *pairs: tuple[str, str]) -> list[Unit]:
    return [Unit(code=code, symbol=symbol, quantity_kind=quantity_kind) for code, symbol in pairs]


UNITS: dict[str, Unit] = {
    unit.code: unit
    for unit in (
        *_units("dimensionless", ("1", ""), ("%", "%"), ("[ppm]", "ppm")),
        *_units("voltage", ("V", "V"), ("mV", "mV"), ("uV", "µV"), ("kV", "kV")),
        *_units("current", ("A", "A"), ("mA", "mA"), ("uA", "µA")),
        *_units("power", ("W", "W"), ("kW", "kW"), ("MW", "MW")),
        *_units("reactive_power", ("var", "var"), ("kvar", "kvar")),
        *_units("apparent_power", ("V.A", "V·A"), ("kV.A", "kV·A")),
        *_units("energy", ("J", "J"), ("W.h", "W·h"), ("kW.h", "kW·h"), ("MW.h", "MW·h"), ("GJ", "GJ")),
        *_units("reactive_energy", ("kvar.h", "kvar·h")),
        *_units("apparent_energy", ("kV.A.h", "kV·A·h")),
        *_units("frequency", ("Hz", "Hz"), ("kHz", "kHz"), ("MHz", "MHz")),
        *_units("plane_angle", ("deg", "°"), ("rad", "rad")),
        *_units("electric_charge", ("A.h", "A·h")),
        *_units("temperature", ("Cel", "°C"), ("K", "K")),
        *_units("resistance", ("Ohm", "Ω"), ("mOhm", "mΩ"), ("kOhm", "kΩ")),
        *_units(
            "pressure",
            ("Pa", "Pa"),
            ("kPa", "kPa"),
            ("MPa", "MPa"),
            ("bar", "bar"),
            ("mbar", "mbar"),
            ("[psi]", "psi"),
            ("mm[Hg]", "mmHg"),
        ),
        *_units("mass", ("kg", "kg"), ("g", "g"), ("mg", "mg"), ("t", "t")),
        *_units("length", ("m", "m"), ("mm", "mm"), ("um", "µm"), ("km", "km")),
        *_units("time", ("s", "s"), ("ms", "ms"), ("min", "min"), ("h", "h"), ("d", "d")),
        *_units("volume", ("m3", "m³"), ("L", "L"), ("mL", "mL")),
        *_units("volume_flow", ("m3/h", "m³/h"), ("L/min", "L/min"), ("L/h", "L/h")),
        *_units("mass_flow", ("kg/h", "kg/h"), ("t/h", "t/h")),
        *_units("conductivity", ("S/m", "S/m"), ("mS/cm", "mS/cm"), ("uS/cm", "µS/cm")),
        *_units("amount_fraction", ("umol/mol", "µmol/mol")),
        *_units("force", ("N", "N"), ("kN", "kN")),
        *_units("speed", ("m/s", "m/s"), ("km/h", "km/h")),
    )
}


def parse_unit(code: object, field: str = "unit") -> Unit:
    """Return the unit with this UCUM code or raise UnitError with the nearest known codes."""
    if isinstance(code, str):
        unit = UNITS.get(code)
        if unit is not None:
            return unit
        near = difflib.get_close_matches(code, UNITS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see the table of units in the reference"
    else:
        hint = "a unit is text"
    raise UnitError(field, code, f"no such UCUM code is registered; {hint}")
