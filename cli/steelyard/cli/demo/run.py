"""The demonstration from start to Ctrl-C.

make the files ▶ broker, mail and webhook receivers ▶ sim, ingest, api ▶ gateways: two years of history on a scaled
clock ▶ calibrate once ▶ ready ▶ calibrate every few seconds, live values, until told to stop
"""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import Literal

import msgspec

from steelyard.api.people import create_api_key, demo_people
from steelyard.broker_config.embedded import EmbeddedBroker
from steelyard.broker_config.errors import BrokerConfigError
from steelyard.calibration.verification.roles import Role
from steelyard.cli.commands.registry import read_registry, store_registry
from steelyard.cli.demo.children import Children
from steelyard.cli.demo.console import Telling
from steelyard.cli.demo.layout import GATEWAYS, DemoState, Layout, load_state, save_state
from steelyard.cli.demo.prepare import ROLES, SAMPLE_HOURS, first_state, make_files, port_is_free, write_configurations
from steelyard.cli.demo.sinks import Sinks
from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import read_server_file
from steelyard.cli.stores import opened_records
from steelyard.contracts.clock import ClockSettings, ScaledClock, SystemClock
from steelyard.contracts.identifiers import OrganizationId
from steelyard.storage.records import Records, Registrar

HISTORY_S = 80.0
"""Wall seconds in which the two years are told."""
SHORT_HISTORY_S = 8.0
"""Wall seconds in which what was missed since the last start is told."""
PATIENCE_S = 60.0
"""Wall seconds that the last of the history may take to arrive after the clock has caught up."""

_KEY_ROLES = {"institute": Role.PLANNER, "enterprise": Role.OWNER, "supervisor": Role.SUPERVISOR}


def run_demo(
    directory: Path,
    *,
    port: int | None,
    as_json: bool,
    browser: bool,
    broker_kind: Literal["mosquitto", "amqtt"] | None,
    stop: threading.Event,
) -> int:
    """Run until `stop` is set; returns the exit status.

    Args:
        directory: everything is kept there; an earlier run in it is gone on with.
        port: of the console; None: the earlier run's, or a free one.
        as_json: speak to a program.
        browser: open the console in one.
        broker_kind: None: mosquitto where it is installed.
        stop: set by a signal handler.
    """
    layout = Layout(directory)
    telling = Telling(as_json=as_json)
    with contextlib.ExitStack() as stack:
        state = _prepared(layout, port, telling)
        url = f"http://127.0.0.1:{state.ports.api}"
        broker = _started_broker(layout, state, broker_kind, stack)
        sinks = Sinks(layout.outbox, smtp_port=state.ports.smtp, webhook_port=state.ports.webhook)
        sinks.start()
        stack.callback(sinks.stop)
        now_ns = SystemClock().now_ns()
        write_configurations(layout, state, broker_protocol=broker.protocol, clock=None, public_url=url)
        records = stack.enter_context(opened_records(read_server_file(layout.server), migrate=True))
        state = _register(records, layout, state, now_ns)
        settings = _clock_settings(records, state, now_ns)
        write_configurations(layout, state, broker_protocol=broker.protocol, clock=settings, public_url=url)

        children = Children(layout.logs)
        stack.callback(children.stop)
        _start(children, layout, settings)
        telling.say(
            f"  broker: {broker.kind} (MQTT {broker.protocol}); {len(GATEWAYS)} gateways, ingest, console starting"
        )
        _wait_for_console(url, children, stop)
        telling.object(url=url, api_keys=state.api_keys, truth=str(layout.truth))
        telling.say(f"  console: {url}")
        if browser and not as_json:
            webbrowser.open(url)
        _tell_history(records, settings, telling, children, stop)
        if not stop.is_set():
            _judge(children, layout, telling)
            save_state(layout, msgspec.structs.replace(state, ready=True))
            telling.object(ready=True)
            telling.say(f"Ready. Look at {url}; mail and webhook calls arrive in {layout.outbox}. Ctrl-C ends it.")
            telling.say(f"What it claims against the truth: steelyard demo --score {_shown(directory)}")
        while not stop.wait(1.0):
            for line in children.look_after():
                telling.say(line)
        telling.say("Ending ...")
    telling.say(f"Ended. Start again to go on where it was; remove {_shown(directory)} to begin anew.")
    return 0


def _prepared(layout: Layout, port: int | None, telling: Telling) -> DemoState:
    """An earlier start's state, or that of a first one with its files made; its ports are free."""
    state = load_state(layout)
    if state is None:
        state = first_state(SystemClock().now_ns(), port)
        telling.say(f"Steelyard demonstration in {layout.root}")
    elif port is not None:
        state = msgspec.structs.replace(state, ports=msgspec.structs.replace(state.ports, api=port))
    _require_free(state)
    if not layout.registry.exists():  # a first start, or one that was interrupted at this
        make_files(layout, state)
    return state


def _started_broker(
    layout: Layout, state: DemoState, kind: Literal["mosquitto", "amqtt"] | None, stack: contextlib.ExitStack
) -> EmbeddedBroker:
    broker = EmbeddedBroker(layout.root / "broker", state.ports.broker, kind=kind)
    stack.callback(broker.stop)
    try:
        broker.start()
    except BrokerConfigError as error:
        raise CommandError(str(error)) from error
    return broker


