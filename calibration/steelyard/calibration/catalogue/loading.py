"""The catalogue from TOML files: those that come with Steelyard, and what operators' files change or add by key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib import resources

from steelyard.calibration.catalogue.edition import Edition
from steelyard.calibration.catalogue.facts import Conditional, EditionText, KindText
from steelyard.calibration.catalogue.kind import Catalogue, Kind
from steelyard.calibration.catalogue.limits import needs_of
from steelyard.calibration.catalogue.plate import FIELDS, NamePlate
from steelyard.calibration.catalogue.products import names_in, product
from steelyard.calibration.errors import CatalogueError
from steelyard.calibration.mpe import builtin_tables
from steelyard.contracts.errors import ContractError
from steelyard.contracts.toml import convert, parse_toml
from steelyard.contracts.units import parse_unit

_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
Plain = dict[str, object]


@lru_cache(maxsize=1)
def builtin_catalogue() -> Catalogue:
    """The catalogue that comes with Steelyard. Kept: it does not change while a program runs."""
    return load_catalogue()


def load_catalogue(overrides: Sequence[tuple[str, str]] = ()) -> Catalogue:
    """The catalogue that comes with Steelyard, changed and added to by operators' files.

    A file is a kind. For one that is there already it need say only what differs: tables are merged key by key,
    editions matched by `document`, every other list replaced whole. A new kind says everything.

    Args:
        overrides: text and source (the file's name, for messages) of each file, later ones last.

    Raises:
        CatalogueError: naming the file, the key, its value and the remedy.
    """
    found = {name: (data, source) for name, (data, source) in _builtin_files().items()}
    for text, source in overrides:
        data = _parsed(text, source)
        name = _id(data, source)
        if name in found:
            base, built_in = found[name]
            found[name] = (_merged(base, data, source), f"{built_in} and {source}")
        else:
            found[name] = (data, source)
    known = list(found)
    return Catalogue({name: _kind(data, source, known) for name, (data, source) in sorted(found.items())})


@lru_cache(maxsize=1)
def _builtin_files() -> Mapping[str, tuple[Plain, str]]:
    folder = resources.files("steelyard.calibration.catalogue") / "kinds"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    found: dict[str, tuple[Plain, str]] = {}
    for file in files:
        data = _parsed(file.read_text(encoding="utf-8"), file.name)
        found[_id(data, file.name)] = (data, file.name)
    return found


@lru_cache(maxsize=1)
def _defaults() -> Plain:
    file = resources.files("steelyard.calibration.catalogue") / "defaults.toml"
    return _parsed(file.read_text(encoding="utf-8"), file.name)


def _parsed(text: str, source: str) -> Plain:
    try:
        return parse_toml(text, source)
    except ContractError as error:
        raise CatalogueError(error.field, error.value, error.remedy) from error


def _id(data: Plain, source: str) -> str:
    name = data.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise CatalogueError(f"{source}: id", name, "give the kind's name in lower case, such as water_meter")
    return name


def _merged(base: Plain, changes: Plain, source: str) -> Plain:
    """`base` with `changes` by key; editions by their document."""
    merged = _by_key(
        {k: v for k, v in base.items() if k != "edition"}, {k: v for k, v in changes.items() if k != "edition"}
    )
    editions = list(_tables(base, "edition", source))
    _require_documents_once(changes, source)
    for change in _tables(changes, "edition", source):
        document = change.get("document")
        if not isinstance(document, str):
            raise CatalogueError(f"{source}: edition.document", document, "is missing; name the edition that is meant")
        at = next((n for n, edition in enumerate(editions) if edition.get("document") == document), None)
        if at is None:
            editions.append(change)
        else:
            editions[at] = _by_key(editions[at], change)
    return {**merged, "edition": editions}


def _require_documents_once(data: Plain, source: str) -> None:
    documents = [edition.get("document") for edition in _tables(data, "edition", source)]
    for number, document in enumerate(documents):
        if document is not None and document in documents[:number]:
            remedy = f"stands in two [[edition]]; the file has {', '.join(map(str, documents))}: make one of the two"
            raise CatalogueError(f"{source}: edition.document", document, remedy)


def _require_day(value: object, field: str) -> None:
    try:
        right = type(value) is date or (isinstance(value, str) and bool(date.fromisoformat(value)))
    except ValueError:
        right = False
    if not right:
        raise CatalogueError(field, value, "give the day alone and without quotation marks, as in_force = 2018-05-20")


def _by_key(base: Plain, changes: Plain) -> Plain:
    merged = dict(base)
    for key, value in changes.items():
        mine = merged.get(key)
        merged[key] = _by_key(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged


def _tables(data: Plain, key: str, source: str) -> Iterator[Plain]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise CatalogueError(f"{source}: {key}", value, f"must be [[{key}]]")
    yield from value


def _kind(data: Plain, source: str, known: Iterable[str]) -> Kind:
    name = str(data["id"])
    editions = list(_tables(data, "edition", source))
    if not editions:
        near = difflib.get_close_matches(name, [each for each in known if each != name], n=1)
        hint = f"did you mean the kind '{near[0]}'?" if near else "a new kind says everything"
        raise CatalogueError(f"{source}: edition", None, f"is missing; {hint}")
    for given in editions:
        if "in_force" not in given:
            field = f"{source}: edition {given.get('document')!r}: in_force"
            raise CatalogueError(field, None, "is missing; give the day on which this edition came into force")
        _require_day(given["in_force"], f"{source}: edition {given.get('document')!r}: in_force")
    try:
        text = convert({**data, "edition": [_by_key(_defaults(), each) for each in editions]}, KindText, source)
    except ContractError as error:
        raise CatalogueError(error.field, error.value, error.remedy) from error
    plate = NamePlate(
        kind=text.id,
        names=text.names,
        unit=text.unit,
        units=text.units,
        classes=text.classes,
        class_aliases=text.class_aliases,
        parameters=text.parameters,
    )
    _check_plate(plate, text, source)
    for edition_text in text.edition:
        _check_edition(edition_text, plate, f"{source}: edition {edition_text.document!r}")
    by_day = sorted((_edition(each, plate) for each in text.edition), key=lambda edition: edition.in_force)
    for number, edition in enumerate(by_day):
        for other in by_day[:number]:
            if other.in_force == edition.in_force or other.document == edition.document:
                remedy = f"{other.document!r} is in force from {other.in_force}; keep one, or correct the day"
                raise CatalogueError(f"{source}: edition {edition.document!r}", edition.in_force.isoformat(), remedy)
    return Kind(
        id=text.id,
        names=text.names,
        aliases=text.aliases,
        quantity=text.quantity,
        second=text.second,
        plate=plate,
        editions=tuple(by_day),
        examples=text.example,
        file=source,
    )


def _edition(text: EditionText, plate: NamePlate) -> Edition:
    return Edition(
        plate=plate,
        document=text.document,
        in_force=text.in_force,
        oiml=text.oiml,
        source=text.source,
        confidence=text.confidence,
        note=text.note,
        regimes=text.regime,
        limits=text.mpe,
        regulated_points=text.test_points,
        repetitions=text.repetitions,
        environment=text.conditions,
        ratio=text.ratio,
        procedure=text.procedure,
        requirements=text.requirement,
        usual_uncertainty=text.usual_uncertainty,
        states=text.states,
    )


def _check_plate(plate: NamePlate, text: KindText, source: str) -> None:
    units = {"unit": plate.unit, **{f"units[{n}]": unit for n, unit in enumerate(plate.units)}}
    if text.second is not None:
        units["second.unit"] = text.second.unit
    for field, unit in units.items():
        try:
            parse_unit(unit, f"{source}: {field}")
        except ContractError as error:
            raise CatalogueError(error.field, error.value, error.remedy) from error
    for alias, name in plate.class_aliases.items():
        if name not in plate.classes:
            raise CatalogueError(f"{source}: class_aliases.{alias}", name, f"there are {', '.join(plate.classes)}")
    for name, parameter in plate.parameters.items():
        field = f"{source}: parameters.{name}"
        if name in FIELDS or name != name.casefold():
            raise CatalogueError(field, name, "give another name, in lower case")
        _check_names(names_in(parameter.default), plate, f"{field}.default")
        if parameter.default:
            _try_product(parameter.default, f"{field}.default")
        if parameter.default and not parameter.source:
            raise CatalogueError(f"{field}.source", "", "is missing; say where the default is from")


def _check_edition(text: EditionText, plate: NamePlate, field: str) -> None:
    """What one fact alone cannot know: names of classes, parameters, choices and tables."""
    if not text.regime:
        raise CatalogueError(f"{field}: regime", None, "is missing; give at least one rule")
    groups: dict[str, tuple[Conditional, ...]] = {
        "regime": text.regime,
        "mpe": text.mpe,
        "test_points": text.test_points,
    }
    for group, facts in groups.items():
        for number, fact in enumerate(facts):
            _check_conditions(fact, plate, f"{field}: {group}[{number}]", fields=() if group == "regime" else FIELDS)
    for number, limits in enumerate(text.mpe):
        place = f"{field}: mpe[{number}]"
        for text_of in needs_of(limits):
            _check_names(names_in(text_of), plate, place)
            _try_product(text_of, place)
        if limits.table is not None and limits.table not in builtin_tables():
            near = difflib.get_close_matches(limits.table, builtin_tables(), n=1)
            remedy = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(builtin_tables()))}"
            raise CatalogueError(f"{place}.table", limits.table, remedy)
    for number, points in enumerate(text.test_points):
        for text_of in (*points.products, *points.also.values()):
            _check_names(names_in(text_of), plate, f"{field}: test_points[{number}]")
            _try_product(text_of, f"{field}: test_points[{number}]")


def _try_product(text: str, field: str) -> None:
    """Refuse what is no product whatever the numbers are, such as a division by a zero that is written there."""
    product(text, dict.fromkeys(names_in(text), 1.0), field)


def _check_conditions(fact: Conditional, plate: NamePlate, field: str, *, fields: Iterable[str]) -> None:
    for name in fact.classes:
        if name not in plate.classes:
            raise CatalogueError(f"{field}.classes", name, f"there are {', '.join(plate.classes) or 'none'}")
    for name, condition in fact.when.items():
        _check_names((name,), plate, f"{field}.when", fields=fields)
        choices = plate.parameters[name].choices if name in plate.parameters else {}
        if bool(choices) != bool(condition.one_of) or set(condition.one_of) - set(choices):
            remedy = f"give is = [...] of {', '.join(choices)}" if choices else "give bounds: it is a number"
            raise CatalogueError(f"{field}.when.{name}", list(condition.one_of), remedy)


def _check_names(names: Iterable[str], plate: NamePlate, field: str, *, fields: Iterable[str] = FIELDS) -> None:
    known = [*plate.parameters, *fields]
    for name in names:
        if name not in known:
            raise CatalogueError(field, name, f"is no parameter of the kind; there are {', '.join(known) or 'none'}")
