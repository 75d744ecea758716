"""Pt100 against IEC 60751, thermistors against a maker's table and their own equation."""

from pathlib import Path

import numpy as np
import pytest
from calibration_engine.sensor_command import sensor_answer, sensor_refusal
from calibration_engine.workbench import run
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.engine.sensors.errors import CoefficientError, RangeError
from steelyard.calibration.engine.sensors.platinum import PlatinumThermometer
from steelyard.calibration.engine.sensors.thermistor import Thermistor

PT100 = {
    -200: 18.52, -100: 60.26, 0: 100.00, 50: 119.40, 100: 138.51, 200: 175.86, 300: 212.05, 400: 247.09, 600: 313.71,
    850: 390.48,
}  # fmt: skip
"""IEC 60751:2022, table 1: degC -> ohm."""
CLASS_A = {
    -200: (0.55, 0.24), -100: (0.35, 0.14), 0: (0.15, 0.06), 100: (0.35, 0.13), 200: (0.55, 0.20), 300: (0.75, 0.27),
    400: (0.95, 0.33), 500: (1.15, 0.38), 600: (1.35, 0.43), 650: (1.45, 0.46),
}  # fmt: skip
CLASS_B = {
    -200: (1.3, 0.56), -100: (0.8, 0.32), 0: (0.3, 0.12), 100: (0.8, 0.30), 200: (1.3, 0.48), 300: (1.8, 0.64),
    400: (2.3, 0.79), 500: (2.8, 0.93), 600: (3.3, 1.06), 650: (3.55, 1.13), 700: (3.8, 1.17), 800: (4.3, 1.28),
    850: (4.55, 1.34),
}  # fmt: skip
"""IEC 60751 (1995), table 2: degC -> tolerance in degC and in ohm."""
COEFFICIENTS = (1.129241e-3, 2.341077e-4, 8.775468e-8)
"""BetaTHERM 10K3A1: a, b, c of Steinhart and Hart."""


def test_pt100_table() -> None:
    answer = sensor_answer("pt100", "--forward", ",".join(map(str, PT100)))
    assert answer["output"] == pytest.approx(list(PT100.values()), abs=5e-3)
    assert (answer["unit_in"], answer["unit_out"]) == ("degC", "ohm")


def test_pt100_table_read_backwards_also_below_zero() -> None:
    answer = sensor_answer("pt100", "--inverse", ",".join(map(str, PT100.values())))
    assert answer["output"] == pytest.approx(list(PT100), abs=0.02)
    assert (answer["unit_in"], answer["unit_out"]) == ("ohm", "degC")


@pytest.mark.parametrize(("table", "allowed"), [(CLASS_A, 0.0051), (CLASS_B, 0.0101)])
def test_tolerances_in_ohm_follow_from_the_sensitivity(table: dict[int, tuple[float, float]], allowed: float) -> None:
    slopes = PlatinumThermometer().sensitivity(list(table))
    for (celsius, ohm), slope in zip(table.values(), slopes, strict=True):
        assert celsius * slope == pytest.approx(ohm, abs=allowed)


@given(st.floats(-200.0, 850.0))
def test_pt100_backwards_undoes_forwards(temperature: float) -> None:
    sensor = PlatinumThermometer()
    assert sensor.temperature(sensor.signal(temperature)) == pytest.approx(temperature, abs=1e-9)


def test_above_zero_the_inverse_is_the_root_of_the_quadratic() -> None:
    sensor = PlatinumThermometer()
    resistance = np.linspace(100.0, 390.0, 30)
    a, b = sensor.a, sensor.b
    closed = (-a + np.sqrt(a**2 - 4.0 * b * (1.0 - resistance / 100.0))) / (2.0 * b)
    assert sensor.temperature(resistance) == pytest.approx(closed, abs=1e-9)


def test_a_calibrated_thermometer_has_its_own_coefficients() -> None:
    answer = sensor_answer(
        "pt100",
        "--r0",
        "100.02",
        "--coefficients",
        "3.9101e-3,-5.79e-7,-4.2e-12",
        "--forward",
        "-50,0,50",
    )
    below = 1 - 50 * 3.9101e-3 - 2500 * 5.79e-7 + 4.2e-12 * 150 * -(50.0**3)
    expected = [100.02 * below, 100.02, 100.02 * (1 + 50 * 3.9101e-3 - 2500 * 5.79e-7)]
    assert answer["output"] == pytest.approx(expected, rel=1e-12)
    assert sensor_answer("pt1000", "--forward", "100")["output"] == pytest.approx([1385.055])
    only_above = sensor_answer("pt100", "--coefficients", "3.9e-3,-5.8e-7", "--forward", "10")
    assert only_above["temperature_range"][0] == 0.0


