"""The 1000-point set of NIST SP 1065 as Stable32 1.60 prints it, over all octaves (data files of allantools)."""

from itertools import accumulate
from statistics import fmean

import pytest
from calibration_engine.test_stability_allan import csv, thousand_frequencies
from calibration_engine.workbench import calc, refusal

# PHASE.DAT, factors 1, 2, 4, …: alpha 0, no bias removed.
OCTAVES = {
    "adev": (2.9223e-1, 2.0510e-1, 1.4943e-1, 1.1013e-1, 6.2381e-2, 5.6233e-2, 3.2550e-2, 3.3855e-2),
    "oadev": (2.9223e-1, 2.0102e-1, 1.4479e-1, 1.0570e-1, 6.1915e-2, 4.8082e-2, 3.6237e-2, 2.7674e-2),
    "mdev": (2.9223e-1, 1.5821e-1, 1.0780e-1, 7.4192e-2, 4.1376e-2, 3.4255e-2, 2.7871e-2, 1.8669e-2),
    "tdev": (1.6872e-1, 1.8268e-1, 2.4895e-1, 3.4268e-1, 3.8221e-1, 6.3287e-1, 1.0298, 1.3797),
    "hdev": (2.9439e-1, 2.0716e-1, 1.4890e-1, 1.1649e-1, 5.9589e-2, 5.4697e-2, 3.0569e-2, 3.8060e-2),
    "ohdev": (2.9439e-1, 2.0125e-1, 1.4368e-1, 1.0987e-1, 6.0638e-2, 4.5095e-2, 3.3824e-2, 2.9147e-2),
    "totdev": (2.9223e-1, 2.0089e-1, 1.4444e-1, 1.0540e-1, 6.1788e-2, 4.8580e-2, 3.5905e-2, 3.1259e-2, 1.3369e-2),
}
# Factor, tau, number of terms, deviation.
THEO1 = [
    (10, 7.5, 4955, 1.0757e-1), (20, 15.0, 9810, 7.2762e-2), (40, 30.0, 19220, 4.8652e-2),
    (100, 75.0, 45050, 3.1789e-2),
    (202, 151.5, 80699, 2.4120e-2), (400, 300.0, 120200, 1.4321e-2), (998, 748.5, 1497, 5.0234e-3),
]  # fmt: skip
MTIE = {1: 0.50597, 3: 1.2984, 7: 2.2922, 15: 2.9949, 31: 4.4550, 63: 6.5989, 127: 6.8061, 255: 7.8205, 511: 7.8205}
TIE_RMS = {1: 0.28832, 10: 0.87588, 129: 2.9520}


def thousand_phases() -> list[float]:
    """PHASE.DAT: the phase of the frequencies less their mean."""
    frequencies = thousand_frequencies()
    mean = fmean(frequencies)
    return list(accumulate((each - mean for each in frequencies), initial=0.0))


@pytest.mark.parametrize("statistic", OCTAVES)
def test_octaves_of_stable32(statistic: str) -> None:
    printed = OCTAVES[statistic]
    factors = ",".join(str(1 << power) for power in range(len(printed)))
    answer = calc("stability", csv(thousand_frequencies()), "--statistic", statistic, "--factors", factors)
    found = [each["deviation"] for each in answer["deviations"][statistic]]
    assert found == pytest.approx(printed, rel=5.1e-5)


def test_theo1_of_stable32() -> None:
    factors = ",".join(str(factor) for factor, *_ in THEO1)
    answer = calc("stability", csv(thousand_phases()), "--data", "phase", "--statistic", "theo1", "--factors", factors)
    for each, (factor, tau, n, deviation) in zip(answer["deviations"]["theo1"], THEO1, strict=True):
        assert (each["factor"], each["tau"], each["n"]) == (factor, pytest.approx(tau), n)
        assert each["deviation"] == pytest.approx(deviation, rel=5.1e-5)


@pytest.mark.parametrize(("statistic", "printed"), [("mtie", MTIE), ("tierms", TIE_RMS)])
def test_interval_errors_of_stable32(statistic: str, printed: dict[int, float]) -> None:
    factors = ",".join(map(str, printed))
    answer = calc(
        "stability", csv(thousand_phases()), "--data", "phase", "--statistic", statistic, "--factors", factors
    )
    found = answer["deviations"][statistic]
    assert [each["deviation"] for each in found] == pytest.approx(list(printed.values()), rel=5.1e-5)
    assert [each["n"] for each in found] == [1001 - factor for factor in printed]


@pytest.mark.parametrize("factor", [8, 11, 1001])
def test_theo1_names_the_factors_that_it_takes(factor: int) -> None:
    message = refusal("stability", csv(thousand_frequencies()), "--statistic", "theo1", "--factors", str(factor))
    assert "--factors" in message
    assert "even factors from 10" in message
