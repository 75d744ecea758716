"""Thermocouples against the tables of NIST SRD 60 (IEC 60584-1): 0.001 mV printed, half of it allowed."""

import numpy as np
import pytest
from calibration_engine.sensor_command import sensor_answer, sensor_refusal
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.sensors.errors import CoefficientError, RangeError
from steelyard.calibration.engine.sensors.thermocouple import Thermocouple
from steelyard.calibration.engine.sensors.thermocouple_coefficients import REFERENCE_FUNCTIONS

TABLES = {
    "B": {600: 1.792, 1000: 4.834, 1500: 10.099, 1820: 13.820},
    "E": {-270: -9.835, -200: -8.825, -100: -5.237, 0: 0.0, 100: 6.319, 500: 37.005, 1000: 76.373},
    "J": {-210: -8.095, -100: -4.633, 0: 0.0, 100: 5.269, 500: 27.393, 760: 42.919, 1000: 57.953, 1200: 69.553},
    "K": {
        -270: -6.458, -200: -5.891, -100: -3.554, 0: 0.0, 25: 1.000, 42: 1.694, 100: 4.096, 500: 20.644, 1000: 41.276,
        1300: 52.410, 1372: 54.886,
    },
    "N": {-270: -4.345, -200: -3.990, -100: -2.407, 0: 0.0, 100: 2.774, 500: 16.748, 1000: 36.256, 1300: 47.513},
    "R": {-50: -0.226, 0: 0.0, 100: 0.647, 500: 4.471, 1000: 10.506, 1500: 17.451, 1768: 21.101},
    "S": {-50: -0.236, 0: 0.0, 100: 0.646, 500: 4.233, 1000: 9.587, 1500: 15.582, 1768: 18.693},
    "T": {-270: -6.258, -200: -5.603, -100: -3.379, 0: 0.0, 100: 4.279, 200: 9.288, 400: 20.872},
}  # fmt: skip
LETTERS = list(TABLES)


@pytest.mark.parametrize("letter", LETTERS)
def test_table_of_the_electromotive_force(letter: str) -> None:
    temperatures, expected = list(TABLES[letter]), list(TABLES[letter].values())
    answer = sensor_answer(f"thermocouple-{letter.lower()}", "--forward", ",".join(map(str, temperatures)))
    assert answer["output"] == pytest.approx(expected, abs=5.1e-4)
    assert (answer["unit_in"], answer["unit_out"]) == ("degC", "mV")


@pytest.mark.parametrize("letter", LETTERS)
def test_table_read_backwards(letter: str) -> None:
    """A table value is rounded to 0.001 mV; the temperature follows within that over the sensitivity."""
    points = {t: e for t, e in TABLES[letter].items() if letter != "B" or e > 0.0}
    answer = sensor_answer(f"thermocouple-{letter.lower()}", "--inverse", ",".join(map(str, points.values())))
    assert (answer["unit_in"], answer["unit_out"]) == ("mV", "degC")
    slopes = Thermocouple(letter=letter).sensitivity(list(points))
    for found, expected, slope in zip(answer["output"], points, slopes, strict=True):
        # At -270 degC the curve is nearly level and bends: half a digit is some tenths of a degree.
        assert found == pytest.approx(expected, abs=5.1e-4 / slope if expected > -270 else 1.0)


@pytest.mark.parametrize("letter", LETTERS)
@given(share=st.floats(0.0, 1.0))
def test_backwards_undoes_forwards_to_a_millionth_of_a_degree(letter: str, share: float) -> None:
    sensor = Thermocouple(letter=letter)
    low, high = sensor.temperature_range
    low = 43.0 if letter == "B" else low
    temperature = low + share * (high - low)
    assert sensor.temperature(sensor.signal(temperature)) == pytest.approx(temperature, abs=1e-6)


@pytest.mark.parametrize("letter", LETTERS)
def test_force_increases_over_the_whole_range_of_the_inversion(letter: str) -> None:
    sensor = Thermocouple(letter=letter)
    low, high = sensor.temperature_range
    grid = np.linspace(43.0 if letter == "B" else low, high, 20_001)
    assert np.all(np.diff(sensor.signal(grid)) > 0.0)
    assert np.all(sensor.sensitivity(grid) > 0.0)


