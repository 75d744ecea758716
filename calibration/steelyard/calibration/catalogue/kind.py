"""A kind of instrument, and the catalogue of all of them."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from steelyard.calibration.catalogue.edition import Edition
from steelyard.calibration.catalogue.facts import Example, Names, Parameter, Second
from steelyard.calibration.catalogue.plate import NamePlate
from steelyard.calibration.errors import CatalogueError


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of instrument.

    `quantity` is the measurand in words, `second` the quantity that limits depend on beside it; `editions` are in the
    order in which they came into force; `examples` are devices that the catalogue's check tries; `file` is where the
    kind stands.
    """

    id: str
    names: Names
    aliases: tuple[str, ...]
    quantity: str
    second: Second | None
    plate: NamePlate
    editions: tuple[Edition, ...]
    examples: tuple[Example, ...]
    file: str

    @property
    def unit(self) -> str:
        """UCUM code of the measurand."""
        return self.plate.unit

    @property
    def units(self) -> tuple[str, ...]:
        """UCUM codes of other units that people use for it."""
        return self.plate.units

    @property
    def classes(self) -> tuple[str, ...]:
        """Accuracy classes; empty where there are none."""
        return self.plate.classes

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What the name plate says beside class and range, by name."""
        return self.plate.parameters

    def edition_on(self, day: date) -> Edition:
        """The newest edition in force on `day`; before the first one, the first."""
        in_force = [edition for edition in self.editions if edition.in_force <= day]
        return in_force[-1] if in_force else self.editions[0]

    def spelled(self) -> Iterator[str]:
        """Everything that means this kind."""
        yield from (self.id, self.names.zh, self.names.en, *self.aliases)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All kinds, by id."""

    kinds: Mapping[str, Kind]
    _ids: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a name that means two kinds."""
        ids: dict[str, str] = {}
        for kind in self.kinds.values():
            for name in kind.spelled():
                other = ids.setdefault(_spelling(name), kind.id)
                if other != kind.id:
                    raise CatalogueError(f"{kind.file}: aliases", name, f"means {other} already; take it out of one")
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))
        object.__setattr__(self, "_ids", MappingProxyType(ids))

    def kind(self, name: str) -> Kind:
        """The kind that `name` means: its id, Chinese or English name or an alias; case, width and spaces ignored.

        Raises CatalogueError that names the nearest choices.
        """
        found = self._ids.get(_spelling(name))
        if found is None:
            near = self._nearest(_spelling(name))
            remedy = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(self.kinds))}"
            raise CatalogueError("kind", name, f"the catalogue has no such kind; {remedy}")
        return self.kinds[found]

    def _nearest(self, spelling: str) -> list[str]:
        """Up to three kinds, as name and id."""
        close = difflib.get_close_matches(spelling, self._ids, n=6, cutoff=0.6)
        # A Chinese name is short: what it holds, or what holds it, is nearer than its letters tell.
        parts = [name for name in self._ids if len(spelling) > 1 and (spelling in name or name in spelling)]
        ids = list(dict.fromkeys(self._ids[name] for name in (*close, *parts)))[:3]
        return [f"{self.kinds[each].names.zh} ({each})" for each in ids]


def _spelling(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in folded if letter not in "_-、,·" and not letter.isspace())
