"""`steelyard calc sensor`: sensor equations both ways."""

from __future__ import annotations

import argparse
import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steelyard.calibration.engine.sensors.catalogue import NAMES, PLATINUM_THERMOMETERS, THERMISTOR, THERMOCOUPLES
from steelyard.calibration.engine.sensors.errors import SensorError
from steelyard.calibration.engine.sensors.platinum import PlatinumThermometer
from steelyard.calibration.engine.sensors.sensor import Sensor
from steelyard.calibration.engine.sensors.thermistor import Thermistor
from steelyard.calibration.engine.sensors.thermocouple import Thermocouple
from steelyard.cli.calc.documents import parse_numbers
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import add_output_arguments, number, print_json, table
from steelyard.cli.errors import CommandError

_TEMPERATURE_UNIT = "degC"
_EPILOG = """\
names: thermocouple-b, -e, -j, -k, -n, -r, -s, -t (mV), pt100, pt500, pt1000 (ohm), thermistor (ohm)

examples:
  steelyard calc sensor thermocouple-k --forward 25,100 --reference-junction 21.3
  steelyard calc sensor pt100 --inverse 60.26,138.51
  steelyard calc sensor pt100 --coefficients 3.9083e-3,-5.775e-7,-4.183e-12 --r0 100.012 --inverse 119.4
  steelyard calc sensor thermistor --coefficients 1.129e-3,2.341e-4,8.767e-8 --inverse 10000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What was asked and what came out; `sensitivity` is d output / d input."""

    values: list[float]
    results: list[float]
    sensitivities: list[float]
    unit_in: str
    unit_out: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("name", metavar="NAME", help="the sensor")
    direction = parser.add_mutually_exclusive_group(required=True)
    direction.add_argument("--forward", metavar="LIST", help="from these temperatures (degC) to the signal")
    direction.add_argument("--inverse", metavar="LIST", help="from these signals (mV, ohm) to the temperature")
    parser.add_argument(
        "--coefficients",
        metavar="LIST",
        help="thermistor: A,B,C of 1/T = A + B ln R + C (ln R)^3, or A,B,C,D with (ln R)^2, (ln R)^3; pt100: A,B,C",
    )
    parser.add_argument("--r0", metavar="OHM", help="pt100: the resistance at 0 degC")
    parser.add_argument("--reference-junction", metavar="DEGC", help="thermocouples: its temperature (0)")
    parser.add_argument(
        "--range", metavar="LOW,HIGH", help="pt100, thermistor: temperatures that the equation holds for"
    )
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Convert the values, print them."""
    try:
        sensor = _sensor(arguments)
        done = _convert(arguments, sensor)
    except SensorError as error:
        raise CommandError(_message(error, arguments)) from error
    if arguments.json:
        print_json(
            {
                "sensor": arguments.name.lower(),
                "input": done.values,
                "output": done.results,
                "unit_in": done.unit_in,
                "unit_out": done.unit_out,
                "sensitivity": done.sensitivities,
                "temperature_range": list(sensor.temperature_range),
                "signal_range": list(sensor.signal_range),
            }
        )
    else:
        header = [done.unit_in, done.unit_out, f"{done.unit_out} per {done.unit_in}"]
        rows = [
            [number(value, 9), number(result, 9), number(slope, 6)]
            for value, result, slope in zip(done.values, done.results, done.sensitivities, strict=True)
        ]
        low, high = sensor.temperature_range
        print(table(header, rows, left=0))
        print(f"\n{arguments.name.lower()}, {low:g} to {high:g} degC")
    if arguments.plot is not None:
        _draw(sensor, done, Path(arguments.plot))
    return 0


def _sensor(arguments: argparse.Namespace) -> Sensor:
    name = arguments.name.lower()
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise CommandError(f"NAME: {arguments.name!r}: no such sensor; {remedy}")
    _refuse_foreign(arguments, name)
    if name in THERMOCOUPLES:
        junction = _one(arguments.reference_junction, "--reference-junction", 0.0)
        return Thermocouple(letter=THERMOCOUPLES[name], reference_junction=junction)
    coefficients = None
    if arguments.coefficients is not None:
        coefficients = parse_numbers(arguments.coefficients, "--coefficients")
    limits = _limits(arguments.range)
    if name == THERMISTOR:
        if coefficients is None:
            raise CommandError("--coefficients: is missing; a thermistor needs A,B,C of its equation")
        return Thermistor.of(coefficients, limits)
    return _platinum(_one(arguments.r0, "--r0", PLATINUM_THERMOMETERS[name]), coefficients, limits)


def _platinum(r0: float, coefficients: list[float] | None, limits: tuple[float, float] | None) -> PlatinumThermometer:
    given = {} if limits is None else {"lowest": limits[0], "highest": limits[1]}
    if coefficients is None:
        return PlatinumThermometer(r0=r0, **given)
    if len(coefficients) not in {2, 3}:
        raise CommandError(f"--coefficients: {len(coefficients)} numbers: must be A,B or A,B,C")
    a, b, c = (*coefficients, 0.0)[:3]
    if len(coefficients) == 2:
        # Without C the equation holds from 0 degC on.
        given.setdefault("lowest", 0.0)
    return PlatinumThermometer(r0=r0, a=a, b=b, c=c, **given)


def _refuse_foreign(arguments: argparse.Namespace, name: str) -> None:
    """Options of other kinds of sensors."""
    platinum, thermocouple = name in PLATINUM_THERMOMETERS, name in THERMOCOUPLES
    fits = {
        "coefficients": not thermocouple,
        "range": not thermocouple,
        "r0": platinum,
        "reference_junction": thermocouple,
    }
    for option, fitting in fits.items():
        if getattr(arguments, option) is not None and not fitting:
            raise CommandError(f"--{option.replace('_', '-')}: does not belong to {name}")


def _limits(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    bounds = parse_numbers(text, "--range")
    if len(bounds) != 2:
        raise CommandError(f"--range: {text!r}: must be two temperatures, as -40,120")
    return bounds[0], bounds[1]


def _convert(arguments: argparse.Namespace, sensor: Sensor) -> Conversion:
    if arguments.forward is not None:
        values = parse_numbers(arguments.forward, "--forward")
        results = sensor.signal(values)
        slopes, unit_in, unit_out = sensor.sensitivity(values), _TEMPERATURE_UNIT, sensor.unit
    else:
        values = parse_numbers(arguments.inverse, "--inverse")
        results = sensor.temperature(values)
        slopes, unit_in, unit_out = 1.0 / sensor.sensitivity(results), sensor.unit, _TEMPERATURE_UNIT
    return Conversion(
        values=values,
        results=[float(each) for each in results],
        sensitivities=[float(each) for each in slopes],
        unit_in=unit_in,
        unit_out=unit_out,
    )


def _one(text: str | None, option: str, default: float) -> float:
    if text is None:
        return default
    values = parse_numbers(text, option)
    if len(values) != 1:
        raise CommandError(f"{option}: {text!r}: must be one number")
    return values[0]


def _draw(sensor: Sensor, done: Conversion, path: Path) -> None:
    temperatures = np.linspace(*sensor.temperature_range, 500)
    forward = done.unit_in == _TEMPERATURE_UNIT
    with drawing(path) as figure:
        axes = figure.subplots()
        axes.plot(temperatures, sensor.signal(temperatures))
        axes.plot(*((done.values, done.results) if forward else (done.results, done.values)), "o")
        axes.set_xlabel(f"temperature / {_TEMPERATURE_UNIT}")
        axes.set_ylabel(f"{sensor.name} / {sensor.unit}")


def _message(error: SensorError, arguments: argparse.Namespace) -> str:
    """The error with the option that it is about."""
    given = "--forward" if arguments.forward is not None else "--inverse"
    option = {
        "temperature": given,
        "signal": given,
        "reference_junction": "--reference-junction",
        "lowest": "--range",
        "r0": "--r0",
    }.get(error.field, "--coefficients")
    return f"{option}: {error.value}: {error.remedy}"
