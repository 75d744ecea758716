"""The reference pages of the command line and the registry file are true."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from steelyard.calibration.mpe import MaximumPermissibleError, limits_at, parse_mpe
from steelyard.calibration.mpe.rules import RULE_TYPES
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime
from steelyard.cli import registry_tables
from steelyard.cli.main import COMMANDS
from steelyard.cli.server_file import TABLES
from steelyard.contracts.registry import OrganizationKind

DOCS = Path(__file__).parents[2] / "docs"
REGISTRY = (DOCS / "reference/registry.md").read_text(encoding="utf-8")
CLI = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
RULES = re.findall(r"^rule = .*$", REGISTRY, re.MULTILINE)


@pytest.mark.parametrize("line", RULES)
def test_each_rule_on_the_page_is_a_rule(line: str) -> None:
    mpe = msgspec.convert({"unit": "kg", "source": "page", **tomllib.loads(line)}, MaximumPermissibleError)
    limits = limits_at(mpe, {"value": 100.0, "flow": 1.0, "temperature": 20.0})
    assert limits.lower < 0 < limits.upper


def test_the_page_names_every_kind_of_rule() -> None:
    tags = {tomllib.loads(line)["rule"]["type"] for line in RULES}
    assert tags == set(RULE_TYPES)


def test_the_class_on_the_page_is_one() -> None:
    (line,) = re.findall(r"^mpe = .*$", REGISTRY, re.MULTILINE)
    assert parse_mpe(tomllib.loads(line)["mpe"], "page").table is not None


@pytest.mark.parametrize(
    ("table", "struct"),
    [
        ("[[organization]]", registry_tables.OrganizationTable),
        ("[[serves]]", registry_tables.ServesTable),
        ("[[gateway]]", registry_tables.GatewayTable),
        ("[[instrument]]", registry_tables.InstrumentTable),
        ("[instrument.legal]", registry_tables.LegalTable),
        ("[instrument.legal.mpe]", MaximumPermissibleError),
        ("[[pair]]", registry_tables.PairTable),
        ("[[event]]", registry_tables.EventTable),
        ("[[event.point]]", registry_tables.PointTable),
    ],
)
def test_the_page_names_every_key_of_a_table(table: str, struct: type[msgspec.Struct]) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(table)}` \| (.*) \|$", REGISTRY, re.MULTILINE)
    own_tables = {"legal", "mpe", "point"}
    for field in msgspec.structs.fields(struct):
        if field.encode_name not in own_tables:
            assert f"`{field.encode_name}`" in row


def test_the_page_names_every_value_of_the_closed_sets() -> None:
    for values in (Regime, EventKind, Decision, OrganizationKind):
        for value in values:
            assert f"`{value.value}`" in REGISTRY


def test_the_page_of_the_command_line_names_every_command_and_every_table() -> None:
    for name in COMMANDS:
        assert f"`steelyard {name}" in CLI
    for table in TABLES:
        assert f"`[{table}]`" in CLI
