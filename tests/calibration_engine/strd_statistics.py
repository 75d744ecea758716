"""The sets of the NIST Statistical Reference Datasets for univariate statistics and analysis of variance.

https://www.itl.nist.gov/div898/strd/ - the constructed ones are made by NIST's rule, the observed ones are in data/.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "nist_strd_statistics"
SMLS_CENTRES = ("1.4", "1.3", "1.5", "1.3", "1.5", "1.3", "1.5", "1.3", "1.5")


def observed(name: str) -> dict[str, Any]:
    loaded = json.loads((DATA / f"{name}.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def alternating(centre: str, count: int) -> list[str]:
    """A value, then by turns a tenth less and a tenth more."""
    middle = Decimal(centre)
    tenth = Decimal("0.1")
    return [str(middle)] + [str(middle - tenth if place % 2 == 0 else middle + tenth) for place in range(count - 1)]


def numerical_accuracy(number: int) -> list[str]:
    """NumAcc1 to NumAcc4."""
    if number == 1:
        return ["10000001", "10000003", "10000002"]
    return alternating({2: "1.2", 3: "1000000.2", 4: "10000000.2"}[number], 1001)


def simon_lesage(number: int) -> dict[str, list[str]]:
    """SmLs01 to SmLs09: 21, 201 or 2001 values of nine treatments on a leading constant of 0, 10^6 or 10^12."""
    constant = (0, 10**6, 10**12)[(number - 1) // 3]
    count = (21, 201, 2001)[(number - 1) % 3]
    return {
        str(treatment): alternating(str(Decimal(centre) + constant), count)
        for treatment, centre in enumerate(SMLS_CENTRES, start=1)
    }


def printed_tolerance(text: str) -> float:
    """Half of the last printed digit."""
    return float(Decimal(5).scaleb(int(Decimal(text).as_tuple().exponent) - 1))
