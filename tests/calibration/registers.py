"""A register of a few devices, and what happened to them, for tests of judgements."""

from datetime import UTC, date, datetime, timedelta

from steelyard.calibration.catalogue import builtin_catalogue
from steelyard.calibration.judging import judge_ledger
from steelyard.calibration.mpe import parse_mpe_text
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.devices import Device, Use
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent

CATALOGUE = builtin_catalogue()
SETTINGS = CalibrationSettings()
TODAY = date(2026, 11, 29)


def scale(name="ws-1", **more):
    """A trade scale of class III, 3 t, e = 1 kg: 0.5 kg up to 500 kg, 1 kg up to 2,000 kg, 1.5 kg beyond (R 76)."""
    plate = {
        "kind": "digital_indicating_scale", "accuracy_class": "III", "range_low": 0.0, "range_high": 3000.0,
        "unit": "kg", "scale_interval": 1.0, "use": Use.TRADE, "put_into_use": date(2020, 1, 10),
    }  # fmt: skip
    return Device(id=name, name=name, **{**plate, **more})


def water_meter(name="wm-1", **more):
    plate = {
        "kind": "water_meter", "accuracy_class": "2", "unit": "m3", "use": Use.TRADE,
        "parameters": {"dn": 20.0, "q3": 2.5, "r": 100.0},
    }  # fmt: skip
    return Device(id=name, name=name, **{**plate, **more})


def thermometer(name="rt-1", **more):
    plate = {
        "kind": "resistance_thermometer", "accuracy_class": "A", "range_low": 0.0, "range_high": 200.0, "unit": "Cel",
        "use": Use.NONE, "mpe": parse_mpe_text("±0.5 Cel", unit="Cel", span=200.0),
    }  # fmt: skip
    return Device(id=name, name=name, **{**plate, **more})


_NUMBERS = iter(range(1, 1_000_000))


def event(
    day,
    *points,
    of="ws-1",
    kind=EventKind.SUBSEQUENT_VERIFICATION,
    decision=Decision.PASSED,
    name=None,
    at=None,
    **more,
):
    number = next(_NUMBERS)
    completed = date.fromisoformat(day)
    return VerificationEvent(
        id=name or f"e{number}", instrument=of, kind=kind, completed=completed, decision=decision, performed_by="CIM",
        certificate=more.pop("certificate", f"C-{number}"), points=points,
        completed_at_ns=None if at is None else instant(day, at), **more,
    )  # fmt: skip


def instant(day, hour):
    """UTC ns of an hour of a day in China."""
    local = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=hour - 8)
    return int(local.timestamp()) * 10**9


def seal(day, of="ws-1", at=None):
    return event(day, of=of, kind=EventKind.SEAL_OPENED, decision=Decision.NONE, at=at)


def repair(day, of="ws-1", at=None):
    return event(day, of=of, kind=EventKind.REPAIR, decision=Decision.NONE, at=at)


def check(day, *points, of="ws-1", decision=Decision.NONE):
    return event(day, *points, of=of, kind=EventKind.INTERMEDIATE_CHECK, decision=decision)


def point(test_point, as_found, as_left=None, *, unit="kg", expanded=0.15, at=None):
    return EventPoint(
        test_point=test_point, unit=unit, as_found=as_found, as_left=as_left, expanded_uncertainty=expanded, at=at
    )


def judge(devices, events, on=TODAY, catalogue=CATALOGUE):
    devices = devices if isinstance(devices, list) else [devices]
    judged, problems = judge_ledger(devices, events, catalogue=catalogue, on=on, settings=SETTINGS)
    assert problems == []
    return judged[0] if len(judged) == 1 else judged


def triggers(judged):
    return [order.trigger for order in judged.orders]
