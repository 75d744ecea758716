"""The registry: applied in one transaction, each change with its audit entry."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import msgspec
import pytest
from storage.record_samples import added, entry, order

from steelyard.calibration.mpe import Absolute, MaximumPermissibleError, OfSpan, Piecewise, Zone
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.regime import CatalogueReference, Confidence, LegalStatus, Regime
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState
from steelyard.contracts.identifiers import ChannelId, GatewayId, InstrumentId, OrganizationId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.registry import Channel, Instrument, ServiceRelation
from steelyard.storage.errors import RecordRefused
from steelyard.storage.records import Records, Registrar, Registration

T0 = 1_790_000_000_000_000_000
REGISTRAR = Registrar(who="admin", role="administrator", why="first registration", at_ns=T0)
PT = InstrumentId("pt-1")


def test_what_is_registered_is_found(records: Records, registration: Registration) -> None:
    registry = records.registry
    assert registry.organizations() == sorted(registration.organizations, key=lambda each: each.id)
    assert registry.gateways() == list(registration.gateways)
    assert registry.instruments() == sorted(registration.instruments, key=lambda each: each.id)
    assert registry.organization(OrganizationId("hengyuan")) == registration.organizations[0]
    assert registry.gateway(GatewayId("gw-hengyuan")) == registration.gateways[0]
    assert registry.instrument(PT) == registration.instruments[0]
    assert registry.instrument(InstrumentId("none")) is None
    assert registry.gateway(GatewayId("none")) is registry.organization(OrganizationId("none")) is None
    assert registry.legal_status(PT) is None


def test_channels_keep_the_order_in_which_they_were_registered(records: Records, registration: Registration) -> None:
    ours = [channel for channel in registration.channels if channel.instrument == PT]
    assert records.registry.channels_of(PT) == ours
    assert [channel.id for channel in ours] == ["pressure", "seal"]
    assert sorted(records.registry.channels(), key=str) == sorted(registration.channels, key=str)


def test_legal_data_and_pairs_come_back_as_they_were(records: Records) -> None:
    zones = (
        Zone(up_to=10.0, rule=Absolute(limit=0.1)),
        Zone(up_to=100.0, rule=OfSpan(percent=0.5, span=100.0), inclusive=False),
    )
    status = LegalStatus(
        instrument=PT,
        regime=Regime.PERIODIC,
        channel=ChannelId("pressure"),
        mpe=MaximumPermissibleError(
            unit="kPa", rule=Piecewise(zones=zones), source="JJG 882-2019, 5.1", in_use_factor=1.5
        ),
        period_months=12,
        catalogue=CatalogueReference(document="JJG 882-2019", confidence=Confidence.MEDIUM),
        service_date=date(2024, 2, 29),
        range_low=0.0,
        range_high=1600.0,
    )
    pair = ReferencePair(
        instrument=PT,
        channel=ChannelId("pressure"),
        reference_instrument=InstrumentId("em-1"),
        reference_channel=ChannelId("power_total"),
        expanded_uncertainty=1 / 3,
        relative=True,
    )

    assert records.registry.apply(Registration(legal_statuses=[status], reference_pairs=[pair]), REGISTRAR) == 2

    assert records.registry.legal_statuses() == [status]
    assert records.registry.legal_status(PT) == status
    assert records.registry.reference_pairs() == [pair]


def test_applying_again_changes_nothing_and_leaves_no_trace(records: Records, registration: Registration) -> None:
    before = records.audit.count()
    assert before == 2 + 1 + 2 + 3
    assert records.registry.apply(registration, REGISTRAR) == 0
    assert records.audit.count() == before


def test_l2_a_correction_leaves_one_entry_with_old_and_new(records: Records, registration: Registration) -> None:
    moved = replace(registration.instruments[0], location="hall 2 / 二号车间")
    before = records.audit.count()

    assert records.registry.apply(Registration(instruments=[moved]), replace(REGISTRAR, why="moved")) == 1

    assert records.registry.instrument(PT) == moved
    assert records.audit.count() == before + 1
    entry = records.audit.latest(1)[0]
    assert (entry.action, entry.object_kind, entry.object_id, entry.why) == ("correct", "instrument", "pt-1", "moved")
    assert entry.old is not None
    assert entry.new is not None
    assert msgspec.json.decode(entry.old) == {"location": "hall 1"}
    assert msgspec.json.decode(entry.new) == {"location": "hall 2 / 二号车间"}


def test_a_new_key_is_shown_in_the_trail(records: Records, registration: Registration) -> None:
    key = SigningKey.generate().public
    records.registry.apply(Registration(gateways=[replace(registration.gateways[0], public_key=key)]), REGISTRAR)
    entry = records.audit.latest(1)[0]
    assert entry.new is not None
    assert msgspec.json.decode(entry.new) == {"public_key": key.text}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda r: Registration(
            gateways=[replace(r.gateways[0], id=GatewayId("gw-x"), organization=OrganizationId("none"))]
        ),
        lambda r: Registration(instruments=[replace(r.instruments[0], gateway=GatewayId("none"))]),
        lambda r: Registration(channels=[replace(r.channels[0], instrument=InstrumentId("none"))]),
    ],
)
def test_what_refers_to_nothing_is_refused_as_a_whole(
    records: Records, registration: Registration, wrong: Callable[[Registration], Registration]
) -> None:
    new = replace(registration.organizations[0], id=OrganizationId("new"))
    before = records.audit.count()

    with pytest.raises(RecordRefused):
        records.registry.apply(replace(wrong(registration), organizations=[new]), REGISTRAR)

    assert records.registry.organization(OrganizationId("new")) is None
    assert records.audit.count() == before


def test_open_orders_go_with_their_instrument_and_ended_ones_stay(records: Records, registration: Registration) -> None:
    open_one = added(records, order("wo-open", Trigger.DRIFT))
    ended = added(records, order("wo-ended", Trigger.JUMP))
    closed = replace(ended, state=OrderState.CANCELLED, revision=2)
    records.orders.update_order(closed, entry("transition", "wo-ended"))
    moved = replace(registration.instruments[0], organization=OrganizationId("provincial"))
    assert records.registry.apply(Registration(instruments=[moved]), REGISTRAR) == 3  # instrument, order, ownership
    given = records.orders.order("wo-open")
    assert given is not None
    assert (given.organization, given.revision) == ("provincial", open_one.revision + 1)
    assert records.orders.order("wo-ended") == closed
    assert records.audit.entries_of("work_order", "wo-open")[-1].action == "hand_over"
    assert records.registry.apply(Registration(instruments=[moved]), REGISTRAR) == 0


def test_names_of_any_script_and_quotes_are_only_text(records: Records, registration: Registration) -> None:
    name = 'Robert\'); DROP TABLE instrument;-- "检" \\ %s :x ?'
    named: Instrument = replace(registration.instruments[0], name=name)
    records.registry.apply(Registration(instruments=[named]), REGISTRAR)
    assert records.registry.instrument(PT) == named


def test_a_resolution_keeps_every_bit(records: Records, registration: Registration) -> None:
    fine: Channel = replace(registration.channels[0], resolution=1 / 3)
    records.registry.apply(Registration(channels=[fine]), REGISTRAR)
    assert records.registry.channels_of(PT)[0].resolution == 1 / 3


SERVES = ServiceRelation(institute=OrganizationId("provincial"), enterprise=OrganizationId("hengyuan"))


def test_who_serves_whom_is_kept_with_its_days(records: Records) -> None:
    ended = replace(SERVES, until=date(2026, 1, 1))
    again = replace(SERVES, since=date(2026, 7, 1), until=date(2027, 1, 1))
    assert records.registry.service_relations() == []
    assert records.registry.apply(Registration(service_relations=[again, ended]), REGISTRAR) == 2
    assert records.registry.service_relations() == [ended, again]
    assert records.registry.apply(Registration(service_relations=[ended, again]), REGISTRAR) == 0
    (entry,) = records.audit.latest(1)
    assert (entry.action, entry.object_kind, entry.object_id) == ("register", "service_relation", "provincial/hengyuan")
    assert entry.new == "from the beginning until 2026-01-01"


def test_the_end_of_a_relation_is_a_correction_with_old_and_new(records: Records) -> None:
    since = replace(SERVES, since=date(2025, 3, 1))
    records.registry.apply(Registration(service_relations=[since]), REGISTRAR)
    ended = replace(since, until=date(2026, 11, 21))
    assert records.registry.apply(Registration(service_relations=[ended]), REGISTRAR) == 1
    assert records.registry.service_relations() == [ended]
    (entry,) = records.audit.latest(1)
    assert (entry.action, entry.old, entry.new) == (
        "correct",
        "from 2025-03-01 on",
        "from 2025-03-01 until 2026-11-21",
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(SERVES, since=date(2026, 6, 30)), ["from 2026-06-30 on", "from 2025-03-01 until 2026-07-01"]),
        (SERVES, ["from the beginning on", "from 2025-03-01 until 2026-07-01"]),
        (replace(SERVES, since=date(2027, 1, 1), until=date(2027, 1, 1)), ["2027-01-01", "ends before it begins"]),
        (replace(SERVES, enterprise=OrganizationId("none")), ["none is not registered"]),
        (replace(SERVES, enterprise=OrganizationId("provincial")), ["provincial is registered as institute"]),
        (replace(SERVES, institute=OrganizationId("hengyuan")), ["hengyuan is registered as enterprise"]),
    ],
)
def test_a_relation_that_cannot_be_is_refused_with_both_dates(
    records: Records, registration: Registration, wrong: ServiceRelation, words: list[str]
) -> None:
    held = replace(SERVES, since=date(2025, 3, 1), until=date(2026, 7, 1))
    records.registry.apply(Registration(service_relations=[held]), REGISTRAR)
    before = records.audit.count()
    new = replace(registration.organizations[0], id=OrganizationId("new"))
    with pytest.raises(RecordRefused) as refused:
        records.registry.apply(Registration(organizations=[new], service_relations=[wrong]), REGISTRAR)
    for word in words:
        assert word in str(refused.value)
    assert records.registry.service_relations() == [held]
    assert records.registry.organization(OrganizationId("new")) is None
    assert records.audit.count() == before


def test_one_relation_may_end_on_the_day_on_which_the_next_begins(records: Records) -> None:
    day = date(2026, 7, 1)
    both = [replace(SERVES, until=day), replace(SERVES, since=day)]
    records.registry.apply(Registration(service_relations=both), REGISTRAR)
    assert [[each.holds(on) for each in both] for on in (date(2026, 6, 30), day)] == [[True, False], [False, True]]


def test_of_two_who_register_overlapping_relations_at_once_one_is_refused(records: Records) -> None:
    start, outcomes = threading.Barrier(4), []

    def register(month: int) -> None:
        start.wait()
        try:
            relation = replace(SERVES, since=date(2026, month, 1))
            records.registry.apply(Registration(service_relations=[relation]), REGISTRAR)
            outcomes.append("registered")
        except RecordRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=register, args=(month,)) for month in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused"] * 3 + ["registered"]
