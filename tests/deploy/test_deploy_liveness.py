"""The health check of the service `calibration`: it sees what the process did, in the configuration of the stack."""

import json
import re
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from deploy.compose_file import ROOT, services
from waiting import PATIENCE_S

from steelyard.cli.main import main

HOUR_NS = 3600 * 10**9


def steelyard(*arguments: str, status: int = 0) -> str:
    """Run a command here: what it told."""
    with redirect_stdout(StringIO()) as told, redirect_stderr(StringIO()) as complained:
        ended = main(arguments)
    assert ended == status, f"{arguments}: {told.getvalue()}{complained.getvalue()}"
    return told.getvalue()


def calibrate_once(config: Path) -> None:
    """In a process of its own, as the service: the doctor must see what another process did."""
    command = [sys.executable, "-m", "steelyard.cli.main", "calibrate", "--config", str(config), "--once"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A server.toml over stores in which nothing is registered."""
    path = tmp_path / "server.toml"
    stores = "".join(f'{name} = "sqlite:///{tmp_path}/{name}.db"\n' for name in ("records", "readings"))
    path.write_text(f'[stores]\n{stores}ledger = "{tmp_path}/ledger.db"\n')
    return path


@pytest.fixture
def registered(server: Path) -> Path:
    """The same with the instruments of the stack."""
    public = json.loads(steelyard("key", "new", str(server.parent / "gateway.pem"), "--json"))["public_key"]
    registry = server.parent / "registry.toml"
    text = (ROOT / "deploy" / "config" / "registry.toml").read_text()
    registry.write_text(text.replace("@GATEWAY_KEY@", public).replace("@INGEST_KEY@", public))
    steelyard("registry", "apply", str(registry), "--config", str(server))
    return server


def _clock_behind(server: Path, hours: int) -> Path:
    """The configuration of a clock that is so many hours behind and stays there."""
    now = time.time_ns()
    path = server.with_name("behind.toml")
    clock = f"[clock]\nsimulated_from_ns = {now - hours * HOUR_NS}\nwall_from_ns = {now}\nrate = 1\n"
    path.write_text(server.read_text() + clock)
    return path


def _answer(config: Path, *, ok: bool) -> str:
    """What the doctor says of the calibration, in the words of the service's health check."""
    _, program, *check = services()["calibration"]["healthcheck"]["test"]
    assert program == "steelyard"
    asked = [str(config) if word.endswith(".toml") else word for word in check]
    found: dict[str, Any] = json.loads(steelyard(*asked, "--json", status=0 if ok else 1))
    (calibration,) = [each for each in found["findings"] if each["subject"] == "calibration"]
    assert calibration["ok"] is ok
    return str(calibration["message"])


def test_calibration_that_never_ran_is_not_well_and_after_its_first_run_it_is(registered: Path) -> None:
    assert "steelyard calibrate" in _answer(registered, ok=False)
    calibrate_once(registered)
    assert re.search(r"assessed at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", _answer(registered, ok=True))


def test_work_of_the_day_before_yesterday_does_not_count(registered: Path) -> None:
    calibrate_once(_clock_behind(registered, 26))
    assert "25 h" in _answer(registered, ok=False)


def test_work_of_yesterday_counts(registered: Path) -> None:
    calibrate_once(_clock_behind(registered, 24))
    _answer(registered, ok=True)


def test_without_anything_to_assess_nothing_is_wrong(server: Path) -> None:
    (server.parent / "registry.toml").write_text("")
    steelyard("registry", "apply", str(server.parent / "registry.toml"), "--config", str(server))
    assert "nothing to assess" in _answer(server, ok=True)


def test_of_a_simulated_clock_nothing_is_said(registered: Path) -> None:
    assert "simulated" in _answer(_clock_behind(registered, 26), ok=True)
