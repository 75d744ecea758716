"""`steelyard edge check`: the whole list of what is right and what is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import PATIENCE_S, until

from steelyard.edge.check import Finding
from steelyard.edge.check import check as impatient_check


@pytest.fixture
def instrument(scripted_server: Callable[..., object], exact_reply: Callable[..., bytes]) -> object:
    return scripted_server(lambda r: [exact_reply(r, lambda _unit, register: 100 + register)])


def check(path: Path, *, broker_wait_s: float = PATIENCE_S) -> list[Finding]:
    """A broker that is there may take its time."""
    return impatient_check(path, broker_wait_s=broker_wait_s)


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def test_a_right_configuration_has_only_good_findings(
    mosquitto: object, instrument: object, gateway_directory: Callable[..., Path]
) -> None:
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", instrument.port)])
    findings = check(path)
    assert [(finding.subject, finding.ok) for finding in findings] == [
        ("configuration", True),
        ("key", True),
        ("spool", True),
        ("broker", True),
        ("instrument i1", True),
    ]
    said = by_subject(findings)
    assert "Made 1, 2 of 2 channels good in 1 requests" in said["instrument i1"].message
    assert "ed25519:" in said["key"].message


def test_a_misspelt_key_is_named_with_its_file_and_the_nearest_right_one(
    gateway_directory: Callable[..., Path],
) -> None:
    path = gateway_directory(broker_port=1883, instruments=[("i1", "made.toml", 502)])
    path.write_text(path.read_text().replace("max_frames", "max_frmes").replace("period_s", "periods"))
    (finding,) = check(path)
    assert not finding.ok
    assert finding.subject == "configuration"
    for part in ("edge.toml", "poll.periods", "did you mean 'period_s'"):
        assert part in finding.message


def test_everything_that_is_wrong_is_found_at_once(
    gateway_directory: Callable[..., Path],
    scripted_server: Callable[..., object],
    instrument: object,
    exact_reply: Callable[..., bytes],
    free_port: Callable[[], int],
    impatient_with: Callable[[str], None],
    tmp_path: Path,
) -> None:
    impatient_with("silent")
    stranger = scripted_server(lambda r: [exact_reply(r, lambda *_: 65_000)])
    silent = scripted_server(lambda _: [])
    refusing = scripted_server(lambda r: [r[:4] + b"\x00\x03\x01\x84\x02"])
    path = gateway_directory(
        broker_port=free_port(),
        instruments=[
            ("good", "made.toml", instrument.port),
            ("stranger", "made.toml", stranger.port),
            ("silent", "made.toml", silent.port),
            ("refusing", "made.toml", refusing.port),
            ("absent", "made.toml", 1),
            ("unprofiled", "sdm631", 502),
        ],
    )
    (tmp_path / "gateway.pem").chmod(0o644)
    findings = check(path, broker_wait_s=0.3)
    said = by_subject(findings)
    assert [finding.subject for finding in findings[4:]] == [
        f"instrument {name}" for name in ("good", "stranger", "silent", "refusing", "absent", "unprofiled")
    ]
    assert {subject for subject, finding in said.items() if finding.ok} == {"configuration", "spool", "instrument good"}
    assert "chmod 600" in said["key"].message
    assert "cannot be reached within 0.3 s" in said["broker"].message
    assert "holds 65000.0, where a Made 1 has 0 to 60000" in said["instrument stranger"].message
    assert "no complete reply" in said["instrument silent"].message
    assert "illegal data address" in said["instrument refusing"].message
    assert "no connection to 127.0.0.1:1" in said["instrument absent"].message
    assert "sdm630" in said["instrument unprofiled"].message


def test_a_missing_key_and_a_missing_spool_directory_are_named(
    mosquitto: object, instrument: object, gateway_directory: Callable[..., Path], tmp_path: Path
) -> None:
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", instrument.port)])
    path.write_text(path.read_text().replace('"spool.db"', '"nowhere/spool.db"'))
    (tmp_path / "gateway.pem").unlink()
    said = by_subject(check(path))
    assert "gateway.pem" in said["key"].message
    assert "nowhere" in said["spool"].message


def test_a_disk_with_too_little_free_is_named(
    mosquitto: object, instrument: object, gateway_directory: Callable[..., Path]
) -> None:
    path = gateway_directory(
        broker_port=mosquitto.port,
        instruments=[("i1", "made.toml", instrument.port)],
        spool=f"min_free_bytes = {2**62}\n",
    )
    assert "bytes are free" in by_subject(check(path))["spool"].message


def test_a_broker_certificate_that_is_missing_is_named(
    instrument: object, gateway_directory: Callable[..., Path]
) -> None:
    path = gateway_directory(broker_port=8883, instruments=[("i1", "made.toml", instrument.port)])
    tls = '[broker.tls]\nca = "ca.pem"\ncertificate = "c.pem"\nkey = "k.pem"\n[spool]'
    path.write_text(path.read_text().replace("[spool]", tls))
    finding = by_subject(check(path))["broker"]
    assert not finding.ok
    assert "ca.pem" in finding.message


def test_a_running_gateway_is_not_thrown_off_the_broker(
    mosquitto: object,
    instrument: object,
    gateway_directory: Callable[..., Path],
    start_gateway: Callable[..., object],
    consumer_factory: Callable[..., object],
) -> None:
    consumer = consumer_factory(mosquitto.port)
    path = gateway_directory(broker_port=mosquitto.port, instruments=[("i1", "made.toml", instrument.port)])
    start_gateway(path)
    until(lambda: len(consumer.frames) > 3, "frames")
    assert by_subject(check(path))["broker"].ok
    known = len(consumer.frames)
    until(lambda: len(consumer.frames) > known + 5, "more frames")
    assert [status.state for status in consumer.statuses] == ["online"] * len(consumer.statuses)
