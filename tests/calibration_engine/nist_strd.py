"""The data files of NIST's Statistical Reference Datasets, as `data/nist_strd` holds them: numbers as printed."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "nist_strd"


@dataclass(frozen=True)
class Parameter:
    name: str
    certified: str
    standard_deviation: str
    start1: str | None = None
    start2: str | None = None


@dataclass(frozen=True)
class Problem:
    name: str
    source: str
    model: str
    parameters: tuple[Parameter, ...]
    residual_sum_of_squares: str | None
    residual_standard_deviation: str
    degrees_of_freedom: int
    columns: dict[str, list[str]]

    def start(self, which: int) -> dict[str, float]:
        return {each.name: float(getattr(each, f"start{which}")) for each in self.parameters}

    def regressors(self) -> dict[str, list[float]]:
        return {name: [float(text) for text in column] for name, column in self.columns.items() if name != "y"}

    def y(self) -> list[float]:
        return [float(text) for text in self.columns["y"]]

    def csv(self) -> str:
        rows = zip(*self.columns.values(), strict=True)
        return "\n".join([",".join(self.columns), *(",".join(row) for row in rows)])

    def model_option(self) -> list[str]:
        if self.model == "line through zero":
            return ["--model", "line", "--through-zero"]
        return ["--model", self.model]


def problems(*, nonlinear: bool) -> list[Problem]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text())
        document["parameters"] = tuple(Parameter(**each) for each in document["parameters"])
        problem = Problem(**document)
        if (problem.parameters[0].start1 is not None) == nonlinear:
            found.append(problem)
    return found


def last_digit(text: str) -> float:
    """A unit of the last printed digit (not all are rounded rightly), and the rounding of a double."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return float(Decimal(10) ** exponent) + 2.3e-16 * abs(float(number))
