"""Tables and connections of the records: migration, version, a database that is down, goes away or is another's."""

import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import column, create_engine, inspect, make_url, text
from sqlalchemy import table as sqlalchemy_table

from steelyard.contracts.errors import SettingsError
from steelyard.contracts.identifiers import InstrumentId
from steelyard.storage.errors import StoreForeign, StoreUnavailable
from steelyard.storage.records import Records, Registration, open_records, schema, upgrade
from steelyard.storage.records.database import Database
from steelyard.storage.records.migration import _config, head_revision
from steelyard.storage.records.schema import ENDED, OPEN_ORDER, metadata


def migrate_to(url: str, revision: str) -> None:
    """Make the tables as an older version had them."""
    config = _config()
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(records_url: str) -> None:
    upgrade(records_url)
    engine = create_engine(records_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == head_revision()
    engine.dispose()


def test_the_rule_of_one_open_order_is_the_databases(records_url: str) -> None:
    """Alembic does not compare the condition of a partial index: it is read back here."""
    upgrade(records_url)
    engine = create_engine(records_url)
    (index,) = [each for each in inspect(engine).get_indexes("work_order") if each["name"] == OPEN_ORDER]
    condition = str(index["dialect_options"][f"{engine.dialect.name}_where"])
    assert index["unique"]
    assert all(word.strip() in condition for word in ENDED.split(","))
    engine.dispose()


def test_migrating_again_changes_nothing(records: Records, records_url: str) -> None:
    before = records.audit.count()
    upgrade(records_url)
    assert records.audit.count() == before


def test_a_weighing_instrument_of_before_becomes_a_digital_indicating_scale(
    records_url: str, registration: Registration
) -> None:
    database = Database(records_url)
    with database.write("tables", "migration") as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "r0002")
        connection.execute(schema.organization.insert(), [asdict(each) for each in registration.organizations])
        connection.execute(schema.gateway.insert(), [asdict(each) for each in registration.gateways])
        columns = ["id", "organization", "gateway", "name", "kind", "profile", "serial", "location", "accuracy_class"]
        table = sqlalchemy_table("instrument", *map(column, columns))
        for each, kind in zip(registration.instruments, ("weighing_instrument", "electricity_meter"), strict=True):
            row = asdict(each) | {"kind": kind}
            connection.execute(table.insert(), {name: row[name] for name in columns})
    database.close()
    upgrade(records_url)
    with open_records(records_url) as records:
        found = [each.kind for each in records.registry.instruments()]
    assert sorted(found) == ["digital_indicating_scale", "electricity_meter"]


def test_nobody_is_blinded_by_the_step_that_says_who_serves_whom(tmp_path: Path) -> None:
    """Before it every institute saw every enterprise: each goes on seeing those that there were."""
    url = f"sqlite:///{tmp_path / 'records.db'}"
    engine = create_engine(url)
    migrate_to(url, "r0002")
    with engine.begin() as connection:
        for name, kind in (("a", "enterprise"), ("b", "enterprise"), ("i", "institute"), ("s", "supervisor")):
            row = {"id": name, "kind": kind}
            connection.execute(text("INSERT INTO organization VALUES (:id, :id, :kind, 'cn')"), row)
    engine.dispose()
    upgrade(url)
    with open_records(url) as records:
        assert [(each.institute, each.enterprise) for each in records.registry.service_relations()] == [
            ("i", "a"),
            ("i", "b"),
        ]
        assert all(each.since is None and each.until is None for each in records.registry.service_relations())


def test_certificates_entered_twice_before_the_rule_do_not_stop_the_step(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    migrate_to(url, "r0002")
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO organization VALUES ('a', 'a', 'enterprise', 'cn')",
            "INSERT INTO gateway VALUES ('g', 'a', 'ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=')",
            "INSERT INTO instrument VALUES ('i', 'a', 'g', 'n', 'pressure_gauge', 'p', 's', 'l', '1')",
        ):
            connection.execute(text(statement))
        for name in ("e-1", "e-2"):
            connection.execute(
                text(
                    "INSERT INTO verification_event (id, instrument, kind, completed, decision, performed_by,"
                    " certificate, points) VALUES (:id, 'i', 'calibration', '2026-03-01', 'none', 'b', 'C-1', '[]')"
                ),
                {"id": name},
            )
    engine.dispose()
    upgrade(url)
    with open_records(url) as records:
        held = records.verification.events(InstrumentId("i"))
    assert [(each.id, each.work_order, each.imported_from) for each in held] == [
        ("e-1", None, None),
        ("e-2", None, None),
    ]


