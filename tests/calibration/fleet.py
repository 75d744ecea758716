"""A fleet with two years of readings for the service, in memory."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from calibration.cases import DAY_NS, event, legal, ns, point
from calibration.memory_ports import MemoryStores

from steelyard.calibration.mpe import MaximumPermissibleError, Relative, parse_mpe
from steelyard.calibration.service import CalibrationService
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.regime import Regime
from steelyard.contracts.identifiers import InstrumentKind
from steelyard.contracts.registry import Channel, Instrument

NOW = ns(2026, 11, 21)
TODAY = date(2026, 11, 21)
DAYS = 730
STEP_NS = 6 * 3600 * 10**9
START = NOW - DAYS * DAY_NS
T = START + np.arange(DAYS * 4, dtype=np.int64) * STEP_NS
YEARS_BEFORE_NOW = (T - NOW) / (365.25 * DAY_NS)


CLASS_III = parse_mpe({"table": "oiml-r76", "class": "III", "e": 1, "unit": "kg"}, "test")


def class_of_meter(percent):
    return MaximumPermissibleError(unit="W", rule=Relative(percent=percent), source="JJG 596-2012, class index")


def instrument(name, kind, gateway="gw-1"):
    return Instrument(
        id=name, organization="hengyuan", gateway=gateway, name=name, kind=kind, profile="p", serial="1",
        location="hall", accuracy_class="1",
    )  # fmt: skip


def channel(name, quantity, unit, resolution):
    return Channel(instrument=name, id=quantity, quantity=quantity, unit=unit, resolution=resolution)


class Fleet:
    """A small fleet with two years of readings, four a day."""

    def __init__(self, seed=1):
        self.stores = MemoryStores.empty()
        self.rng = np.random.default_rng(seed)

    def service(self, **settings):
        return CalibrationService(
            registry=self.stores.registry,
            verification=self.stores.verification,
            orders=self.stores.orders,
            readings=self.stores.readings,
            settings=CalibrationSettings(**settings),
        )

    def add(self, name, kind, quantity, unit, resolution, status, *events):
        registry = self.stores.registry
        registry.instrument_list.append(instrument(name, kind))
        registry.channel_list.append(channel(name, quantity, unit, resolution))
        registry.legal[name] = status
        self.stores.add_events(events)

    def transmitter(self, name, error, **law):
        """A pressure transmitter (MPE 0.008 MPa) with its reference gauge; `error` in MPE at each of `T`."""
        gauge = name.replace("pt", "pg")
        status = legal(instrument=name, regime=Regime.VOLUNTARY, months=24, **law)
        at = TODAY - timedelta(days=400)
        left = float(np.interp(-400 / 365.25, YEARS_BEFORE_NOW, error)) * 0.008
        certificate = event(at, point(0.8, left), instrument=name, kind=EventKind.CALIBRATION, decision=Decision.NONE)
        self.add(name, InstrumentKind("pressure_transmitter"), "pressure", "MPa", 0.0001, status, certificate)
        reference = legal(instrument=gauge, regime=Regime.VOLUNTARY, months=24)
        own = event(at, point(0.8, 0.0001, expanded=0.0004), instrument=gauge, kind=EventKind.CALIBRATION)
        self.add(gauge, InstrumentKind("pressure_gauge"), "pressure", "MPa", 0.0001, reference, own)
        process = 0.8 + 0.1 * np.sin(2 * np.pi * np.arange(T.size) / 4.0) + self.rng.normal(0, 0.02, T.size)
        self._pair(name, gauge, "pressure", process, error * 0.008, 0.0002, 0.00005, 0.0008, relative=False)

    def meter(self, name, error_percent):
        """A class 1 feeder meter with its check meter; `error_percent` at each of `T`."""
        check = f"{name}c"
        status = legal(
            instrument=name, months=96, channel="power_total", mpe=class_of_meter(1.0),
            range_low=0.0, range_high=150_000.0,
        )  # fmt: skip
        at = TODAY - timedelta(days=740)
        verified = event(at, point(60_000.0, 0.05, unit="%", expanded=0.1), instrument=name)
        self.add(name, InstrumentKind("electricity_meter"), "power_total", "W", 1.0, status, verified)
        own = replace(status, instrument=check, mpe=class_of_meter(0.2))
        checked = event(at, point(60_000.0, 0.01, unit="%", expanded=0.04), instrument=check)
        self.add(check, InstrumentKind("electricity_meter"), "power_total", "W", 1.0, own, checked)
        load = 40_000.0 * (1.0 + 0.5 * np.sin(2 * np.pi * np.arange(T.size) / 28.0))
        load[::29] = 500.0
        self._pair(name, check, "power_total", load, load * error_percent / 100.0, 20.0, 5.0, 0.08, relative=True)

    def scale(self, name, verified):
        status = legal(instrument=name, channel="gross", mpe=CLASS_III)
        points = [point(load, 0.1, unit="kg", expanded=0.16) for load in (500.0, 1500.0, 3000.0)]
        passed = event(verified, *points, instrument=name)
        self.add(name, InstrumentKind("digital_indicating_scale"), "gross", "kg", 1.0, status, passed)
        self.stores.registry.channel_list.append(channel(name, "seal_openings", "1", 1.0))

    def _pair(self, name, other, quantity, process, error, noise, own_noise, expanded, *, relative):
        readings = self.stores.readings
        # The gateway reads its instruments one after the other: milliseconds apart.
        readings.put(name, quantity, T, process + error + self.rng.normal(0, noise, T.size))
        readings.put(other, quantity, T + 4_000_000, process + self.rng.normal(0, own_noise, T.size))
        self.stores.registry.pairs.append(
            ReferencePair(
                instrument=name,
                channel=quantity,
                reference_instrument=other,
                reference_channel=quantity,
                expanded_uncertainty=expanded,
                relative=relative,
            )
        )

    def wandering(self, size):
        return np.cumsum(self.rng.normal(0.0, size / np.sqrt(365.25 * 4), T.size))

    def orders(self):
        return {(one.instrument, one.trigger.value): one for one in self.stores.orders.orders.values()}