@pytest.mark.parametrize("letter", LETTERS)
def test_pieces_of_the_reference_function_meet(letter: str) -> None:
    """NIST Monograph 175: the pieces agree to much less than the last printed digit."""
    sensor = Thermocouple(letter=letter)
    for piece in REFERENCE_FUNCTIONS[letter].pieces[:-1]:
        below, above = sensor.signal([piece.highest - 1e-7, piece.highest + 1e-7])
        assert above - below == pytest.approx(0.0, abs=2e-6)


@pytest.mark.parametrize("letter", LETTERS)
def test_sensitivity_is_the_derivative(letter: str) -> None:
    sensor = Thermocouple(letter=letter)
    low, high = sensor.temperature_range
    grid = np.linspace(low + 1.0, high - 1.0, 500)
    numeric = (sensor.signal(grid + 1e-3) - sensor.signal(grid - 1e-3)) / 2e-3
    assert sensor.sensitivity(grid) == pytest.approx(numeric, rel=1e-5, abs=1e-6)


def test_fixed_points_of_the_scale() -> None:
    """NIST Monograph 175, table 2.1: type S at the freezing points of Zn, Al, Ag and Au."""
    temperatures = [419.527, 660.323, 961.78, 1064.18]
    expected = [3.447, 5.860, 9.148, 10.334]
    assert Thermocouple(letter="S").signal(temperatures) == pytest.approx(expected, abs=1.1e-3)


def test_reference_junction_adds_its_force() -> None:
    sensor = Thermocouple(letter="K", reference_junction=25.0)
    at_zero = Thermocouple(letter="K")
    assert sensor.signal(25.0) == 0.0
    assert sensor.temperature(3.0) == pytest.approx(at_zero.temperature(3.0 + at_zero.signal(25.0)), abs=1e-9)
    answer = sensor_answer("thermocouple-k", "--inverse", "3.0", "--reference-junction", "25")
    assert answer["output"] == pytest.approx([float(sensor.temperature(3.0))])


def test_whole_arrays_keep_their_shape() -> None:
    sensor = Thermocouple(letter="N")
    temperatures = np.linspace(-200.0, 1300.0, 12).reshape(3, 4)
    assert sensor.temperature(sensor.signal(temperatures)) == pytest.approx(temperatures, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("thermocouple-k", "--forward", "1373"), "--forward: 1373 degC: must be -270 to 1372 degC"),
        (("thermocouple-k", "--inverse", "55"), "--inverse: 55 mV"),
        (("thermocouple-b", "--inverse", "-0.001"), "--inverse: -0.001 mV"),
        (("thermocouple-b", "--forward", "-1"), "--forward"),
        (("thermocouple-q", "--forward", "1"), "thermocouple-q"),
        (("thermocouple-k", "--forward", "nan"), "--forward"),
        (("thermocouple-k", "--forward", ""), "--forward"),
        (("thermocouple-k",), "--forward"),
        (("thermocouple-k", "--forward", "1", "--inverse", "1"), "--inverse"),
        (("thermocouple-k", "--forward", "1", "--r0", "100"), "--r0"),
        (("thermocouple-k", "--forward", "1", "--coefficients", "1,2,3"), "--coefficients"),
        (("thermocouple-k", "--forward", "1", "--reference-junction", "2000"), "--reference-junction"),
        (("thermocouple-k", "--forward", "1", "--reference-junction", "1,2"), "--reference-junction"),
    ],
)
def test_what_cannot_be_converted_is_named(arguments: tuple[str, ...], named: str) -> None:
    assert named in sensor_refusal(*arguments)


def test_library_refuses_too() -> None:
    with pytest.raises(CoefficientError, match="X"):
        Thermocouple(letter="X")
    with pytest.raises(RangeError, match="thermocouple-t"):
        Thermocouple(letter="T").signal([100.0, float("nan")])
