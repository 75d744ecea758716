"""Audit trail, accounts, alerts and health: the same tests on SQLite and on a real PostgreSQL."""

from dataclasses import replace

import pytest
from storage.record_samples import HENGYUAN, PROVINCIAL, PT, T0, added, entry, order

from steelyard.calibration.verification.roles import Role
from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.storage.errors import RecordNotFound, RecordRefused
from steelyard.storage.records import Account, Alert, ApiKey, GatewayHealth, Records, Session, open_records


def test_the_trail_cannot_be_changed_nor_deleted(records: Records) -> None:
    records.audit.add(entry("one"), entry("two"))
    for statement in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(RecordRefused, match="append-only"), records._database.write("audit", "x") as connection:
            connection.exec_driver_sql(statement)
    assert [each.action for each in records.audit.latest(2)] == ["two", "one"]


# --- accounts ----------------------------------------------------------------------------------------------------

ACCOUNT = Account(
    id="a-1",
    organization=HENGYUAN,
    name="李雷",
    email="li.lei@hengyuan.example",
    role=Role.OWNER,
    password_hash="$argon2id$v=19$x",
    created_ns=T0,
)
KEY = ApiKey(id="k-1", organization=PROVINCIAL, role=Role.PLANNER, name="script", sha256="0" * 64, created_ns=T0)
VISIT = Session(token_sha256="1" * 64, account="a-1", csrf="c", created_ns=T0, expires_ns=T0 + 10)


def test_an_account_is_found_by_id_and_by_address_in_any_case(records: Records) -> None:
    records.accounts.add_account(ACCOUNT, entry())
    assert records.accounts.account("a-1") == ACCOUNT
    assert records.accounts.account_by_email("Li.Lei@Hengyuan.example") == ACCOUNT
    assert records.accounts.account("a-2") is records.accounts.account_by_email("x@y") is None
    assert records.accounts.accounts([HENGYUAN]) == records.accounts.accounts() == [ACCOUNT]
    assert records.accounts.accounts([PROVINCIAL]) == []


def test_an_address_belongs_to_one_account_in_any_case(records: Records) -> None:
    records.accounts.add_account(replace(ACCOUNT, email="Li.Lei@Hengyuan.example"), entry("first"))
    with pytest.raises(RecordRefused, match="a-2"):
        records.accounts.add_account(replace(ACCOUNT, id="a-2", email="LI.LEI@hengyuan.example"), entry("second"))
    assert [each.action for each in records.audit.latest(1)] == ["first"]


def test_a_new_password_ends_the_sessions(records: Records) -> None:
    records.accounts.add_account(ACCOUNT, entry())
    records.accounts.add_session(VISIT)
    records.accounts.set_password("a-1", "$argon2id$new", entry("set_password"))
    assert records.accounts.session(VISIT.token_sha256, T0) is None
    assert records.accounts.account("a-1") == replace(ACCOUNT, password_hash="$argon2id$new")
    assert records.audit.latest(1)[0].action == "set_password"
    with pytest.raises(RecordNotFound):
        records.accounts.set_password("nobody", "x", entry())


def test_a_session_lives_until_it_ends(records: Records) -> None:
    records.accounts.add_account(ACCOUNT, entry())
    records.accounts.add_session(VISIT)
    assert records.accounts.session(VISIT.token_sha256, T0 + 9) == VISIT
    assert records.accounts.session(VISIT.token_sha256, T0 + 10) is None
    records.accounts.act_for(VISIT.token_sha256, PROVINCIAL)
    assert records.accounts.session(VISIT.token_sha256, T0) == replace(VISIT, acting_organization=PROVINCIAL)
    assert records.accounts.end_expired_sessions(T0 + 9) == 0
    assert records.accounts.end_expired_sessions(T0 + 10) == 1
    records.accounts.add_session(VISIT)
    records.accounts.end_session(VISIT.token_sha256)
    records.accounts.end_session(VISIT.token_sha256)
    assert records.accounts.session(VISIT.token_sha256, T0) is None
    with pytest.raises(RecordNotFound):
        records.accounts.act_for("2" * 64, None)


def test_a_disabled_account_has_no_session(records: Records) -> None:
    records.accounts.add_account(ACCOUNT, entry())
    records.accounts.add_session(VISIT)
    records.accounts.disable("a-1", T0 + 1, entry())
    records.accounts.add_session(replace(VISIT, token_sha256="3" * 64))
    assert records.accounts.session(VISIT.token_sha256, T0) is None
    assert records.accounts.session("3" * 64, T0) is None
    assert records.accounts.accounts()[0].disabled_ns == T0 + 1


