"""The sensors by name."""

from __future__ import annotations

from steelyard.calibration.engine.sensors.thermocouple_coefficients import REFERENCE_FUNCTIONS

THERMOCOUPLES: dict[str, str] = {f"thermocouple-{letter.lower()}": letter for letter in REFERENCE_FUNCTIONS}
"""Name -> letter."""
PLATINUM_THERMOMETERS: dict[str, float] = {"pt100": 100.0, "pt500": 500.0, "pt1000": 1000.0}
"""Name -> resistance at 0 degC, ohm."""
THERMISTOR = "thermistor"
NAMES: tuple[str, ...] = (*THERMOCOUPLES, *PLATINUM_THERMOMETERS, THERMISTOR)
