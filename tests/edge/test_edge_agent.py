"""The whole gateway against a real Mosquitto, scripted instruments and a consumer that gives receipts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import until

from steelyard.broker_config.client import BrokerClient, BrokerSettings
from steelyard.contracts.errors import SettingsError
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.reading import Quality
from steelyard.edge.errors import SpoolInUse
from steelyard.edge.spool import Spool
from steelyard.edge.window import NOTHING

TEN_A_SECOND = "period_s = 0.1\ntimeout_s = 60.0\n"
TWENTY_A_SECOND = "period_s = 0.05\ntimeout_s = 60.0\n"


def test_values_arrive_in_order_and_the_spool_forgets_on_receipts(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    spooled: Callable[[Path], Spool],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) >= 20, "20 frames")
    gateway.stop()
    assert [seq for _, seq in consumer.order] == list(range(1, len(consumer.order) + 1))
    counts = [value for _, channel, value, _ in consumer.readings() if channel == "a"]
    assert counts == [float(place) for place in range(1, len(counts) + 1)]
    assert all(value == 7.0 for _, channel, value, _ in consumer.readings() if channel == "b")
    spool = spooled(path.parent)
    assert spool.frames == 0
    spool.close()


def test_birth_status_and_goodbye(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: consumer.statuses, "a status")
    assert (consumer.statuses[0].state, consumer.statuses[0].gateway) == ("online", "gw")
    gateway.stop()
    until(lambda: consumer.statuses[-1].state == "offline", "the goodbye")
    assert consumer.statuses[-1].reason == "stopped"
    late = consumer_factory(mosquitto.port, client_id="late")
    until(lambda: late.statuses, "the retained status")
    assert late.statuses[0].state == "offline", "the status is retained"


def test_a_broker_down_at_start_and_going_away_loses_nothing(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    resend_after: Callable[[float], None],
    lines: Callable[[], list[str]],
) -> None:
    mosquitto.stop()
    resend_after(1)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: len(counting.requests) >= 20, "20 polls")
    mosquitto.start()
    consumer = consumer_factory(mosquitto.port)
    until(lambda: len(consumer.frames) >= 30, "30 frames")
    for _ in range(2):
        mosquitto.forget_everything()
        asked = len(counting.requests)
        until(lambda asked=asked: len(counting.requests) >= asked + 15, "15 polls without a broker")
        mosquitto.start()
        known = len(consumer.frames)
        until(lambda known=known: len(consumer.frames) >= known + 30, "30 more frames")
        # What reached the new broker before its consumer did is sent again when its receipt is overdue.
        until(lambda: consumer.gaps() == [], "what the broker forgot is sent again", say=lambda: str(consumer.gaps()))
    gateway.stop()
    assert consumer.altered == []
    counts = [value for _, channel, value, _ in consumer.readings() if channel == "a"]
    assert counts == [float(place) for place in range(1, len(counts) + 1)]
    said = [line for line in lines() if "cannot reach broker" in line and "gw" not in line]
    assert said, "the outage is said"
    assert len([line for line in lines() if "lost broker" in line]) <= 4, "once for each side and outage"


def test_an_instrument_that_is_down_at_start_or_goes_away_leaves_the_others_alone(
    mosquitto: object,
    counting: object,
    scripted_server: Callable[..., object],
    exact_reply: Callable[..., bytes],
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    live: Callable[..., object],
    lines: Callable[[], list[str]],
) -> None:
    late = scripted_server(lambda r: [exact_reply(r, lambda *_: 9)])
    late.stop()
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("here", "made.toml", counting.port), ("late", "made.toml", late.port)],
        poll=TEN_A_SECOND,
    )
    # Two seconds each: the pauses between attempts to connect grow to 1.6 s.
    agent = live(path, 2.0, then=[late.start, late.stop])
    until(lambda: len(consumer.frames) == agent.statistics.frames, "all frames")
    assert {len(frame.blocks) for frame in consumer.decoded()[:-1]} == {2}, "every frame has both instruments"
    assert agent.statistics.missed == 0
    here = [value for name, channel, value, _ in consumer.readings() if (name, channel) == ("here", "a")]
    assert here == [float(place) for place in range(1, len(here) + 1)]
    there = [
        (value, status) for name, channel, value, status in consumer.readings() if (name, channel) == ("late", "a")
    ]
    away = (None, Quality.NOT_CONNECTED)
    assert there[:20] == [away] * 20
    assert (9.0, 0) in there
    assert there[-10:] == [away] * 10
    about = [line for line in lines() if line.startswith("instrument late")]
    assert len(about) <= 5, about
    assert sum("answers again" in line for line in about) == 1


def test_a_silent_instrument_costs_missed_polls_that_are_counted_and_reported(
    mosquitto: object,
    counting: object,
    scripted_server: Callable[..., object],
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    impatient_with: Callable[[str], None],
    live: Callable[..., object],
) -> None:
    silent = scripted_server(lambda _: [])
    impatient_with("silent")
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("here", "made.toml", counting.port), ("silent", "made.toml", silent.port)],
        poll=TWENTY_A_SECOND,
    )
    agent = live(path, 2.0, silent=silent)
    until(lambda: len(consumer.frames) == agent.statistics.frames, "all frames")
    assert agent.statistics.missed > 0
    readings = consumer.readings()
    assert {(value, status) for name, _, value, status in readings if name == "silent"} == {(None, Quality.NO_REPLY)}
    here = [value for name, channel, value, _ in readings if (name, channel) == ("here", "a")]
    assert len(here) >= 40
    assert here == [float(place) for place in range(1, len(here) + 1)], "the neighbour is read all the same"
    times = [b.t[0] for f in consumer.decoded() for b in f.blocks if b.instrument == "silent"]
    assert times == sorted(times)
    assert len(set(times)) == len(times), "a missed poll stands at its own time"


def test_a_receipt_that_is_forged_foreign_or_too_far_is_ignored(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    lines: Callable[[], list[str]],
    spooled: Callable[[Path], Spool],
) -> None:
    consumer = consumer_factory(mosquitto.port, give_receipts=False)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) >= 10, "10 frames")
    boot = consumer.order[0][0]
    consumer.send_receipt(boot, 10, key=SigningKey.generate())
    consumer.send_receipt(boot, 10, gateway="other")
    consumer.send_receipt("00000009-deadbeef", 10)
    consumer.send_receipt(boot, 1_000_000)
    until(lambda: sum("receipt ignored" in line for line in lines()) == 4, "four are ignored")
    consumer.send_receipt(boot, 4)
    consumer.send_receipt(boot, 10, key=SigningKey.generate())
    until(lambda: sum("receipt ignored" in line for line in lines()) == 5, "one more, so the right one has come too")
    gateway.stop(farewell_s=0.0)
    spool = spooled(path.parent)
    assert [frame.seq for frame in spool.after(NOTHING, 3, 10**6)] == [5, 6, 7]
    spool.close()


def test_frames_that_an_older_ledger_has_lost_hold_back_no_others(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    spooled: Callable[[Path], Spool],
) -> None:
    """A ledger restored from a backup lacks what its gateways have forgotten on its word."""
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: len(consumer.frames) >= 20, "20 frames")
    boot = consumer.order[0][0]
    consumer.go()
    consumer.forget(boot, 5)
    consumer.come()
    until(lambda: len(consumer.frames) >= 40, "40 frames")
    gateway.stop()
    missing = [seq for _, seq in consumer.gaps()]
    assert missing
    assert missing == list(range(6, 6 + len(missing))), "one gap, that of the ledger"
    spool = spooled(path.parent)
    assert spool.frames == 0
    spool.close()


def test_instruments_with_their_own_period_have_frames_of_their_own(
    mosquitto: object,
    counting: object,
    scripted_server: Callable[..., object],
    exact_reply: Callable[..., bytes],
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    live: Callable[..., object],
) -> None:
    slow = scripted_server(lambda r: [exact_reply(r, lambda *_: 1)])
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("fast", "made.toml", counting.port), ("slow", "made.toml", slow.port)],
        poll=TWENTY_A_SECOND,
    )
    path.write_text(path.read_text() + "period_s = 0.2\n")
    agent = live(path, 2.0)
    until(lambda: len(consumer.frames) == agent.statistics.frames, "all frames")
    names = [tuple(block.instrument for block in frame.blocks) for frame in consumer.decoded()]
    assert set(names) == {("fast",), ("slow",)}
    assert names.count(("fast",)) == pytest.approx(40, abs=1)
    assert names.count(("slow",)) == pytest.approx(10, abs=1)
    assert agent.statistics.missed == 0


def test_instruments_on_one_port_share_a_connection_and_are_asked_in_turn(
    mosquitto: object,
    scripted_server: Callable[..., object],
    exact_reply: Callable[..., bytes],
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    live: Callable[..., object],
) -> None:
    server = scripted_server(lambda r: [exact_reply(r, lambda unit, _register: unit)])
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("u1", "made.toml", server.port)])
    extra = "".join(
        f'[[instrument]]\nid = "u{unit}"\nprofile = "made.toml"\nhost = "127.0.0.1"\n'
        f"port = {server.port}\nunit = {unit}\n"
        for unit in (2, 3, 4)
    )
    path.write_text(path.read_text() + extra)
    agent = live(path, 0.5)
    until(lambda: len(consumer.frames) == agent.statistics.frames, "all frames")
    assert agent.statistics.frames >= 20
    assert server.connections == 1
    assert {(name, value) for name, _, value, _ in consumer.readings()} == {(f"u{unit}", unit) for unit in (1, 2, 3, 4)}


def test_the_will_says_that_the_connection_was_lost(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    gateway = start_gateway(path)
    until(lambda: consumer.statuses, "a status")
    # Another client takes the session over: for the broker the gateway's connection broke.
    thief = BrokerClient(BrokerSettings(client_id="gw", port=mosquitto.port))
    thief.start()
    until(lambda: any(status.reason == "connection lost" for status in consumer.statuses), "the will")
    thief.stop()
    until(lambda: consumer.statuses[-1].state == "online", "the gateway is back")
    gateway.stop()


def test_a_second_gateway_on_one_spool_ends_with_a_clear_error(
    mosquitto: object,
    counting: object,
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
) -> None:
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    start_gateway(path)
    until(lambda: counting.requests, "the first one's polls")
    second = start_gateway(path)
    until(lambda: second.error is not None, "the second one's end")
    assert isinstance(second.error, SpoolInUse)
    second.error = None


def test_a_wrong_configuration_ends_at_once(
    gateway_directory: Callable[..., Path], start_gateway: Callable[..., object]
) -> None:
    path = gateway_directory(broker_port=1883, instruments=[("i1", "made.toml", 502)])
    path.write_text(path.read_text().replace("timeout_s", "timeuot_s"))
    gateway = start_gateway(path)
    until(lambda: gateway.error is not None, "its end")
    assert isinstance(gateway.error, SettingsError)
    assert "did you mean 'timeout_s'" in str(gateway.error)
    gateway.error = None


def test_without_receipts_frames_are_sent_again_and_it_is_said_once(
    mosquitto: object,
    counting: object,
    consumer_factory: Callable[..., object],
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    resend_after: Callable[[float], None],
    lines: Callable[[], list[str]],
) -> None:
    consumer = consumer_factory(mosquitto.port, give_receipts=False)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", counting.port)])
    resend_after(0.5)
    gateway = start_gateway(path)
    until(lambda: len(consumer.order) > len(consumer.frames) + 50, "50 frames a second time")
    consumer.give_receipts = True
    until(lambda: any("receipts come again" in line for line in lines()), "the line that says so")
    gateway.stop()
    assert consumer.altered == []
    assert consumer.gaps() == []
    assert sum("no receipt for frame 1 of boot 1" in line for line in lines()) == 1


def test_a_tls_file_that_is_missing_ends_at_once_and_leaves_the_spool_free(
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    spooled: Callable[[Path], Spool],
) -> None:
    path = gateway_directory(broker_port=8883, instruments=[("i1", "made.toml", 502)])
    tls = '[broker.tls]\nca = "ca.pem"\ncertificate = "c.pem"\nkey = "k.pem"\n[spool]'
    path.write_text(path.read_text().replace("[spool]", tls))
    gateway = start_gateway(path)
    until(lambda: gateway.error is not None, "its end")
    assert "ca.pem" in str(gateway.error)
    gateway.error = None
    spooled(path.parent).close()
