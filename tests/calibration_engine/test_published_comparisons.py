"""Published interlaboratory comparisons as programs write them: several levels in one table, any case in the header."""

import math

import pytest
from calibration_engine.test_comparison_precision import SULFUR, SULFUR_ANSWERS
from calibration_engine.workbench import calc, refusal, run

# ISO 5725-2:1994, annex B.1, level 3, and its line of table B.6.
SULFUR_3 = {
    "1": ["1.68", "1.70", "1.68", "1.69"], "2": ["1.64", "1.64", "1.65"], "3": ["1.61", "1.61", "1.62"],
    "4": ["1.68", "1.66", "1.66"], "5": ["1.64", "1.67", "1.60", "1.66", "1.68"], "6": ["1.70", "1.73", "1.73"],
    "7": ["1.69", "1.70", "1.68"], "8": ["1.67", "1.68", "1.67"],
}  # fmt: skip
LEVELS = SULFUR | {3: SULFUR_3}
PRINTED = SULFUR_ANSWERS | {3: (1.667, 0.017, 0.035)}
COAL = "\n".join(
    ["Laboratory,Level,Value"]
    + [
        f"{name},{level},{value}"
        for level, groups in LEVELS.items()
        for name, values in groups.items()
        for value in values
    ]
)


def test_levels_of_sulfur_in_coal_in_one_table() -> None:
    answer = calc("compare", COAL, "--method", "iso5725-2")
    assert [each["level"] for each in answer["levels"]] == ["1", "2", "3"]
    for each in answer["levels"]:
        mean, repeatability, reproducibility = PRINTED[int(each["level"])]
        assert each["mean"] == pytest.approx(mean, abs=5e-4)
        assert each["repeatability_standard_deviation"] == pytest.approx(repeatability, abs=5e-4)
        assert each["reproducibility_standard_deviation"] == pytest.approx(reproducibility, abs=5e-4)
        assert len(each["laboratories"]) == 8


def test_people_read_one_level_after_the_other() -> None:
    status, out, _ = run(("calc", "compare", "-", "--method", "iso5725-2"), COAL)
    assert status == 0
    assert out.index("level 1") < out.index("level 2") < out.index("level 3")


def test_a_level_that_cannot_be_judged_is_named() -> None:
    message = refusal("compare", COAL + "\n1,9,5.0", "--method", "iso5725-2")
    assert "level '9'" in message
    assert "laboratory" in message


# R. C. Paule, J. Mandel, J. Res. NBS 87 (1982) 377: two laboratories' means with s and n; five heats of vaporization of
# cadmium with their variances. With two results the equation has the solution s_L^2 = (d^2 - u_1^2 - u_2^2) / 2.
def test_examples_of_paule_and_mandel() -> None:
    x, u = (201.533, 216.55), (0.154 / math.sqrt(6), 0.25 / math.sqrt(2))
    rows = "\n".join(f"{number},{each!r},{own!r}" for number, (each, own) in enumerate(zip(x, u, strict=True)))
    answer = calc("compare", "laboratory,value,standard_uncertainty\n" + rows, "--method", "mandel-paule")
    between = answer["between_laboratory_standard_deviation"]
    assert between**2 == pytest.approx(0.5 * ((x[1] - x[0]) ** 2 - u[0] ** 2 - u[1] ** 2), rel=1e-9)

    x2, v2 = (27.044, 26.022, 26.340, 26.787, 26.796), (0.003, 0.076, 0.464, 0.003, 0.014)
    rows = "\n".join(f"{number},{each},{math.sqrt(v)!r}" for number, (each, v) in enumerate(zip(x2, v2, strict=True)))
    cadmium = calc("compare", "LABORATORY,VALUE,STANDARD_UNCERTAINTY\n" + rows, "--method", "paule-mandel")
    weights = [1.0 / (v + cadmium["between_laboratory_standard_deviation"] ** 2) for v in v2]
    assert sum(w * (each - cadmium["value"]) ** 2 for w, each in zip(weights, x2, strict=True)) == pytest.approx(4.0)


def test_a_column_that_could_be_two_is_missing() -> None:
    message = refusal("compare", "laboratory,Value,VALUE\n1,2,3\n2,3,4", "--method", "algorithm-a")
    assert "'value' is missing" in message