def test_tables_that_are_not_there_are_an_error_with_a_remedy(records_url: str) -> None:
    with pytest.raises(StoreUnavailable, match="migrate it first"):
        open_records(records_url)
    unchecked = Records(Database(records_url))
    with pytest.raises(StoreUnavailable, match="migrate it first"):
        unchecked.registry.instruments()
    unchecked.close()


def test_tables_of_a_later_version_are_refused_and_left_alone(records_url: str) -> None:
    upgrade(records_url)
    engine = create_engine(records_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreForeign, match="r9999"):
        open_records(records_url)
    with pytest.raises(StoreForeign, match="r9999"):
        upgrade(records_url)
    engine.dispose()


def test_references_are_enforced(records: Records) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"), records._database.write("x", "y") as connection:
        connection.execute(text("INSERT INTO session VALUES ('t', 'nobody', 'c', 0, 0, NULL)"))


def test_sqlite_is_safe_and_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    with open_records(url) as records, records._database.read() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


def test_the_assessment_stored_last_is_found_without_reading_all(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    with open_records(url) as records, records._database.read() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT a.* FROM assessment a JOIN instrument i ON a.number ="
            " (SELECT max(number) FROM assessment WHERE instrument = i.id)"
        )
        steps = [row[3] for row in plan]
    assert not any("SCAN a" in step for step in steps), steps
    assert any("ix_assessment_last" in step for step in steps), steps


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://h/d", "postgresql+psycopg2://h/d", "sqlite://", "sqlite:///:memory:", "postgresql://h/d"],
)
def test_an_address_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"stores\.records"):
        open_records(url)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="check that the file and its directory exist"):
        upgrade(f"sqlite:///{tmp_path}/nowhere/records.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreUnavailable):
        upgrade(f"sqlite:///{tmp_path}/records.db")


def test_a_database_that_another_holds_is_an_error_not_a_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.storage.records.database._BUSY_S", 0.1)
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    holder = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with open_records(url) as records:
        with pytest.raises(StoreUnavailable, match="another process holds it"):
            records.audit.add()
        assert records.audit.count() == 0  # reading goes on
        holder.execute("ROLLBACK")
        records.audit.add()
    holder.close()


def test_a_server_that_is_down_at_start_is_named_without_its_password(free_port: Callable[[], int]) -> None:
    url = f"postgresql+pg8000://steelyard:s3cret@127.0.0.1:{free_port()}/records"
    for attempt in (open_records, upgrade):
        with pytest.raises(StoreUnavailable, match="start PostgreSQL") as refused:
            attempt(url)
        assert "s3cret" not in str(refused.value)
        assert "127.0.0.1" in str(refused.value)


def test_a_server_that_goes_away_is_an_error_and_coming_back_is_enough(postgres_url: str, postgres_server: Any) -> None:
    upgrade(postgres_url)
    with open_records(postgres_url) as records:
        assert records.registry.instruments() == []
        postgres_server.stop()
        try:
            for call in (records.check, records.registry.instruments, records.orders.open_orders, records.audit.add):
                with pytest.raises(StoreUnavailable, match="start PostgreSQL"):
                    call()
        finally:
            postgres_server.restart()
        records.check()
        assert records.registry.instruments() == []


def test_a_server_restarted_meanwhile_goes_unnoticed(postgres_url: str, postgres_server: Any) -> None:
    upgrade(postgres_url)
    with open_records(postgres_url) as records:
        assert records.registry.instruments() == []
        postgres_server.restart()
        assert records.registry.instruments() == []  # the kept connection is dead


def test_a_wrong_password_and_a_missing_database_are_told_apart(postgres_url: str) -> None:
    url = make_url(postgres_url)
    with pytest.raises(StoreUnavailable, match="correct user and password"):
        open_records(url.set(password="wrong").render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match="create the database"):
        open_records(url.set(database="nowhere").render_as_string(hide_password=False))