def _shown(directory: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(directory.relative_to(Path.cwd()))
    return str(directory)


def _require_free(state: DemoState) -> None:
    ports = state.ports
    taken = {"console (--port)": ports.api, "broker": ports.broker, "mail": ports.smtp, "webhook": ports.webhook}
    taken |= {f"site {site}": port for site, port in ports.sites.items()}
    for name, port in taken.items():
        if not port_is_free(port):
            raise CommandError(
                f"port {port} of 127.0.0.1 ({name}) is in use: is the demonstration running already? "
                "End it, or choose another --port or --directory"
            )


def _register(records: Records, layout: Layout, state: DemoState, now_ns: int) -> DemoState:
    """The registry, the people who are told of orders, and API keys if there are none yet."""
    registrar = Registrar(who="demonstration", role=Role.ADMINISTRATOR.value, why="demonstration", at_ns=now_ns)
    store_registry(records, read_registry(layout.registry), registrar)
    demo_people(records, list(records.registry.organizations()), now_ns)
    if not state.api_keys:
        keys = {
            kind: create_api_key(
                records,
                organization=OrganizationId(organization),
                role=_KEY_ROLES[kind],
                name="demonstration",
                created_by="demonstration",
                now_ns=now_ns,
            )
            for kind, organization in ROLES.items()
        }
        state = msgspec.structs.replace(state, api_keys=keys)
    save_state(layout, state)
    return state


def _clock_settings(records: Records, state: DemoState, now_ns: int) -> ClockSettings | None:
    """From where the history has to be told: what every gateway has sent is done."""
    health = {row.gateway: row for row in records.health.all()}
    told = [row.last_frame_ns for row in health.values() if row.last_frame_ns is not None]
    from_ns = min(told) if len(told) == len(GATEWAYS) else state.start_ns
    behind_s = (now_ns - from_ns) / 1e9
    if behind_s < SAMPLE_HOURS * 3600:
        return None
    length_s = HISTORY_S if not state.ready else SHORT_HISTORY_S
    return ClockSettings(
        simulated_from_ns=from_ns,
        # Not later than the gateways' first poll: before its start the simulated world is not defined.
        wall_from_ns=now_ns,
        rate=1.0 + behind_s / length_s,
        # One step a round: instruments of a reference pair are read at one simulated instant.
        step_ns=int(SAMPLE_HOURS * 3600 * 1e9),
    )


def _start(children: Children, layout: Layout, settings: ClockSettings | None) -> None:
    clock = (
        ()
        if settings is None
        else (
            *("--simulated-from-ns", str(settings.simulated_from_ns)),
            *("--wall-from-ns", str(settings.wall_from_ns)),
            *("--rate", repr(settings.rate)),
            *("--step-ns", str(settings.step_ns)),
        )
    )
    children.start("sim", "sim", str(layout.scenario), *clock, prompt=True)
    children.start("ingest", "ingest", "--config", str(layout.server))
    children.start("api", "api", "--config", str(layout.server))
    for gateway in GATEWAYS:
        children.start(gateway, "edge", "run", str(layout.edge(gateway)), prompt=True)


def _wait_for_console(url: str, children: Children, stop: threading.Event, patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    # Our own address: a proxy of the environment is for others.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not stop.wait(0.2):
        children.look_after()
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(f"{url}/healthz", timeout=2):
            return
        if time.monotonic() > deadline:
            raise CommandError(f"the console does not answer at {url}:\n{children.tail('api')}")


def _tell_history(
    records: Records, settings: ClockSettings | None, telling: Telling, children: Children, stop: threading.Event
) -> None:
    """Show progress until all that was measured up to the moment the clock caught up is in the ledger."""
    if settings is None:
        return
    wall = SystemClock()
    clock = ScaledClock(wall, **msgspec.structs.asdict(settings))
    caught_up_ns = 0
    while not stop.wait(1.0):
        for line in children.look_after():
            telling.say(line)
        health = records.health.all()
        at_ns = max(clock.now_ns(), settings.simulated_from_ns)
        share = (at_ns - settings.simulated_from_ns) / (wall.now_ns() - settings.simulated_from_ns)
        telling.progress(share=min(share, 1.0), at_ns=at_ns, readings=sum(row.received_readings for row in health))
        if not clock.caught_up:
            continue
        caught_up_ns = caught_up_ns or wall.now_ns()
        arrived = [row for row in health if row.last_frame_ns is not None and row.last_frame_ns >= caught_up_ns]
        if len(arrived) == len(GATEWAYS):
            return
        if wall.now_ns() - caught_up_ns > PATIENCE_S * 1e9:
            late = sorted(set(GATEWAYS) - {row.gateway for row in arrived})
            raise CommandError(f"the history of {', '.join(late)} has not arrived: see {children.logs}")


def _judge(children: Children, layout: Layout, telling: Telling) -> None:
    """Calibrate once, so that everything is known when we say that we are ready, and from then on all the time."""
    telling.say("  calibration: estimating errors, forecasting, setting due dates ...")
    children.run("calibrate", "calibrate", "--config", str(layout.server), "--once")
    children.start("calibrate", "calibrate", "--config", str(layout.server))
