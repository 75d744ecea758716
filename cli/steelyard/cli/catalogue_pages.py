"""A catalogue as text for people and as plain data for programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from steelyard.calibration.catalogue import Catalogue, Edition, Kind, Regime
from steelyard.calibration.catalogue.facts import Conditional, Example, Fact, LimitsFact, RegimeRule, RegulatedPoints
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.mpe import Phase, builtin_tables, limits_at
from steelyard.contracts.units import parse_unit

_REGIMES = {
    Regime.FIRST_SCRAP: "first verification only, scrapped when inaccurate",
    Regime.FIRST_LIMITED: "first verification only, replaced at the end of its limit of use",
    Regime.PERIODIC: "verified periodically",
    Regime.VOLUNTARY: "calibrated by the owner's own policy",
}
_BASES = {
    "test_uncertainty": "expanded uncertainty of the test",
    "standard_mpe": "permissible error of the standard",
}
_CONFIDENCE = (
    "How well a fact is known: H read in a source, M secondary or partly recalled, L recalled: check it first."
)


def kinds_table(catalogue: Catalogue) -> str:
    """A line for each kind: its names, its newest edition, regimes and periods."""
    rows = [("kind", "中文", "English", "regulation", "regime, months")]
    for kind in catalogue.kinds.values():
        edition = kind.editions[-1]
        periods = dict.fromkeys(_period(rule) for rule in edition.regimes)
        rows.append((kind.id, kind.names.zh, kind.names.en, edition.document, "; ".join(periods)))
    return "\n".join(_columns(rows))


def kind_page(kind: Kind) -> str:
    """Everything about a kind, with sources."""
    return "\n".join(_page(kind)).rstrip()


def kind_as_json(kind: Kind) -> dict[str, object]:
    """Everything about a kind as plain data."""
    return {
        "id": kind.id,
        "names": {"zh": kind.names.zh, "en": kind.names.en},
        "aliases": list(kind.aliases),
        "quantity": kind.quantity,
        "unit": kind.unit,
        "units": list(kind.units),
        "second": msgspec.to_builtins(kind.second),
        "classes": list(kind.classes),
        "parameters": msgspec.to_builtins(dict(kind.parameters)),
        "editions": [_edition_as_json(edition) for edition in kind.editions],
    }


def _edition_as_json(edition: Edition) -> dict[str, object]:
    facts: dict[str, object] = {
        "regime": edition.regimes,
        "mpe": edition.limits,
        "test_points": edition.regulated_points,
        "repetitions": edition.repetitions,
        "conditions": edition.environment,
        "ratio": edition.ratio,
        "procedure": edition.procedure,
        "requirement": edition.requirements,
        "usual_uncertainty": edition.usual_uncertainty,
        "states": dict(edition.states),
    }
    return {
        "document": edition.document,
        "in_force": edition.in_force.isoformat(),
        "oiml": edition.oiml,
        "source": edition.source,
        "confidence": edition.confidence.value,
        **{name: msgspec.to_builtins(value) for name, value in facts.items()},
    }


def _page(kind: Kind) -> Iterator[str]:
    yield f"{kind.names.zh} - {kind.names.en} ({kind.id})"
    yield ""
    if kind.aliases:
        yield f"Also written: {', '.join(kind.aliases)}"
    yield f"Measurand: {kind.quantity}, in {', '.join(_symbol(code) for code in (kind.unit, *kind.units))}"
    if kind.second is not None:
        yield f"Second quantity: {kind.second.name}, in {_symbol(kind.second.unit)}"
    yield f"Accuracy classes: {', '.join(kind.classes) or 'none'}"
    for name, parameter in kind.parameters.items():
        unit = f", in {parameter.unit}" if parameter.unit else ""
        choices = f": {' or '.join(parameter.choices)}" if parameter.choices else ""
        default = f"; if not given, {parameter.default} ({parameter.source})" if parameter.default else ""
        yield f"Parameter {name}: {parameter.meaning}{unit}{choices}{default}"
    yield _CONFIDENCE
    for edition in reversed(kind.editions):
        yield ""
        yield from _edition_page(kind, edition)


def _edition_page(kind: Kind, edition: Edition) -> Iterator[str]:
    oiml = f", following {edition.oiml}" if edition.oiml else ""
    yield f"{edition.document}, in force from {edition.in_force.isoformat()}{oiml}"
    yield f"  {_known(edition.source, edition.confidence)}"
    yield "  Regime and period (the first line that fits holds)"
    for rule in edition.regimes:
        yield from _fact(f"{_for_whom(rule)}{_REGIMES[rule.regime]}{_counted(rule)}", rule)
    yield "  Maximum permissible error"
    if not edition.limits:
        yield "    - the regulation gives none, or none is known well enough; give it with the device"
    for limits in edition.limits:
        yield from _fact(f"{_for_whom(limits)}{_limits(limits)}", limits)
    yield from _tried(kind, edition)
    if edition.regulated_points:
        yield "  Test points"
    for points in edition.regulated_points:
        yield from _fact(f"{_for_whom(points)}{_points(points)}", points)
    yield from _conduct(edition)
    yield "  In the device's states"
    for state, effect in edition.states.items():
        orders = "orders are raised" if effect.orders else "no orders"
        yield from _fact(
            f"{state.value}: {orders}, the period {effect.period.value}, before use {effect.before_use.value}", effect
        )


def _conduct(edition: Edition) -> Iterator[str]:
    """How it is tested."""
    yield "  Conduct of the test"
    if edition.procedure is not None:
        yield from _fact(edition.procedure.text, edition.procedure)
    if edition.repetitions is not None:
        yield from _fact(f"at least {edition.repetitions.count} at each test point", edition.repetitions)
    for each in edition.environment:
        yield from _fact(f"{each.name} from {each.low:g} to {each.high:g} {_symbol(each.unit)}", each)
    if edition.ratio is not None:
        yield from _fact(
            f"{_BASES[edition.ratio.basis.value]} at most {edition.ratio.at_most:.3g} of the maximum permissible error",
            edition.ratio,
        )
    if (usual := edition.usual_uncertainty) is not None:
        yield from _fact(
            f"usual expanded uncertainty: {usual.lowest:g} to {usual.highest:g} of the maximum permissible error", usual
        )
    for requirement in edition.requirements:
        yield from _fact(requirement.text, requirement)


def _tried(kind: Kind, edition: Edition) -> Iterator[str]:
    """The limits of the file's example devices at their test points."""
    if not edition.limits:
        return
    for example in kind.examples:
        yield f"  Limits of an example ({_device(example)})"
        rows = [("    class", "at", *(phase.value for phase in Phase))]
        for accuracy_class in example.classes or kind.classes or (None,):
            rows += _limits_of(edition, example, accuracy_class)
        yield from _columns(rows)


