"""`steelyard calc budget`: the uncertainty of a model's outputs, by the GUM framework and by Monte Carlo."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from steelyard.calibration.engine.budget.correlation import Coefficient, Correlation, correlate
from steelyard.calibration.engine.budget.errors import BudgetError
from steelyard.calibration.engine.budget.evaluation import Budget, evaluate_budget
from steelyard.calibration.engine.budget.model import parse_model
from steelyard.calibration.engine.budget.quantities import Quantity, constant
from steelyard.calibration.engine.budget.tokens import is_name, normal_name
from steelyard.calibration.engine.budget.unit_check import output_units
from steelyard.calibration.engine.distributions.errors import DistributionError
from steelyard.calibration.engine.montecarlo.adaptive import simulate_adaptively
from steelyard.calibration.engine.montecarlo.errors import MonteCarloError
from steelyard.calibration.engine.montecarlo.simulation import SimulationResult, simulate
from steelyard.cli.calc.budget_report import as_json, as_text, draw
from steelyard.cli.calc.documents import Table, read_document
from steelyard.cli.calc.printing import add_output_arguments, print_json
from steelyard.cli.calc.quantities import read_quantity
from steelyard.cli.errors import CommandError

DEFAULT_TRIALS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarloRequest:
    """What `[monte_carlo]` asks for: so many `trials`, or the adaptive procedure if None; `digits` of u that matter."""

    trials: int | None
    digits: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetDocument:
    """A budget as it was read.

    `monte_carlo` None if not asked for; `written` are the quantities' names in the file; `units` the outputs' units
    where the quantities' units tell them, else None.
    """

    budget: Budget
    monte_carlo: MonteCarloRequest | None
    written: Mapping[str, str]
    units: Mapping[str, str | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.add_argument("file", metavar="FILE", help="the budget, TOML or JSON; - reads standard input")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the budget, evaluate it, print it."""
    document = read_document(arguments.file)
    try:
        asked = read_budget(document)
        result = evaluate_budget(asked.budget, require_derivatives=asked.monte_carlo is None)
        simulated = None if asked.monte_carlo is None else _simulate(asked.budget, asked.monte_carlo)
    except (BudgetError, DistributionError, MonteCarloError) as error:
        raise CommandError(f"{document.source}: {error}") from error
    digits = 2 if asked.monte_carlo is None else min(asked.monte_carlo.digits, 2)
    if arguments.plot is not None:
        draw(arguments.plot, result, simulated, asked.written)
    if arguments.json:
        print_json(as_json(result, simulated, asked.written, asked.units, digits))
    else:
        print(as_text(result, simulated, asked.written, asked.units, digits))
    return 0


def read_budget(document: Table) -> BudgetDocument:
    """What a document asks for. Raises CommandError and BudgetError that name the field."""
    text = _model_text(document)
    quantities, written = _quantities(document.table("quantities"))
    outputs = [normal_name(each) for each in document.texts("outputs")]
    probability = document.number("coverage_probability", 0.95)
    if not 0.0 < probability < 1.0:
        raise document.fault("coverage_probability", "must be between 0 and 1, as 0.95")
    factor = document.optional_number("coverage_factor", above=0.0)
    second_order = document.boolean("second_order", default=False)
    truncate = document.boolean("truncate_degrees_of_freedom", default=True)
    correlation = _correlation(document, quantities)
    request = _monte_carlo(document)
    document.finish()
    model = parse_model(text, quantities=list(quantities), outputs=outputs)
    budget = Budget(
        model=model,
        quantities=quantities,
        correlation=correlation,
        coverage_probability=probability,
        fixed_coverage_factor=factor,
        second_order=second_order,
        truncate_degrees_of_freedom=truncate,
    )
    units = output_units(model, {name: each.unit for name, each in quantities.items()})
    return BudgetDocument(budget=budget, monte_carlo=request, written=written, units=units)


def _model_text(document: Table) -> str:
    if isinstance(document.raw("model"), list):
        return "\n".join(document.texts("model"))
    return document.text("model")


def _quantities(table: Table) -> tuple[dict[str, Quantity], dict[str, str]]:
    quantities: dict[str, Quantity] = {}
    written: dict[str, str] = {}
    for key in table.keys():  # noqa: SIM118 - a Table is no dict
        if not is_name(key):
            raise table.fault(key, "a quantity's name has letters, digits and underscores, and no digit first")
        name = normal_name(key)
        if name in quantities:
            raise table.fault(key, f"cannot be told from {written[name]!r}; choose another name")
        value = table.raw(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            quantities[name] = constant(table.number(key))
        else:
            quantities[name] = read_quantity(table.table(key))
        written[name] = key
    if not quantities:
        raise CommandError(f"{table.source}: quantities: is empty; give [quantities.NAME] for each input of the model")
    return quantities, written


def _correlation(document: Table, quantities: Mapping[str, Quantity]) -> Correlation | None:
    coefficients = []
    for each in document.tables("correlations"):
        between = each.texts("between")
        if len(between) != 2:
            raise each.fault("between", "must be two quantities, as ['a', 'b']")
        coefficients.append(
            Coefficient(
                first=normal_name(between[0]), second=normal_name(between[1]), coefficient=each.number("coefficient")
            )
        )
        each.finish()
    simultaneous = document.raw("simultaneous")
    groups: list[list[str]] = []
    if simultaneous is not None:
        if isinstance(simultaneous, list) and simultaneous and all(isinstance(each, str) for each in simultaneous):
            simultaneous = [simultaneous]
        if not isinstance(simultaneous, list) or not all(
            isinstance(group, list) and all(isinstance(name, str) for name in group) for group in simultaneous
        ):
            raise document.fault("simultaneous", "must be lists of quantities, as [['a', 'b', 'c']]")
        groups = [[normal_name(name) for name in group] for group in simultaneous]
    return correlate(quantities, coefficients, groups)


def _monte_carlo(document: Table) -> MonteCarloRequest | None:
    written = document.raw("monte_carlo")
    if isinstance(written, bool):
        return MonteCarloRequest(trials=DEFAULT_TRIALS, digits=2, seed=0) if written else None
    table = document.optional_table("monte_carlo")
    if table is None:
        return None
    adaptive = table.boolean("adaptive", default=False)
    digits = table.integer("digits", 2, least=1)
    seed = table.integer("seed", 0)
    trials: int | None = None
    if not adaptive:
        trials = table.integer("trials", DEFAULT_TRIALS, least=1)
    elif "trials" in table:
        raise table.fault("trials", "the adaptive procedure decides how many; leave out trials or adaptive")
    table.finish()
    return MonteCarloRequest(trials=trials, digits=digits, seed=seed)


def _simulate(budget: Budget, request: MonteCarloRequest) -> SimulationResult:
    if request.trials is None:
        return simulate_adaptively(
            budget.model,
            budget.quantities,
            digits=request.digits,
            coverage_probability=budget.coverage_probability,
            correlation=budget.correlation,
            seed=request.seed,
        )
    return simulate(
        budget.model,
        budget.quantities,
        trials=request.trials,
        coverage_probability=budget.coverage_probability,
        correlation=budget.correlation,
        seed=request.seed,
    )
