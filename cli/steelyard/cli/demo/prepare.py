"""Making the demonstration's files: keys, scenario, truth, registry, configurations."""

from __future__ import annotations

import secrets
import socket
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from steelyard.cli.commands.key import read_key, write_new_key
from steelyard.cli.demo.fleet import fleet_tables
from steelyard.cli.demo.layout import GATEWAYS, DemoState, Layout, Ports, save_state
from steelyard.cli.errors import CommandError
from steelyard.contracts.clock import ClockSettings
from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.keys import SigningKey
from steelyard.firmware_sim.demo import demo_scenario
from steelyard.firmware_sim.scenario_file import dump_scenario, load_scenario
from steelyard.firmware_sim.truth import Truth
from steelyard.firmware_sim.truth_file import judge, write_truth
from steelyard.firmware_sim.world import load_profiles

DAY_NS = 86_400 * 10**9
HISTORY_DAYS = 730
SAMPLE_HOURS = 8
"""Simulated hours between two readings while the history is told: three a day, what makes a day's observation."""
LIVE_PERIOD_S = 2.0
"""Seconds between two readings afterwards."""
PATIENT_TIMEOUT_S = 30.0
"""Seconds that a simulated instrument may take to answer: on a busy machine it is no worse, only slower."""
METER_CHANNELS = (
    *("voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2", "current_l3"),
    *("power_l1", "power_l2", "power_l3", "power_total", "frequency", "energy_import"),
)
"""What the demonstration reads of a meter's 32 channels."""
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections, one of which could take a port before its server does."""
ROLES = {"institute": "provincial", "enterprise": "hengyuan", "supervisor": "regulator"}
"""Whose API keys a program that drives the demonstration is given."""


def first_state(now_ns: int, api_port: int | None) -> DemoState:
    """What a first start decides: when the history begins, and the ports."""
    free = _free_ports(4 + len(GATEWAYS))
    return DemoState(
        start_ns=now_ns - HISTORY_DAYS * DAY_NS,
        now_ns=now_ns,
        ready=False,
        ports=Ports(
            broker=free[0],
            api=api_port or free[1],
            smtp=free[2],
            webhook=free[3],
            sites=dict(zip(GATEWAYS.values(), free[4:], strict=True)),
        ),
        api_keys={},
        webhook_secret=secrets.token_urlsafe(24),
    )


def make_files(layout: Layout, state: DemoState) -> None:
    """Everything that is made once: keys, scenario, truth, and last the registry.

    Interrupted and called again it goes on: what is kept between starts is written first, a key is never made anew.
    """
    layout.root.mkdir(parents=True, exist_ok=True)
    save_state(layout, state)
    _key(layout.ingest_key)
    keys = {gateway: _key(layout.gateway_key(gateway)) for gateway in GATEWAYS}
    scenario = demo_scenario(state.start_ns, state.now_ns, state.ports.sites)
    layout.scenario.write_text(dump_scenario(scenario), encoding="utf-8")
    truth = Truth(scenario, load_profiles(scenario, None))
    write_truth(layout.truth, judge(truth, state.now_ns))

    def true_error(instrument: str, channel: str, t_ns: int, value: float) -> float:
        return truth.true_error(InstrumentId(instrument), ChannelId(channel), t_ns, at_value=value)

    tables = fleet_tables(
        datetime.fromtimestamp(state.now_ns / 1e9, UTC).date(),
        {gateway: key.public.text for gateway, key in keys.items()},
        true_error,
    )
    whole = layout.registry.with_suffix(".new")
    whole.write_text(tomli_w.dumps(_plain(tables)), encoding="utf-8")
    whole.replace(layout.registry)


def _key(path: Path) -> SigningKey:
    # An interrupted start may have left an empty file: nothing was ever signed with it.
    if path.exists() and path.stat().st_size == 0:
        path.unlink()
    return read_key(path) if path.exists() else write_new_key(path)


def write_configurations(
    layout: Layout, state: DemoState, *, broker_protocol: str, clock: ClockSettings | None, public_url: str
) -> None:
    """The files that each start writes anew, because the clock is another one."""
    ingest_key = SigningKey.from_pem(layout.ingest_key.read_bytes(), "ingest.pem").public.text
    broker = {"host": "127.0.0.1", "port": state.ports.broker, "protocol": broker_protocol}
    clock_table = {} if clock is None else {"clock": _plain(clock)}
    scenario = load_scenario(layout.scenario.read_text(encoding="utf-8"), layout.scenario.name)
    for member, (gateway, organization) in enumerate(GATEWAYS.items()):
        config: dict[str, Any] = {
            "gateway": {"organization": organization, "id": gateway, "key": "gateway.pem", "ingest_key": ingest_key},
            "broker": {**broker, "client_id": gateway, "reconnect_max_s": 2},
            "spool": {"path": "spool.db", "ballast_bytes": 2**20},
            "poll": {"period_s": LIVE_PERIOD_S, "timeout_s": PATIENT_TIMEOUT_S, "stagger_s": 0.0},
            **({} if clock is None else {"clock": _plain(msgspec.structs.replace(clock, pace_member=member))}),
            "instrument": [
                {
                    "id": each.id,
                    "profile": each.profile,
                    "host": "127.0.0.1",
                    "port": state.ports.sites[each.site],
                    "unit": each.unit,
                    **({"channels": METER_CHANNELS} if each.profile == "sdm630" else {}),
                }
                for each in scenario.instruments
                if each.site == organization
            ],
        }
        layout.edge(gateway).write_text(tomli_w.dumps(config), encoding="utf-8")
    server: dict[str, Any] = {
        "broker": {**broker, "client_id": "ingest", "reconnect_max_s": 2},
        "stores": {
            "records": f"sqlite:///{layout.root / 'records.db'}",
            "readings": f"sqlite:///{layout.root / 'readings.db'}",
            "ledger": str(layout.root / "ledger.db"),
        },
        "ingest": {"key": "ingest.pem"},
        "api": {"host": "127.0.0.1", "port": state.ports.api, "public_url": public_url, "demo": True},
        "alerts": {
            "smtp": {"host": "127.0.0.1", "port": state.ports.smtp, "sender": "steelyard@demo.invalid"},
            "webhook": [{"url": f"http://127.0.0.1:{state.ports.webhook}/orders", "secret": state.webhook_secret}],
        },
        **clock_table,
    }
    layout.server.write_text(tomli_w.dumps(server), encoding="utf-8")


def _plain(tables: msgspec.Struct) -> Any:
    """Built-in types for TOML, which knows dates but no null."""
    return _without_none(msgspec.to_builtins(tables, builtin_types=(date, datetime)))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(inner) for inner in value]
    return value


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, at random, so that two demonstrations that begin at once rarely choose one."""
    tried = secrets.SystemRandom().sample(_PORTS, k=len(_PORTS))
    found = list(islice(filter(port_is_free, tried), count))
    if len(found) < count:
        raise CommandError(f"no {count} free ports on 127.0.0.1 between {_PORTS[0]} and {_PORTS[-1]}")
    return found


def port_is_free(port: int) -> bool:
    """Whether 127.0.0.1:`port` can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def directory_for(path: Path | None) -> Path:
    """Where the demonstration lives: `path`, or ``demo-data`` in the working directory."""
    return (path or Path("demo-data")).resolve()
