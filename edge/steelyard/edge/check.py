"""`steelyard edge check`: is everything right, before the gateway is left alone with it?

Every question is asked, also after one was answered with no: a fitter on site wants the whole list.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.broker_config.client import BrokerClient
from steelyard.contracts.errors import ContractError
from steelyard.contracts.profile import ChannelProfile
from steelyard.contracts.reading import Quality
from steelyard.edge.decoder import RequestDecoder
from steelyard.edge.errors import EdgeError, ReadError
from steelyard.edge.modbus import ModbusLine
from steelyard.edge.planner import ReadRequest, plan
from steelyard.edge.settings import EdgeSettings, load_instrument, load_key, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from steelyard.edge.settings import InstrumentConfig

BROKER_WAIT_S = 5.0
"""Seconds that the broker may take to accept us."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    subject: str
    """What was looked at: `configuration`, `key`, `spool`, `broker`, `instrument em-01`."""
    ok: bool
    message: str
    """What was found, and if it is not right, what to do about it."""


def check(config_path: Path, *, broker_wait_s: float = BROKER_WAIT_S) -> list[Finding]:
    """Look at everything that a gateway with this configuration needs.

    Args:
        config_path: the configuration file.
        broker_wait_s: seconds that the broker may take to accept us.

    Returns:
        What was found, in the order: configuration, key, spool, broker, instruments as they stand in the file.
    """
    try:
        settings = load_settings(config_path)
    except ContractError as error:
        return [Finding(subject="configuration", ok=False, message=str(error))]
    directory = config_path.resolve().parent
    count = len(settings.instruments)
    return [
        Finding(subject="configuration", ok=True, message=f"{config_path.name}: {count} instrument{'s'[: count != 1]}"),
        _check_key(settings, directory),
        _check_spool(settings, directory),
        _check_broker(settings, directory, broker_wait_s),
        *asyncio.run(_check_instruments(settings, directory)),
    ]


def _check_key(settings: EdgeSettings, directory: Path) -> Finding:
    try:
        key = load_key(settings, directory)
    except ContractError as error:
        return Finding(subject="key", ok=False, message=str(error))
    mode = (directory / settings.gateway.key).stat().st_mode & 0o077
    if mode:
        text = f"gateway.key: others may read {settings.gateway.key}: chmod 600 it"
        return Finding(subject="key", ok=False, message=text)
    return Finding(subject="key", ok=True, message=f"{settings.gateway.key}: {key.public.text} (id {key.public.kid})")


def _check_spool(settings: EdgeSettings, directory: Path) -> Finding:
    spool = settings.spool
    place = (directory / spool.path).parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        text = f"spool.path: {place} is no directory that we may write to: make it, or choose another path"
        return Finding(subject="spool", ok=False, message=text)
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    wanted = spool.min_free_bytes + spool.ballast_bytes
    if free < wanted:
        text = f"spool.path: {free} bytes are free in {place}, at least {wanted} are needed: free some"
        return Finding(subject="spool", ok=False, message=text)
    return Finding(subject="spool", ok=True, message=f"{free / 1e9:.1f} GB free for at most {spool.max_frames} frames")


def _check_broker(settings: EdgeSettings, directory: Path, wait_s: float) -> Finding:
    accepted = threading.Event()

    def on_connect(_session_present: bool) -> None:
        accepted.set()

    # A name of its own: with the gateway's own the broker would throw a running gateway out.
    broker = settings.broker.relative_to(directory)
    client = BrokerClient(msgspec.structs.replace(broker, client_id=f"{broker.client_id}-check"), on_connect=on_connect)
    try:
        client.start()
    except ValueError as error:
        return Finding(subject="broker", ok=False, message=str(error))
    reached = accepted.wait(wait_s)
    refusals = ", ".join(alarm.reason for alarm in client.alarms)
    client.stop()
    if reached:
        return Finding(subject="broker", ok=True, message=f"{broker.address} accepts us")
    reason = f"refuses us: {refusals}" if refusals else f"cannot be reached within {wait_s:g} s"
    text = f"broker {broker.address} {reason}: look at broker.host, broker.port, the certificates and the broker's log"
    return Finding(subject="broker", ok=False, message=text)


async def _check_instruments(settings: EdgeSettings, directory: Path) -> list[Finding]:
    """Ask all lines at once, the instruments of one line in turn."""
    lines: dict[tuple[str, int], list[int]] = {}
    for place, instrument in enumerate(settings.instruments):
        lines.setdefault((instrument.host, instrument.port), []).append(place)
    findings: dict[int, Finding] = {}

    async def ask(places: list[int]) -> None:
        for place in places:
            findings[place] = await _check_instrument(settings, place, directory)

    await asyncio.gather(*(ask(places) for places in lines.values()))
    return [findings[place] for place in sorted(findings)]


async def _check_instrument(settings: EdgeSettings, place: int, directory: Path) -> Finding:
    instrument = settings.instruments[place]
    subject = f"instrument {instrument.id}"
    where = f"{instrument.host}:{instrument.port} unit {instrument.unit}"
    try:
        config = load_instrument(instrument, settings.poll, directory)
        requests = plan(config.channels, config.profile.limits)
    except (ContractError, EdgeError) as error:
        return Finding(subject=subject, ok=False, message=str(error))
    line = ModbusLine(config.host, config.port, config.timeout_s)
    try:
        await line.open()
        wrong = await _probe(line, config)
        if wrong:
            return Finding(subject=subject, ok=False, message=f"{where}: {wrong}")
        good = 0
        for request in requests:
            registers = await line.read(config.unit, request)
            good += RequestDecoder(request, config.profile).decode(registers)[1].count(Quality.GOOD)
    except ReadError as error:
        return Finding(subject=subject, ok=False, message=f"{where}: {error}: look at host, port, unit and profile")
    finally:
        line.close()
    text = (
        f"{where}: {config.profile.model}, {good} of {len(config.channels)} channels good in {len(requests)} requests"
    )
    return Finding(subject=subject, ok=True, message=text)


async def _probe(line: ModbusLine, config: InstrumentConfig) -> str:
    """Ask whether this is the device that the profile describes; "" if it is, else what is wrong."""
    probe = config.profile.probe
    channel = _probe_channel(config)
    request = ReadRequest(
        function=probe.function, register=probe.register, count=channel.register_count, channels=(channel,)
    )
    registers = await line.read(config.unit, request)
    (value,), (status,) = RequestDecoder(request, config.profile).decode(registers)
    if status == Quality.GOOD:
        return ""
    return (
        f"answers, but register {probe.register} (function {probe.function:02d}) holds {value}, where a "
        f"{config.profile.model} has {probe.low:g} to {probe.high:g}: another device, or another profile is right"
    )


def _probe_channel(config: InstrumentConfig) -> ChannelProfile:
    probe = config.profile.probe
    fields: dict[str, Any] = {"id": "probe", "quantity": "probe", "unit": "1", "resolution": 1.0}
    return ChannelProfile(
        **fields, function=probe.function, register=probe.register, type=probe.type, low=probe.low, high=probe.high
    )