def _limits_of(edition: Edition, example: Example, accuracy_class: str | None) -> Iterator[tuple[str, ...]]:
    values = (example.parameters, example.unit, example.range_low, example.range_high, example.scale_interval)
    parameters, unit, low, high, interval = values
    try:
        mpe = edition.mpe_for(
            accuracy_class=accuracy_class,
            parameters=parameters,
            unit=unit,
            range_low=low,
            range_high=high,
            scale_interval=interval,
        )
        points = edition.test_points_for(
            accuracy_class=accuracy_class,
            parameters=parameters,
            unit=unit,
            range_low=low,
            range_high=high,
            scale_interval=interval,
        )
        for point in points if mpe is not None else ():
            at = ", ".join(
                f"{value:g} {_symbol(unit)}" if name == "value" else f"{name} {value:g}"
                for name, value in point.items()
            )
            pairs = [limits_at(mpe, point, phase=phase) for phase in Phase] if mpe is not None else []
            limit_unit = "" if mpe is None else mpe.limit_unit
            yield (f"    {accuracy_class or '-'}", at, *(_between(low_, high_, limit_unit) for low_, high_ in pairs))
    except CalibrationError as error:
        yield (f"    {accuracy_class or '-'}", str(error))


def _device(example: Example) -> str:
    told = [f"{name} = {value}" for name, value in example.parameters.items()]
    if example.range_low is not None and example.range_high is not None:
        told.append(f"{example.range_low:g} to {example.range_high:g} {_symbol(example.unit)}")
    if example.scale_interval is not None:
        told.append(f"e = {example.scale_interval:g} {_symbol(example.unit)}")
    return ", ".join(told) or f"in {_symbol(example.unit)}"