def test_thermistor_against_the_makers_table() -> None:
    """10K3A1: 10 kohm at 25 degC, 32 650 ohm at 0 degC, 3 602 at 50 degC, 678 at 100 degC."""
    answer = sensor_answer(
        "thermistor", "--coefficients", "1.129241e-3,2.341077e-4,8.775468e-8", "--forward", "0,25,50,100"
    )
    assert answer["output"] == pytest.approx([32650, 10000, 3602, 678.3], rel=5e-4)
    back = sensor_answer("thermistor", "--coefficients", "1.129241e-3,2.341077e-4,8.775468e-8", "--inverse", "10000")
    assert back["output"] == pytest.approx([25.0], abs=1e-3)
    assert (back["unit_in"], back["unit_out"]) == ("ohm", "degC")


@given(st.floats(-100.0, 300.0))
def test_thermistor_backwards_undoes_forwards(temperature: float) -> None:
    sensor = Thermistor.of(COEFFICIENTS)
    assert sensor.temperature(sensor.signal(temperature)) == pytest.approx(temperature, abs=1e-9)


def test_thermistor_obeys_its_equation() -> None:
    resistance = np.array([500.0, 10_000.0, 200_000.0])
    a, b, c = COEFFICIENTS
    kelvin = 1.0 / (a + b * np.log(resistance) + c * np.log(resistance) ** 3)
    assert Thermistor.of(COEFFICIENTS).temperature(resistance) == pytest.approx(kelvin - 273.15, abs=1e-12)
    four = Thermistor.of((a, b, 1e-6, c))
    assert four.temperature(1e4) == pytest.approx(
        1.0 / (a + b * np.log(1e4) + 1e-6 * np.log(1e4) ** 2 + c * np.log(1e4) ** 3) - 273.15, abs=1e-12
    )
    # The beta equation is that with two coefficients: 3950 K, 10 kohm at 25 degC.
    beta = Thermistor.of((1 / 298.15 - np.log(1e4) / 3950, 1 / 3950))
    assert beta.signal(50.0) == pytest.approx(1e4 * np.exp(3950 * (1 / 323.15 - 1 / 298.15)), rel=1e-12)


@pytest.mark.parametrize("sensor", [PlatinumThermometer(), Thermistor.of(COEFFICIENTS)])
def test_sensitivity_is_the_derivative(sensor: PlatinumThermometer | Thermistor) -> None:
    grid = np.linspace(-90.0, 290.0, 50)
    numeric = (sensor.signal(grid + 1e-3) - sensor.signal(grid - 1e-3)) / 2e-3
    assert sensor.sensitivity(grid) == pytest.approx(numeric, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("pt100", "--forward", "851"), "--forward: 851 degC"),
        (("pt100", "--inverse", "18"), "--inverse: 18 ohm"),
        (("pt100", "--forward", "1", "--r0", "-1"), "--r0"),
        (("pt100", "--forward", "1", "--coefficients", "1"), "--coefficients"),
        (("pt100", "--forward", "1", "--coefficients", "-0.004,0,0"), "--coefficients"),
        (("pt100", "--forward", "1", "--range", "10"), "--range"),
        (("pt100", "--forward", "1", "--range", "10,-10"), "--range"),
        (("pt100", "--forward", "1", "--reference-junction", "1"), "--reference-junction"),
        (("thermistor", "--forward", "25"), "--coefficients"),
        (("thermistor", "--forward", "25", "--coefficients", "1"), "--coefficients"),
        (("thermistor", "--forward", "25", "--coefficients", "1e-3,-2e-4,1e-7"), "--coefficients"),
        (("thermistor", "--inverse", "-5", "--coefficients", "1.129e-3,2.341e-4,8.775e-8"), "--inverse: -5 ohm"),
        (("thermistor", "--inverse", "0.1", "--coefficients", "1.129e-3,2.341e-4,8.775e-8"), "--inverse: 0.1 ohm"),
        (("thermistor", "--forward", "-300", "--coefficients", "1.129e-3,2.341e-4,8.775e-8"), "--forward"),
    ],
)
def test_what_cannot_be_converted_is_named(arguments: tuple[str, ...], named: str) -> None:
    assert named in sensor_refusal(*arguments)


def test_library_refuses_too() -> None:
    with pytest.raises(CoefficientError):
        PlatinumThermometer(r0=float("nan"))
    with pytest.raises(CoefficientError):
        Thermistor(a=1e-3, b=2e-4, lowest=-300.0)
    with pytest.raises(RangeError):
        Thermistor.of(COEFFICIENTS).temperature([1e4, 0.0])


def test_people_get_a_table_and_a_drawing(tmp_path: Path) -> None:
    drawing = tmp_path / "pt100.png"
    status, out, _ = run(("calc", "sensor", "pt100", "--inverse", "60.26,138.51", "--plot", str(drawing)))
    assert status == 0
    assert "degC per ohm" in out
    assert "pt100, -200 to 850 degC" in out
    assert drawing.read_bytes().startswith(b"\x89PNG")
