"""The demonstration from start to Ctrl-C.

make the files ▶ broker, mail and webhook receivers ▶ sim, ingest, api ▶ gateways: two years of history on a scaled
clock ▶ calibrate once ▶ ready ▶ calibrate every few seconds, live values, until told to stop
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import Literal

import msgspec

from steelyard.api.console.progress import HELD_BACK_S
from steelyard.api.people import create_api_key, demo_people
from steelyard.broker_config.embedded import EmbeddedBroker, accepts_connections
from steelyard.broker_config.errors import BrokerConfigError
from steelyard.calibration.completeness import still_missing
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.roles import Role
from steelyard.cli.commands.registry import read_registry, store_registry
from steelyard.cli.demo.children import Children
from steelyard.cli.demo.console import Telling
from steelyard.cli.demo.layout import GATEWAYS, DemoState, Layout, load_state, save_state
from steelyard.cli.demo.prepare import (
    ROLES,
    SAMPLE_HOURS,
    first_state,
    make_files,
    port_is_free,
    write_configurations,
)
from steelyard.cli.demo.sinks import Sinks
from steelyard.cli.errors import CommandError
from steelyard.cli.server_file import read_server_file
from steelyard.cli.stores import opened_records
from steelyard.contracts.clock import ClockSettings, SystemClock, scaled_clock
from steelyard.contracts.identifiers import OrganizationId
from steelyard.contracts.pace import Pace
from steelyard.storage.records import GatewayHealth, Records, Registrar

HISTORY_S = 40.0
"""Wall seconds in which the two years are told, if the machine can keep every poll in them."""
SHORT_HISTORY_S = 8.0
"""Wall seconds in which what was missed since the last start is told."""
STANDSTILL_S = 300.0
"""Wall seconds without anything new after which something is broken, and not only slow."""

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
        settings = _clock_settings(records, layout, state, now_ns)
        write_configurations(layout, state, broker_protocol=broker.protocol, clock=settings, public_url=url)

        children = Children(layout.logs)
        stack.callback(children.stop)
        _start(children, layout, state, settings, stop)
        telling.say(
            f"  broker: {broker.kind} (MQTT {broker.protocol}); {len(GATEWAYS)} gateways, ingest, console starting"
        )
        _wait_for_console(url, state, children, stop)
        telling.object(url=url, api_keys=state.api_keys, truth=str(layout.truth))
        telling.say(f"  console: {url}")
        if browser and not as_json:
            webbrowser.open(url)
        _tell_history(records, layout, state.start_ns, settings, telling, children, stop)
        _judge(records, children, layout, telling, stop)
        _wait_for_console(url, state, children, stop)  # it may have died meanwhile
        if not stop.is_set():
            save_state(layout, msgspec.structs.replace(state, ready=True))
            telling.object(ready=True)
            telling.say(f"Ready. Look at {url}; mail and webhook calls arrive in {layout.outbox}. Ctrl-C ends it.")
            telling.say(f"What it claims against the truth: {_command()} demo --score {_shown(directory)}")
        while not stop.wait(1.0):
            for line in children.look_after():
                telling.say(line)
        telling.say("Ending ...")
    telling.say(f"Ended. Start again to continue where it stopped; delete {_shown(directory)} to start afresh.")
    return 0


def _prepared(layout: Layout, port: int | None, telling: Telling) -> DemoState:
    """An earlier start's state, or that of a first one with its files made; its ports are free."""
    state = load_state(layout)
    if state is None:
        state = first_state(SystemClock().now_ns(), port)
        telling.say(f"Steelyard demonstration in {layout.root}")
    else:
        telling.say(f"Going on with the demonstration in {layout.root}")
    if port is not None:
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


def _command() -> str:
    """How this command is called from here."""
    with contextlib.suppress(ValueError):
        return str(Path(sys.argv[0]).resolve().relative_to(Path.cwd()))
    return "steelyard"


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


def _clock_settings(records: Records, layout: Layout, state: DemoState, now_ns: int) -> ClockSettings | None:
    """From where the history has to be told: what every gateway has sent is done.

    Makes the file in which the gateways keep their pace.
    """
    health = {row.gateway: row for row in records.health.all()}
    told = [row.last_frame_ns for row in health.values() if row.last_frame_ns is not None]
    from_ns = min(told) if len(told) == len(GATEWAYS) else state.start_ns
    behind_s = (now_ns - from_ns) / 1e9
    if behind_s < SAMPLE_HOURS * 3600:
        return None
    length_s = HISTORY_S if not state.ready else SHORT_HISTORY_S
    step_ns = int(SAMPLE_HOURS * 3600 * 1e9)
    Pace.create(layout.pace, len(GATEWAYS), from_ns - step_ns)
    return ClockSettings(
        simulated_from_ns=from_ns,
        # Not later than the gateways' first poll: before its start the simulated world is not defined.
        wall_from_ns=now_ns,
        rate=1.0 + behind_s / length_s,
        # One step a round: instruments of a reference pair are read at one simulated instant.
        step_ns=step_ns,
        pace=str(layout.pace),
    )


