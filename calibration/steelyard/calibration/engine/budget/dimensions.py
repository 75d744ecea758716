"""Units as dimensions: what is needed to see that two terms cannot be added."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """Exponents of m, kg, s, A, K, mol, cd, and the unit's size in their product."""

    exponents: tuple[float, ...]
    scale: float

    def agrees(self, other: Dimension) -> bool:
        """Whether values in both units can be added."""
        return self.exponents == other.exponents and math.isclose(self.scale, other.scale, rel_tol=1e-9)

    def times(self, other: Dimension, power: float = 1.0) -> Dimension:
        """The unit multiplied by a power of another."""
        exponents = tuple(a + power * b for a, b in zip(self.exponents, other.exponents, strict=True))
        return Dimension(exponents=exponents, scale=self.scale * other.scale**power)

    @property
    def text(self) -> str:
        """In base units, for messages."""
        factors = [
            name if exponent == 1.0 else f"{name}^{exponent:g}"
            for name, exponent in zip(_BASE, self.exponents, strict=True)
            if exponent
        ]
        size = "" if math.isclose(self.scale, 1.0, rel_tol=1e-12) else f"{self.scale:.9g} "
        return size + (" ".join(factors) or "1")


ONE = Dimension(exponents=(0.0,) * len(_BASE), scale=1.0)


def _unit(scale: float = 1.0, **powers: float) -> Dimension:
    return Dimension(exponents=tuple(float(powers.get(name, 0.0)) for name in _BASE), scale=scale)


_PREFIXED = {
    **{name: _unit(**{name: 1.0}) for name in _BASE if name != "kg"},
    "g": _unit(1e-3, kg=1),
    "N": _unit(kg=1, m=1, s=-2),
    "Pa": _unit(kg=1, m=-1, s=-2),
    "bar": _unit(1e5, kg=1, m=-1, s=-2),
    "J": _unit(kg=1, m=2, s=-2),
    "W": _unit(kg=1, m=2, s=-3),
    "C": _unit(A=1, s=1),
    "V": _unit(kg=1, m=2, s=-3, A=-1),
    "Ohm": _unit(kg=1, m=2, s=-3, A=-2),
    "S": _unit(kg=-1, m=-2, s=3, A=2),
    "F": _unit(kg=-1, m=-2, s=4, A=2),
    "H": _unit(kg=1, m=2, s=-2, A=-2),
    "T": _unit(kg=1, s=-2, A=-1),
    "Hz": _unit(s=-1),
    "L": _unit(1e-3, m=3),
    "l": _unit(1e-3, m=3),
}
_PREFIXES = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1,
    "h": 1e2, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
}  # fmt: skip
_UNITS = {
    **{
        prefix + name: _unit(size).times(unit) for prefix, size in _PREFIXES.items() for name, unit in _PREFIXED.items()
    },
    **_PREFIXED,
    "t": _unit(1e3, kg=1),
    "degC": _unit(K=1),
    "Cel": _unit(K=1),
    "min": _unit(60.0, s=1),
    "h": _unit(3600.0, s=1),
    "d": _unit(86400.0, s=1),
    "psi": _unit(6894.757293168, kg=1, m=-1, s=-2),
    "[psi]": _unit(6894.757293168, kg=1, m=-1, s=-2),
    "mmHg": _unit(133.322387415, kg=1, m=-1, s=-2),
    "mm[Hg]": _unit(133.322387415, kg=1, m=-1, s=-2),
}
for _ambiguous in ("pH", "C", "F"):  # acidity, and how people abbreviate degrees Celsius and Fahrenheit
    del _UNITS[_ambiguous]
_SPELLINGS = {
    "°C": "degC", "ºC": "degC", "\N{GREEK CAPITAL LETTER OMEGA}": "Ohm", "ohm": "Ohm", "\N{GREEK SMALL LETTER MU}": "u",
    "**": "", "^": "", "·": ".", "⋅": ".", "*": ".", "−": "-", "(": "", ")": "",
}  # fmt: skip
_FACTOR = re.compile(r"(?P<name>1|[^\d\s./-]+)(?P<power>-?\d+)?")


def parse_unit(text: str) -> Dimension | None:
    """The dimension of a unit text, in UCUM codes or usual spellings (mg/L, µm·K⁻¹, kg/m3, 1/K).

    None if it is not known, or has no dimension but perhaps a size (%, ppm, rad); "1" is the plain number.
    """
    if text.strip() == "1":
        return ONE
    # Brackets after a solidus put all their factors below it; they are read as such.
    written = unicodedata.normalize("NFKC", text.strip())
    numerator, _, denominator = written.partition("/")
    below = [denominator] if "(" in denominator else denominator.split("/")
    result = _product(numerator or "1")
    for part in below if denominator else []:
        divisor = _product(part)
        result = None if result is None or divisor is None else result.times(divisor, -1.0)
    return None if result is None or result.exponents == ONE.exponents else result


def _product(text: str) -> Dimension | None:
    """Factors joined by points or spaces; None if one is not known."""
    for spelling, plain in _SPELLINGS.items():
        text = text.replace(spelling, plain)
    result = ONE
    for factor in re.split(r"[.\s]+", text.strip()):
        match = _FACTOR.fullmatch(factor)
        if match is None:
            return None
        unit = ONE if match["name"] == "1" else _UNITS.get(match["name"])
        if unit is None:
            return None
        result = result.times(unit, float(match["power"] or 1.0))
    return result
