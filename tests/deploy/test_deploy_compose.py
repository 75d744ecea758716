"""docker-compose.yml against the compose specification and the house's own rules, without a container engine."""

import importlib.util
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from deploy.compose_file import COMPOSE, ROOT, load_compose, mounts, services

ONE_SHOT = {"identity", "registry"}
EVERY_SERVICE = sorted(services())
LASTING_SERVICE = sorted(set(services()) - ONE_SHOT)


@pytest.fixture(scope="module")
def specification() -> Any:
    """The compose specification's schema, as the package check-jsonschema carries it."""
    # Only the file is wanted: importing the package would import its command.
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return jsonschema_rs.validator_for(json.loads(schema.read_text()))


def test_compose_file_keeps_to_the_specification(specification: Any) -> None:
    found = [
        f"{'.'.join(map(str, error.instance_path))}: {error.message}"
        for error in specification.iter_errors(load_compose())
    ]
    assert found == []


def test_the_specification_would_find_a_misspelt_key(specification: Any) -> None:
    wrong = load_compose()
    wrong["services"]["api"]["helthcheck"] = {}
    assert not specification.is_valid(wrong)


def test_the_whole_stack_is_there() -> None:
    wanted = {"mosquitto", "influxdb", "postgres", "instruments", "edge", "ingest", "calibration", "api"}
    assert wanted <= set(services())
    assert re.match(r"influxdb:2(\.|$)", services()["influxdb"]["image"])


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_service_runs_without_root_and_without_more_than_it_needs(name: str) -> None:
    service = services()[name]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "pid", "devices"} & set(service)


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_service_has_limits(name: str) -> None:
    assert set(services()[name]["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", LASTING_SERVICE)
def test_lasting_service_says_whether_it_is_well_and_comes_back(name: str) -> None:
    service = services()[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", EVERY_SERVICE)
def test_service_waits_for_what_can_come_true(name: str) -> None:
    for other, wait in services()[name].get("depends_on", {}).items():
        condition = wait["condition"]
        assert other in services()
        if condition == "service_healthy":
            assert "healthcheck" in services()[other]
        assert (condition == "service_completed_successfully") == (other in ONE_SHOT)


@pytest.mark.parametrize("kind", ["networks", "volumes"])
def test_everything_declared_is_used_and_everything_used_is_declared(kind: str) -> None:
    used: set[str] = set()
    for service in services().values():
        if kind == "volumes":
            used |= {source for source, _, _ in mounts(service) if source and not source.startswith(".")}
        else:
            used |= set(service.get(kind, []))
    assert used == set(load_compose()[kind])


def test_no_secret_stands_in_the_file() -> None:
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY", name):
                assert name.endswith("_FILE"), name
                assert value.startswith("/run/secrets/")


def test_nothing_has_to_be_there_before_the_first_start() -> None:
    assert not {"secrets", "configs"} & set(load_compose())
    assert not any({"secrets", "configs", "env_file"} & set(service) for service in services().values())
    assert "${" not in COMPOSE.read_text()
    assert not any(volume for volume in load_compose()["volumes"].values()), "no volume that somebody must make first"


SECRET_OF = {
    "postgres-password": {"postgres"},
    "influxdb-password": {"influxdb"},
    "influxdb-token": {"influxdb", "ingest", "calibration", "api"},
}


@pytest.mark.parametrize("secret", sorted(SECRET_OF))
def test_a_secret_is_written_by_identity_and_seen_by_those_who_need_it(secret: str) -> None:
    seen = {
        name: read_only for name, service in services().items() for s, _, read_only in mounts(service) if s == secret
    }
    assert seen.pop("identity") is False
    assert set(seen) == SECRET_OF[secret]
    assert all(seen.values())


@pytest.mark.parametrize("name", sorted(set.union(*SECRET_OF.values())))
def test_who_reads_a_secret_may_read_it_and_waits_until_it_is_there(name: str) -> None:
    service = services()[name]
    groups = {str(service["user"]).partition(":")[2], *service.get("group_add", [])}
    assert services()["identity"]["user"] == "10001:10001"
    assert "10001" in groups
    assert "identity" in _waited_for(name)


def _waited_for(name: str) -> set[str]:
    """The services that must have come true before this one starts."""
    direct = set(services()[name].get("depends_on", {}))
    return direct.union(*(_waited_for(other) for other in direct))


def test_what_identity_fills_is_a_directory_of_the_image_with_its_owner() -> None:
    # An empty volume takes owner and mode from the image's directory where it is mounted first; without one, only root
    # could write to it.
    (making,) = [line for line in _instructions("Dockerfile") if "install -d" in line]
    assert "-o steelyard -g steelyard -m 0750" in making
    made = set(re.findall(r"/out/[a-z-]+", making))
    assert made == {target for source, target, _ in mounts(services()["identity"]) if not source.startswith(".")}


def test_only_this_machine_reaches_published_ports() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_files_mounted_from_the_checkout_exist() -> None:
    for service in services().values():
        for source, _, read_only in mounts(service):
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert read_only, source


def test_the_gateway_cannot_reach_a_database_nor_the_console_the_broker() -> None:
    assert "stores" not in services()["edge"]["networks"]
    assert "broker" not in services()["api"]["networks"]
    assert "field" not in services()["ingest"]["networks"]


def test_nobody_but_the_one_shot_service_sees_the_authoritys_key() -> None:
    holders = [name for name, service in services().items() if any(s == "authority" for s, _, _ in mounts(service))]
    assert holders == ["identity"]


def test_images_are_built_with_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    built = {service["build"]["args"]["EXTRAS"] for service in services().values() if "build" in service}
    assert built == {"edge", "server"}
    assert built <= set(extras)


def _instructions(name: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text())
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def test_the_image_is_built_in_stages_from_hashes_and_runs_as_a_number() -> None:
    lines = _instructions("Dockerfile")
    assert [line.split()[1] for line in lines if line.startswith("FROM ")] == ["python:3.11-slim"] * 2
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001:10001"]
    assert any("--require-hashes" in line for line in lines)
    assert all("--no-index" in line for line in lines if "pip --python" in line)
    final = lines[[number for number, line in enumerate(lines) if line.startswith("FROM ")][-1] :]
    assert [line for line in final if line.startswith(("COPY", "ADD"))] == [
        "COPY --from=build /opt/steelyard /opt/steelyard"
    ]


def test_the_image_sees_sources_and_lock_file_only() -> None:
    allowed = {line.removeprefix("!").rstrip("/") for line in _instructions(".dockerignore") if line.startswith("!")}
    assert "*" in _instructions(".dockerignore")
    parts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["dev-mode-dirs"]
    assert allowed == {*parts, "LICENSE", "README.md", "pyproject.toml", "requirements.lock"}


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_can_be_run_and_parsed(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", str(script)], check=True)
