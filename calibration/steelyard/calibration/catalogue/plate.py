"""What a device's name plate says, read by its kind: accuracy class, parameters, measuring range."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from steelyard.calibration.catalogue.facts import Conditional, Names, Parameter
from steelyard.calibration.catalogue.products import names_in, product
from steelyard.calibration.errors import CatalogueError
from steelyard.contracts.errors import ContractError
from steelyard.contracts.units import parse_unit

FIELDS: Final[dict[str, str]] = {
    "range_low": "lower end of the measuring range",
    "range_high": "upper end of the measuring range",
    "span": "measuring range, both ends of it",
    "scale_interval": "scale interval",
}
"""What products and conditions may speak of beside a kind's parameters, and what it is."""
ACCURACY_CLASS: Final = "accuracy_class"
_CIRCLED = str.maketrans({"①": "I", "②": "II", "③": "III", "④": "IIII"})
"""The oval with a Roman numeral that scales carry (OIML R 76-1:2006, 3.1.1), as people type it."""
_CLASS_WORDS = re.compile(r"(accuracy )?class|grade|准确度等级|等级|级|\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known of a device: numbers and texts by name (in the units of the kind), its class (None: not given)."""

    accuracy_class: str | None
    values: Mapping[str, float | str]

    @property
    def numbers(self) -> dict[str, float]:
        """The values that are numbers."""
        return {name: value for name, value in self.values.items() if not isinstance(value, str)}

    def fits(self, fact: Conditional) -> tuple[bool | None, tuple[str, ...]]:
        """Whether a fact holds for the device (None: cannot be told), and the names of what is missing to tell."""
        missing = []
        if fact.classes:
            if self.accuracy_class is None:
                missing.append(ACCURACY_CLASS)
            elif self.accuracy_class not in fact.classes:
                return False, ()
        for name, condition in fact.when.items():
            value = self.values.get(name)
            if value is None:
                missing.append(name)
            elif not condition.holds_for(value):
                return False, ()
        return (None if missing else True), tuple(missing)

    def lacks(self, *products: str) -> tuple[str, ...]:
        """The names in `products` that are not given as numbers."""
        known = self.numbers
        return tuple(dict.fromkeys(name for text in products for name in names_in(text) if name not in known))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePlate:
    """What the devices of a kind say of themselves.

    `unit` is the UCUM code of the measurand, `units` are others that people use for it; `class_aliases` what else is
    written for a class.
    """

    kind: str
    names: Names
    unit: str
    units: tuple[str, ...]
    classes: tuple[str, ...]
    class_aliases: Mapping[str, str]
    parameters: Mapping[str, Parameter]

    def read(
        self,
        *,
        accuracy_class: str | None,
        parameters: Mapping[str, float | str],
        range_low: float | None = None,
        range_high: float | None = None,
        scale_interval: float | None = None,
    ) -> Given:
        """What is known of a device. Raises CatalogueError for an unknown parameter, class or choice."""
        values: dict[str, float | str] = {}
        for written, value in parameters.items():
            name = self._parameter_named(written)
            values[name] = self._value(name, value)
        for name, number in (("range_low", range_low), ("range_high", range_high), ("scale_interval", scale_interval)):
            if number is not None:
                values[name] = _finite(f"{self.kind}: {name}", number)
        if range_low is not None and range_high is not None:
            values["span"] = range_high - range_low
        for name, parameter in self.parameters.items():
            known = {key: number for key, number in values.items() if not isinstance(number, str)}
            if name not in values and parameter.default and set(names_in(parameter.default)) <= known.keys():
                values[name] = product(parameter.default, known, f"{self.kind}: parameters.{name}.default")
        return Given(accuracy_class=self.class_named(accuracy_class), values=values)

    def class_named(self, text: str | None) -> str | None:
        """The class that `text` means (``1.6级``, ``Ⅲ``, ``class III``); of a kind with a single class that one.

        Raises CatalogueError that names the classes.
        """
        if text is None or not text.strip():
            return self.classes[0] if len(self.classes) == 1 else None
        if not self.classes:
            return None
        spelling = _class_spelling(text)
        for name in (*self.classes, *self.class_aliases):
            if _class_spelling(name) == spelling:
                return self.class_aliases.get(name, name)
        raise CatalogueError(f"{self.kind}: {ACCURACY_CLASS}", text, f"there are {', '.join(self.classes)}")

    def require_unit(self, unit: str | None) -> str:
        """The unit of a device's range: `unit`, or the kind's own where None. Raises CatalogueError."""
        if unit is None:
            return self.unit
        try:
            kind = parse_unit(unit).quantity_kind
        except ContractError as error:
            raise CatalogueError(f"{self.kind}: {error.field}", error.value, error.remedy) from error
        known = (self.unit, *self.units)
        # Percent and parts per million are one kind of unit, but not of instrument.
        kinds = {parse_unit(code).quantity_kind for code in known} - {"dimensionless"}
        if unit not in known and kind not in kinds:
            raise CatalogueError(f"{self.kind}: unit", unit, f"it indicates in {', '.join(known)}; give one of these")
        return unit

    def missing(self, name: str, document: str) -> CatalogueError:
        """The refusal for something that is not given."""
        if name == ACCURACY_CLASS:
            return CatalogueError(f"{self.kind}: {name}", None, f"is missing; there are {', '.join(self.classes)}")
        meaning = self.parameters[name].meaning if name in self.parameters else FIELDS[name]
        unit = f" in {self.parameters[name].unit}" if name in self.parameters and self.parameters[name].unit else ""
        return CatalogueError(f"{self.kind}: {name}", None, f"is missing; {document} needs the {meaning}{unit}")

    def _parameter_named(self, written: str) -> str:
        name = written.strip().casefold()
        if name in self.parameters:
            return name
        near = difflib.get_close_matches(name, self.parameters, n=1)
        known = ", ".join(self.parameters) or "none"
        remedy = f"did you mean '{near[0]}'?" if near else f"there is no such parameter; there are {known}"
        raise CatalogueError(f"{self.kind}: parameters.{written}", None, remedy)

    def _value(self, name: str, value: float | str) -> float | str:
        parameter, field = self.parameters[name], f"{self.kind}: {name}"
        if not parameter.choices:
            if isinstance(value, str):
                raise CatalogueError(field, value, f"give the {parameter.meaning} as a number")
            return _finite(field, value)
        spelling = _spelling(str(value))
        for choice, aliases in parameter.choices.items():
            if spelling in {_spelling(choice), *(_spelling(alias) for alias in aliases)}:
                return choice
        raise CatalogueError(field, value, f"give the {parameter.meaning}: {' or '.join(parameter.choices)}")


def _finite(field: str, value: float) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise CatalogueError(field, value, "give a finite number")
    return float(value)


def _spelling(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _class_spelling(text: str) -> str:
    """``Ⅲ级`` and ``III`` are one, and so are ``1`` and ``1.0``."""
    bare = _CLASS_WORDS.sub("", unicodedata.normalize("NFKC", text.translate(_CIRCLED)).casefold())
    return f"{float(bare):g}" if re.fullmatch(r"\d+(\.\d+)?", bare) else bare