def _for_whom(fact: Conditional) -> str:
    """For which devices a fact holds, as the beginning of its line."""
    told = []
    if isinstance(fact, RegimeRule) and fact.use:
        told.append(f"used for {' or '.join(use.value for use in fact.use)}")
    if fact.classes:
        told.append(f"class {', '.join(fact.classes)}")
    for name, condition in fact.when.items():
        bounds = (("from", condition.at_least), ("above", condition.above), ("up to", condition.at_most))
        words = [f"{word} {value:g}" for word, value in (*bounds, ("below", condition.below)) if value is not None]
        told.append(f"{name} {' '.join(words) or ' or '.join(condition.one_of)}")
    return f"{'; '.join(told)}: " if told else ""


def _counted(rule: RegimeRule) -> str:
    months = "" if rule.period_months is None else f", {rule.period_months} months"
    start = "being put into use" if rule.counts_from.value == "put_into_use" else "the last verification"
    return f"{months} from {start}" if months else ""


def _period(rule: RegimeRule) -> str:
    return rule.regime.value if rule.period_months is None else f"{rule.regime.value} {rule.period_months}"


def _limits(fact: LimitsFact) -> str:
    if fact.table is not None:
        table = builtin_tables()[fact.table]
        taken = ", ".join(f"{name} = {text}" for name, text in fact.parameters.items())
        return f"class table {fact.table} ({table.title}; {table.source}){f', with {taken}' if taken else ''}"
    told = [] if fact.rule is None else [_rule(fact.rule, fact.unit)]
    told += [f"{phase}: {_rule(rule, fact.unit)}" for phase, rule in fact.phases.items()]
    wider = f"; in use {fact.in_use_factor:g} times as wide" if fact.in_use_factor > 1.0 else ""
    return "; ".join(told) + wider


def _rule(rule: Mapping[str, Any], unit: str | None) -> str:
    """A rule in words."""
    in_unit = f" {_symbol(unit)}" if unit else ""
    match rule:
        case {"type": "absolute", "limit": limit}:
            return _sides(limit, rule.get("lower_limit"), in_unit)
        case {"type": "relative", "percent": percent}:
            return _sides(percent, rule.get("lower_percent"), " % of the value")
        case {"type": "of_span", "percent": percent}:
            return _sides(percent, rule.get("lower_percent"), " % of the measuring range")
        case {"type": "any_of", "rules": [*rules]}:
            return f"{' or '.join(_rule(each, unit) for each in rules)}, whichever is wider"
        case {"type": "cases", "cases": [*cases]}:
            return "; ".join(
                f"{_where(case['where'])}: {_rule(case['rule'], unit)}"
                if "where" in case
                else _rule(case["rule"], unit)
                for case in cases
            )
        case _:
            return str(dict(rule))


def _where(where: Mapping[str, Sequence[Sequence[float]]]) -> str:
    told = []
    for name, ranges in where.items():
        ends = [f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ranges]
        told.append(f"at {'' if name == 'value' else f'{name} '}{' or '.join(ends)}")
    return ", ".join(told)


def _sides(upper: object, lower: object, unit: str) -> str:
    return f"±{upper}{unit}" if lower is None else f"-{lower} to +{upper}{unit}"


def _points(points: RegulatedPoints) -> str:
    variable = f"{points.variable} " if points.variable else ""
    also = "".join(f", {name} {text}" for name, text in points.also.items())
    if points.of_range:
        return f"{variable}{', '.join(f'{100 * part:g} %' for part in points.of_range)} of the range{also}"
    if points.products:
        return f"{variable}{', '.join(points.products)}{also}"
    unit = f" {_symbol(points.unit)}" if points.unit else ""
    return f"{variable}{', '.join(f'{value:g}' for value in points.values)}{unit}{also}"


def _symbol(code: str) -> str:
    return parse_unit(code).symbol


def _between(lower: float, upper: float, code: str) -> str:
    unit = _symbol(code)
    return f"±{upper:g} {unit}" if lower == -upper else f"{lower:+g} to {upper:+g} {unit}"


def _fact(text: str, fact: Fact) -> Iterator[str]:
    yield f"    - {text}"
    yield f"      {_known(fact.source, fact.confidence)}"
    if fact.note:
        yield f"      Note: {fact.note}"


def _known(source: str, confidence: str) -> str:
    return f"[{confidence}] {source}"


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows with their cells under each other; a Chinese character takes two places."""
    count = max(len(row) for row in rows)
    widths = [max((_width(row[at]) for row in rows if at < len(row) - 1), default=0) for at in range(count)]
    for row in rows:
        cells = [cell + " " * (widths[at] - _width(cell)) for at, cell in enumerate(row)]
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
