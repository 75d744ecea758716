"""docker-compose.yml as the tests of the stack read it."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"


def load_compose() -> dict[str, Any]:
    """The file with its anchors and merges resolved."""
    return deepcopy(_parsed())


@cache
def _parsed() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = load_compose()["services"]
    return found


def mounts(service: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """A service's volumes and bind mounts as (source, target, read-only); tmpfs mounts have no source."""
    found = []
    for mount in service.get("volumes", []):
        if isinstance(mount, str):
            source, target, *options = mount.split(":")
            found.append((source, target, "ro" in options))
        else:
            found.append((mount.get("source", ""), mount["target"], mount.get("read_only", False)))
    return found