def test_a_key_is_found_by_its_hash_and_can_be_revoked_once(records: Records) -> None:
    records.accounts.add_api_key(KEY, entry())
    assert records.accounts.api_key_by_sha256("0" * 64) == KEY
    assert records.accounts.api_key_by_sha256("4" * 64) is None
    records.accounts.revoke_api_key("k-1", T0 + 5, entry())
    assert records.accounts.api_keys([PROVINCIAL]) == records.accounts.api_keys() == [replace(KEY, revoked_ns=T0 + 5)]
    with pytest.raises(RecordNotFound):
        records.accounts.revoke_api_key("k-1", T0 + 6, entry())
    with pytest.raises(RecordRefused):
        records.accounts.add_api_key(replace(KEY, id="k-2"), entry())


# --- alerts and health -------------------------------------------------------------------------------------------


def alert(number: str, created: int = T0) -> Alert:
    return Alert(
        id=number,
        work_order="wo-1",
        instrument=PT,
        organization=HENGYUAN,
        medium="email",
        recipient="li.lei@hengyuan.example",
        subject="pt-1 drifts",
        body="0.85 of the MPE",
        created_ns=created,
        next_attempt_ns=created,
    )


def test_an_alert_is_stored_once_and_tried_until_it_is_sent(records: Records) -> None:
    added(records, order())
    assert records.alerts.add([alert("wo-1/email"), alert("wo-1/webhook", T0 + 1)]) == 2
    assert records.alerts.add([alert("wo-1/email"), alert("wo-1/later", T0 + 100)]) == 1
    assert records.alerts.add([]) == 0
    assert [each.id for each in records.alerts.waiting(T0 + 1)] == ["wo-1/email", "wo-1/webhook"]

    records.alerts.attempted("wo-1/email", outcome="450 try later", sent_ns=None, next_attempt_ns=T0 + 60)
    records.alerts.attempted("wo-1/webhook", outcome="200", sent_ns=T0 + 2, next_attempt_ns=None)

    assert records.alerts.waiting(T0 + 59) == []
    (waiting,) = records.alerts.waiting(T0 + 60)
    assert (waiting.attempts, waiting.outcome, waiting.sent_ns) == (1, "450 try later", None)
    assert [each.id for each in records.alerts.log()] == ["wo-1/later", "wo-1/webhook", "wo-1/email"]
    assert records.alerts.log([HENGYUAN], limit=2) == records.alerts.log()[:2]
    assert records.alerts.log([PROVINCIAL]) == []
    assert [each.id for each in records.alerts.of_order("wo-1")] == ["wo-1/email", "wo-1/webhook", "wo-1/later"]
    with pytest.raises(RecordNotFound):
        records.alerts.attempted("nothing", outcome="", sent_ns=None, next_attempt_ns=None)
    with pytest.raises(RecordRefused):
        records.alerts.add([replace(alert("x"), work_order="nothing")])


def test_a_gateway_has_one_state_the_newest(records: Records) -> None:
    health = GatewayHealth(
        gateway=GatewayId("gw-hengyuan"),
        boot=BootId("00000001-0a0b0c0d"),
        state="online",
        contiguous_upto=2**40,
        last_frame_ns=None,
        received_frames=0,
        received_readings=0,
        missed_polls=0,
        spooled_frames=0,
        clock_state="synced",
        clock_error_ms=None,
        updated_ns=T0,
    )
    records.health.put([])
    records.health.put([health])
    assert records.health.all() == [health]
    newer = replace(health, state="offline", last_frame_ns=T0 + 5, clock_error_ms=2.5, updated_ns=T0 + 5)
    records.health.put([newer])
    assert records.health.all() == [newer]
    assert records.health.of(GatewayId("gw-hengyuan")) == newer
    assert records.health.of(GatewayId("gw-none")) is None
    with pytest.raises(RecordRefused, match="gw-none"):
        records.health.put([replace(health, gateway=GatewayId("gw-none"))])


def test_two_handles_see_the_same_records(records: Records, records_url: str) -> None:
    with open_records(records_url) as second:
        added(second, order())
        assert records.orders.open_orders() == second.orders.open_orders()
