"""The command line: help that a stranger can use, one clear message, exit status 2 for what cannot be done."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from steelyard.cli.main import COMMANDS, main
from steelyard.contracts.identifiers import InstrumentId
from steelyard.storage.records import open_records


def steelyard(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steelyard.cli.main", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(autouse=True)
def _patient_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.cli.commands.doctor._CONNECT_S", PATIENCE_S)


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    told = capsys.readouterr().out
    assert all(name in told for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert f"steelyard {name}" in told
    # Every option says what it is for.
    assert not re.findall(r"^  --[\w-]+(?: \w+)?\n(?=  --|\Z)", told, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_imports_only_its_own_part(name: str) -> None:
    program = f"""
import json, sys
from steelyard.cli.main import main
try:
    main([{name!r}, "--help"])
except SystemExit:
    pass
print(json.dumps(sorted(module for module in sys.modules if "." not in module)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    heavy = {"scipy", "bokeh", "fastapi"}
    if name in {"edge", "sim", "broker", "key", "doctor", "demo"}:
        assert not modules & (heavy | {"numpy", "sqlalchemy"})
    if name in {"ingest", "registry"}:
        assert not modules & heavy


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys" / "gateway.pem"
    assert main(["key", "new", str(path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["key", "show", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == made
    before = path.read_bytes()
    assert main(["key", "new", str(path)]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["key", "show", "nowhere.pem"], ["nowhere.pem", "steelyard key new"]),
        (["edge", "run", "nowhere.toml"], ["nowhere.toml"]),
        (["ingest", "--config", "nowhere.toml"], ["nowhere.toml", "No such file"]),
        (["calibrate", "--config", "nowhere.toml"], ["nowhere.toml", "No such file"]),
        (["api", "--config", "nowhere.toml"], ["nowhere.toml", "No such file"]),
        (["sim", "nowhere.toml"], ["nowhere.toml"]),
        (["sim", "nowhere.toml", "--rate", "2"], ["--simulated-from-ns"]),
        (["demo", "--score", "nowhere"], ["nowhere", "steelyard demo"]),
        (["broker", "ca", "tls", "--gateway", "nobody"], ["--gateway", "hengyuan/gw-hengyuan"]),
        (["registry", "apply", "nowhere.toml", "--config", "nowhere2.toml"], ["nowhere2.toml"]),
    ],
)
def test_what_cannot_be_done_gives_one_message_and_status_2(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    done = steelyard(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    message = done.stderr.strip().splitlines()
    assert len(message) == 1
    assert message[0].startswith("steelyard: ")
    for word in words:
        assert word in message[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[brokr]\n", ["server.toml", "[brokr]", "did you mean [broker]"]),
        ("broker = 5\n", ["server.toml", "[broker]"]),
        ("[broker\n", ["server.toml", "TOML"]),
        (
            '[broker]\nclient_id = "ingest"\nhots = "x"\n[ingest]\nkey = "k.pem"\n',
            ["server.toml", "hots", "did you mean 'host'"],
        ),
    ],
)
def test_a_configuration_with_a_fault_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text(text)
    done = steelyard("ingest", cwd=tmp_path)
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr


def test_certificates_acl_and_configuration_fit_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "ca", str(tmp_path / "tls"), "--gateway", "acme/gw-1"]) == 0
    made = capsys.readouterr().out.split()
    assert {Path(line).name for line in made} == {"ca.crt", "server.crt", "ingest.crt", "acme.gw-1.crt"}
    assert main(["broker", "ca", str(tmp_path / "tls"), "--gateway", "acme/gw-2"]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == ["acme.gw-2.crt"]
    assert main(["broker", "acl"]) == 0
    assert "pattern write steelyard/v1/%u/frame" in capsys.readouterr().out
    assert main(["broker", "conf", "--tls-directory", "/t", "--port", "9999"]) == 0
    conf = capsys.readouterr().out
    assert "listener 9999" in conf
    assert "cafile /t/ca.crt" in conf


def test_the_doctor_names_what_is_missing_and_says_so_in_its_status(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text(
        '[broker]\nclient_id = "x"\nport = 1\n[stores]\nrecords = "sqlite:///none.db"\nledger = "none.ledger"\n'
    )
    done = steelyard("doctor", "--config", "server.toml", "--json", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    found = {each["subject"]: each for each in json.loads(done.stdout)["findings"]}
    assert found["python"]["ok"]
    for subject in ("broker", "records", "ledger", "api"):
        assert not found[subject]["ok"]
        assert len(found[subject]["message"]) > 20


def test_the_doctor_of_a_bare_machine_finds_nothing_wrong(tmp_path: Path) -> None:
    done = steelyard("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "python" in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "steelyard.cli.main", "broker", "acl"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["registry", "apply", "latin.toml"],
        ["registry", "account", "a@b.test", "--name", "A", "--organization", "o", "--role", "owner"],
    ],
)
def test_a_file_that_is_no_text_gives_one_message(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes("name = 'Müller'".encode("latin-1"))
    (tmp_path / "server.toml").write_text("[stores]\nrecords = 'sqlite:///r.db'\n")
    more = ["--password-file", "latin.toml"] if "account" in words else []
    done = steelyard(*words, *more, cwd=tmp_path)
    assert done.returncode == 2
    assert "not UTF-8 text" in done.stderr
    assert "Traceback" not in done.stderr


CERTIFIED = """
[[organization]]
id = "acme"
name = "Acme"
kind = "enterprise"
region = "cn-zj"
[[gateway]]
id = "gw-1"
organization = "acme"
public_key = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
[[instrument]]
id = "pt-1"
gateway = "gw-1"
name = "Boiler pressure"
profile = "pressure_transmitter"
serial = "123"
location = "Boiler house"
accuracy_class = "0.5"
[[event]]
id = "cert-1"
instrument = "pt-1"
kind = "calibration"
completed = 2025-03-01
decision = "passed"
performed_by = "Institute"
certificate = "C-1"
"""


def test_a_registry_file_that_says_of_no_institute_whom_it_serves_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file = tmp_path / "server.toml", tmp_path / "registry.toml"
    config.write_text(f"[stores]\nrecords = 'sqlite:///{tmp_path}/r.db'\n")
    institute = "[[organization]]\nid = 'inst'\nname = 'Institute'\nkind = 'institute'\nregion = 'cn'\n"
    enterprise = "[[organization]]\nid = 'acme'\nname = 'Acme'\nkind = 'enterprise'\nregion = 'cn'\n"
    command = ["registry", "apply", str(file), "--config", str(config)]
    file.write_text(institute + enterprise)
    assert main(command) == 0
    assert "no institute sees an enterprise's instruments" in capsys.readouterr().out
    file.write_text(institute + "serves = ['acme']\n" + enterprise)
    assert main(command) == 0
    assert "serves" not in capsys.readouterr().out
    file.write_text(institute + enterprise)
    assert main(command) == 0
    assert "1 known before stay" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "changed": 0, "new_events": 0, "serves_in_file": 0, "serves_known": 1,
    }  # fmt: skip


def test_a_certificate_number_that_is_on_record_is_refused_and_both_events_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """L16: the same certificate entered again with another date."""
    config, file = tmp_path / "server.toml", tmp_path / "registry.toml"
    config.write_text(f"[stores]\nrecords = 'sqlite:///{tmp_path}/r.db'\n")
    command = ["registry", "apply", str(file), "--config", str(config)]
    file.write_text(CERTIFIED)
    assert main(command) == 0
    assert "1 verification events added" in capsys.readouterr().out
    file.write_text(CERTIFIED.replace("cert-1", "cert-2").replace("2025-03-01", "2025-09-01"))
    assert main(command) == 2
    told = capsys.readouterr().err
    for word in ("cert-1", "cert-2", "C-1", "2025-03-01"):
        assert word in told
    with open_records(f"sqlite:///{tmp_path}/r.db") as records:
        (event,) = records.verification.events(InstrumentId("pt-1"))
        (entry,) = records.audit.entries_of("verification_event", "cert-1")
    assert event.imported_from == "registry.toml"
    assert "imported from registry.toml" in (entry.new or "")


def test_a_certificate_of_a_day_that_has_not_come_is_refused(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text("[stores]\nrecords = 'sqlite:///r.db'\n")
    for year in (2162, 1026):
        (tmp_path / "registry.toml").write_text(
            f"[[event]]\nid = 'e-1'\ninstrument = 'pt-1'\nkind = 'calibration'\ncompleted = {year}-08-01\n"
            "decision = 'none'\nperformed_by = 'PIM'\n"
        )
        done = steelyard("registry", "apply", "registry.toml", cwd=tmp_path)
        assert done.returncode == 2
        assert f"{year}-08-01" in done.stderr
        assert "e-1" in done.stderr


def test_the_doctor_says_when_something_else_answers_where_the_interface_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        other = threading.Thread(target=greet, daemon=True)
        other.start()
        (tmp_path / "server.toml").write_text(f"[api]\nport = {listener.getsockname()[1]}\n")
        assert main(["doctor", "--part", "api", "--config", str(tmp_path / "server.toml")]) == 1
        other.join()
    assert "220 mail.example" in capsys.readouterr().out


def test_the_doctor_asks_its_own_interface_and_no_proxy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        (tmp_path / "server.toml").write_text(f"[api]\nport = {listener.getsockname()[1]}\n")
        assert main(["doctor", "--part", "api", "--config", str(tmp_path / "server.toml")]) == 0
    assert "answers 200" in capsys.readouterr().out