def _start(
    children: Children, layout: Layout, state: DemoState, settings: ClockSettings | None, stop: threading.Event
) -> None:
    clock = (
        ()
        if settings is None
        else (
            *("--simulated-from-ns", str(settings.simulated_from_ns)),
            *("--wall-from-ns", str(settings.wall_from_ns)),
            *("--rate", repr(settings.rate)),
            *("--step-ns", str(settings.step_ns)),
            *("--pace", str(layout.pace)),
        )
    )
    children.start("sim", "sim", str(layout.scenario), *clock, prompt=True)
    # The gateways' first polls are months of history: the instruments have to be there.
    while not stop.is_set() and not all(map(accepts_connections, state.ports.sites.values())):
        children.look_after()
        stop.wait(0.1)
    children.start("ingest", "ingest", "--config", str(layout.server))
    children.start("api", "api", "--config", str(layout.server))
    for gateway in GATEWAYS:
        children.start(gateway, "edge", "run", str(layout.edge(gateway)), prompt=True)


def _wait_for_console(url: str, state: DemoState, children: Children, stop: threading.Event) -> None:
    """Wait until our console answers; one that dies again and again raises, one that is slow does not.

    It is asked with our key: another program may have taken the port meanwhile, another demonstration too.
    """
    # Our own address: a proxy of the environment is for others.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ours = urllib.request.Request(  # noqa: S310 - our own address, http
        f"{url}/api/v1/gateways", headers={"Authorization": f"Bearer {state.api_keys['institute']}"}
    )
    while not stop.wait(0.2):
        children.look_after()
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(ours, timeout=30):
            return


def _tell_history(
    records: Records,
    layout: Layout,
    start_ns: int,
    settings: ClockSettings | None,
    telling: Telling,
    children: Children,
    stop: threading.Event,
) -> None:
    """Show progress until all that was measured up to the moment the clock caught up is in the ledger.

    Raises CommandError if nothing comes any more, naming who is awaited.
    """
    if settings is None:
        return
    wall = SystemClock()
    clock = scaled_clock(settings, wall)
    pace = Pace(layout.pace)
    standstill = Standstill(STANDSTILL_S)
    caught_up_ns = 0
    slow = False
    least_behind_s = clock.held_back_s  # what starting the processes has taken
    while not stop.wait(1.0):
        for line in children.look_after():
            telling.say(line)
        health = records.health.all()
        at_ns = max(clock.now_ns(), settings.simulated_from_ns)
        share = (at_ns - start_ns) / (wall.now_ns() - start_ns)
        behind_s = clock.held_back_s
        least_behind_s = min(least_behind_s, behind_s)
        if not slow and behind_s > least_behind_s + HELD_BACK_S:
            slow = True
            telling.say("  this machine is busy: playback is slower than planned, no reading is skipped")
        telling.progress(share=min(share, 1.0), at_ns=at_ns, readings=sum(row.received_readings for row in health))
        if clock.caught_up:
            caught_up_ns = caught_up_ns or wall.now_ns()
            awaited = {*GATEWAYS} - {row.gateway for row in health if _is_live(row, caught_up_ns)}
            if not awaited:
                return
            state: object = [(row.gateway, row.received_frames) for row in health if row.gateway in awaited]
        else:
            names = list(GATEWAYS)
            awaited = {names[member] for member in pace.slowest()}
            state = at_ns
        if standstill.of(state):
            raise CommandError(f"{', '.join(sorted(awaited))}: nothing new for {STANDSTILL_S:g} s; see {children.logs}")


def _is_live(row: GatewayHealth, caught_up_ns: int) -> bool:
    """Whether a gateway's newest frame was made on the true clock: they come in order, so its history is here."""
    return row.last_frame_ns is not None and row.last_frame_ns >= caught_up_ns and row.clock_state != "simulated"


def _judge(records: Records, children: Children, layout: Layout, telling: Telling, stop: threading.Event) -> None:
    """Calibrate until the evidence of the last day is assessed, and from then on all the time.

    Raises CommandError if evidence is missing that does not come.
    """
    if stop.is_set():
        return
    telling.say("  calibration: estimating errors, forecasting, setting due dates ...")
    standstill = Standstill(STANDSTILL_S)
    while not stop.is_set():
        children.run("calibrate", "calibrate", "--config", str(layout.server), "--once", stop=stop)
        for line in children.look_after():
            telling.say(line)
        missing = still_missing(
            records.registry,
            records.verification,
            now_ns=SystemClock().now_ns(),
            utc_offset_minutes=CalibrationSettings().utc_offset_minutes,
        ).any
        if not missing:
            break
        if standstill.of(missing):
            raise CommandError(f"{', '.join(sorted(missing))}: their evidence is not complete; see {children.logs}")
        telling.say(f"  the last day's evidence of {len(missing)} instruments is not complete yet")
        stop.wait(1.0)
    if not stop.is_set():
        children.start("calibrate", "calibrate", "--config", str(layout.server))


class Standstill:
    """Tells slowness from a standstill: whether something has not changed for `patience_s` seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._last: object = None
        self._since = time.monotonic()

    def of(self, state: object) -> bool:
        """Whether it is the same as at every call of the last `patience_s` seconds."""
        if state != self._last:
            self._last, self._since = state, time.monotonic()
        return time.monotonic() - self._since > self._patience_s
