"""What an installation brings with it: a gateway carries neither mathematics nor web, a user finds the commands."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from house.source_tree import PARTS, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _brought_by(requirements: list[str]) -> set[str]:
    """Names of all distributions that the requirements bring, by the metadata of what is installed here."""
    brought: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        extras = requirement.extras or {""}
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        if name == "steelyard":
            inner = [text for extra in extras for text in _PROJECT["project"]["optional-dependencies"][extra]]
            waiting += [Requirement(text) for text in [*inner, *_PROJECT["project"]["dependencies"]]]
            continue
        if name in brought:
            continue
        brought.add(name)
        for text in metadata.requires(name) or []:
            below = Requirement(text)
            if below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                below.marker = None
                waiting.append(below)
    return brought


_SERVER_ONLY = {"numpy", "scipy", "fastapi", "uvicorn", "sqlalchemy", "bokeh", "influxdb-client"}


@pytest.mark.parametrize("requirement", ["steelyard[edge]", "steelyard[edge,sim]"])
def test_a_gateway_carries_neither_mathematics_nor_web_nor_databases(requirement: str) -> None:
    assert _brought_by([requirement]) & _SERVER_ONLY == set()


def test_the_plain_installation_is_what_contracts_need() -> None:
    direct = {canonicalize_name(Requirement(text).name) for text in _PROJECT["project"]["dependencies"]}
    assert direct == {"cbor2", "cryptography", "msgspec"}


def test_the_server_carries_what_the_gateway_must_not() -> None:
    assert _brought_by(["steelyard[server]"]) >= _SERVER_ONLY


def _locked(name: str) -> dict[str, set[str]]:
    """The versions of each distribution that a lock file pins (there may be one for each Python)."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        pinned, is_pin, version = line.split(";")[0].rstrip("\\ ").partition("==")
        if is_pin:
            pins.setdefault(canonicalize_name(pinned.split("[")[0]), set()).add(version)
    return pins


def test_everything_the_demonstration_needs_is_locked() -> None:
    assert (
        _brought_by(["steelyard[edge,server,sim]", "hatchling", "editables"]) - set(_locked("requirements.lock"))
        == set()
    )


def test_the_demonstration_installs_no_tool_of_the_developers() -> None:
    tools = {"pytest", "mypy", "ruff", "hypothesis", "playwright", "schemathesis", "import-linter", "matplotlib"}
    assert set(_locked("requirements.lock")) & tools == set()
    assert tools - set(_locked("requirements-dev.lock")) == set()


def test_everything_an_extra_brings_is_locked() -> None:
    assert _brought_by(["steelyard[all]"]) - set(_locked("requirements-dev.lock")) == set()


def test_both_lock_files_pin_the_same_versions() -> None:
    all_of_it = _locked("requirements-dev.lock")
    assert all(versions <= all_of_it[name] for name, versions in _locked("requirements.lock").items())


def test_every_part_is_packaged() -> None:
    build = _PROJECT["tool"]["hatch"]["build"]
    assert set(build["dev-mode-dirs"]) == set(PARTS)
    assert set(build["targets"]["wheel"]["packages"]) == {f"{part}/steelyard" for part in PARTS}


def test_the_type_checker_looks_at_every_part() -> None:
    """`packages = ["steelyard"]` would find the first root of the namespace and stop there."""
    settings = _PROJECT["tool"]["mypy"]
    assert "packages" not in settings
    assert {Path(place).parts[0] for place in settings["files"]} >= set(PARTS)
    assert set(settings["mypy_path"].split(":")) >= set(PARTS)


def test_the_license_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
