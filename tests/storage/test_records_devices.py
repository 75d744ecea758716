"""Devices over time: owners, positions and states, and what a database of before makes of them."""

from dataclasses import replace
from datetime import date

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from storage.record_samples import EM, HENGYUAN, PROVINCIAL, PT, added, entry, order

from steelyard.calibration.verification.device_states import StateEntry, state_on
from steelyard.calibration.verification.devices import DeviceState
from steelyard.contracts.devices import FIRST_DAY, Ownership, Placement, Position, Use
from steelyard.contracts.identifiers import InstrumentId, PositionId
from steelyard.contracts.registry import Instrument
from steelyard.storage.errors import RecordNotFound, RecordRefused
from steelyard.storage.records import Records, Registrar, Registration, open_records, upgrade
from steelyard.storage.records.migration import _config

T0 = 1_790_000_000_000_000_000
TODAY = date(2026, 9, 21)
SOLD = date(2026, 6, 1)
REGISTRAR = Registrar(who="admin", role="administrator", why="first registration", at_ns=T0)
BOILER = PositionId("boiler-1")
PAPER = Instrument(
    id=InstrumentId("pg-7"),
    organization=HENGYUAN,
    name="gauge of the paper ledger",
    kind="pressure_gauge",
    serial="88-1",
    location="",
    accuracy_class="1.6",
    maker="红旗仪表",
    model="Y-100",
    type_approval="CPA 2019F123",
    batch="2019-4",
    range_low=0.0,
    range_high=1.6,
    unit="MPa",
    scale_interval=0.05,
    parameters={"dn": 100.0, "gas": "natural"},
    use=Use.SAFETY,
    put_into_use=date(2019, 7, 1),
)


def owned(organization: str, since: date, until: date | None = None, instrument: InstrumentId = PT) -> Ownership:
    return Ownership(instrument=instrument, organization=organization, since=since, until=until)


def at(position: str, since: date, until: date | None = None) -> Placement:
    return Placement(instrument=PT, position=PositionId(position), since=since, until=until)


def place(name: str, region: str = "cn-zj-hangzhou") -> Position:
    return Position(id=PositionId(name), organization=HENGYUAN, name=name, region=region, use=Use.SAFETY)


def state(of: DeviceState, since: date, instrument: InstrumentId = PT) -> StateEntry:
    return StateEntry(instrument=instrument, state=of, since=since, why="说明")


def test_a_device_that_nothing_reads_keeps_its_whole_name_plate(records: Records) -> None:
    assert records.registry.apply(Registration(instruments=[PAPER]), REGISTRAR) == 1
    assert records.registry.instrument(PAPER.id) == PAPER
    assert records.registry.apply(Registration(instruments=[PAPER]), REGISTRAR) == 0


def test_a_new_device_is_its_organizations_and_in_use_from_the_beginning(records: Records) -> None:
    assert records.devices.ownerships(PT) == [owned("hengyuan", FIRST_DAY)]
    assert [(one.state, one.since) for one in records.devices.states(PT)] == [(DeviceState.IN_USE, FIRST_DAY)]


def test_l11_another_owner_ends_the_first_ones_time(records: Records, registration: Registration) -> None:
    added(records, order("wo-open"))
    sold = replace(registration.instruments[0], organization=PROVINCIAL)
    changed = Registration(instruments=[sold], ownerships=[owned("provincial", SOLD)])
    assert records.registry.apply(changed, REGISTRAR) == 3  # instrument, order, ownership
    assert records.devices.ownerships(PT) == [owned("hengyuan", FIRST_DAY, SOLD), owned("provincial", SOLD)]
    assert records.audit.entries_of("ownership", PT)[-1].old == "hengyuan from the beginning on"
    assert records.audit.entries_of("ownership", PT)[-1].new == "provincial from 2026-06-01 on"
    assert records.registry.apply(changed, REGISTRAR) == 0


def test_l11_without_a_day_it_is_sold_on_the_day_of_registration(records: Records, registration: Registration) -> None:
    sold = replace(registration.instruments[0], organization=PROVINCIAL)
    records.registry.apply(Registration(instruments=[sold]), REGISTRAR)
    assert records.devices.ownerships(PT)[-1] == owned("provincial", TODAY)
    later = replace(REGISTRAR, today=date(2026, 9, 22))
    records.registry.apply(Registration(instruments=[registration.instruments[0]]), later)
    assert [(one.organization, one.since) for one in records.devices.ownerships(PT)] == [
        ("hengyuan", FIRST_DAY),
        ("provincial", TODAY),
        ("hengyuan", date(2026, 9, 22)),
    ]


def test_l11_the_change_of_owner_alone_is_enough(records: Records) -> None:
    added(records, order("wo-open"))
    records.registry.apply(Registration(ownerships=[owned("provincial", SOLD)]), REGISTRAR)
    held, moved = records.registry.instrument(PT), records.orders.order("wo-open")
    assert held is not None
    assert moved is not None
    assert held.organization == moved.organization == "provincial"


@pytest.mark.parametrize("given", [SOLD, date(2026, 6, 30)])
def test_two_owners_on_one_day_are_refused_with_both_spans(records: Records, given: date) -> None:
    records.registry.apply(
        Registration(
            ownerships=[
                owned("hengyuan", FIRST_DAY, date(2026, 5, 1)),
                owned("provincial", date(2026, 5, 1), date(2026, 7, 1)),
                owned("hengyuan", date(2026, 7, 1)),
            ]
        ),
        REGISTRAR,
    )
    before = records.devices.ownerships(PT)
    with pytest.raises(RecordRefused) as refused:
        records.registry.apply(Registration(ownerships=[owned("hengyuan", given, date(2026, 8, 1))]), REGISTRAR)
    for words in ("from 2026-05-01 until 2026-07-01", f"from {given} until 2026-08-01", "end one organization"):
        assert words in str(refused.value)
    assert records.devices.ownerships(PT) == before


def test_an_owner_who_is_still_to_come_is_refused(records: Records) -> None:
    with pytest.raises(RecordRefused, match="on its day or later"):
        records.registry.apply(Registration(ownerships=[owned("provincial", date(2026, 9, 22))]), REGISTRAR)


def test_an_owner_other_than_the_spans_say_is_refused(records: Records, registration: Registration) -> None:
    wrong = Registration(instruments=[registration.instruments[0]], ownerships=[owned("provincial", SOLD)])
    with pytest.raises(RecordRefused, match=r"'hengyuan', but by its ownerships it is provincial on 2026-09-21"):
        records.registry.apply(wrong, REGISTRAR)
    assert records.devices.ownerships(PT) == [owned("hengyuan", FIRST_DAY)]


def test_a_span_that_ends_before_it_begins_is_refused(records: Records) -> None:
    with pytest.raises(RecordRefused, match="ends before it begins"):
        records.registry.apply(Registration(ownerships=[owned("provincial", SOLD, SOLD)]), REGISTRAR)


def test_owners_of_what_is_not_registered_are_refused(records: Records) -> None:
    with pytest.raises(RecordNotFound, match="pt-none"):
        records.registry.apply(
            Registration(ownerships=[owned("provincial", SOLD, instrument=InstrumentId("pt-none"))]), REGISTRAR
        )


def test_l10_a_device_hung_elsewhere_leaves_its_position_on_that_day(records: Records) -> None:
    places = [place("boiler-1"), place("boiler-2", "cn-zj-ningbo")]
    records.registry.apply(Registration(positions=places, placements=[at("boiler-1", FIRST_DAY)]), REGISTRAR)
    records.registry.apply(Registration(placements=[at("boiler-2", SOLD)]), REGISTRAR)
    assert records.devices.positions() == places
    assert records.devices.position(BOILER) == places[0]
    assert records.devices.placements(PT) == [at("boiler-1", FIRST_DAY, SOLD), at("boiler-2", SOLD)]


def test_two_positions_on_one_day_are_refused_with_both_spans(records: Records) -> None:
    first = Registration(
        positions=[place("boiler-1"), place("boiler-2")], placements=[at("boiler-1", SOLD, date(2026, 7, 1))]
    )
    records.registry.apply(first, REGISTRAR)
    with pytest.raises(RecordRefused, match="it is with boiler-1 from 2026-06-01 until 2026-07-01: end one position"):
        records.registry.apply(Registration(placements=[at("boiler-2", date(2026, 6, 30))]), REGISTRAR)


def test_a_position_that_is_not_registered_is_refused(records: Records) -> None:
    with pytest.raises(RecordRefused):
        records.registry.apply(Registration(placements=[at("nowhere", SOLD)]), REGISTRAR)


@pytest.mark.parametrize("serial", ["PT-0002", "PT-0001 ", ""])
def test_l33_another_serial_number_under_a_used_id_is_refused(
    records: Records, registration: Registration, serial: str
) -> None:
    new = replace(registration.instruments[0], serial=serial)
    with pytest.raises(RecordRefused) as refused:
        records.registry.apply(Registration(instruments=[new]), REGISTRAR)
    assert (refused.value.field, refused.value.value) == ("instrument.serial", serial)
    for words in ("'PT-0001'", repr(serial), "under a new id at the same position"):
        assert words in str(refused.value)
    assert records.registry.instrument(PT) == registration.instruments[0]


def test_l33_the_new_device_takes_the_place_and_leaves_the_certificates(
    records: Records, registration: Registration
) -> None:
    records.registry.apply(
        Registration(positions=[place("boiler-1")], placements=[at("boiler-1", FIRST_DAY)]), REGISTRAR
    )
    new = replace(registration.instruments[0], id=InstrumentId("pt-1b"), serial="PT-0002")
    records.registry.apply(
        Registration(
            instruments=[new],
            placements=[
                at("boiler-1", FIRST_DAY, SOLD),
                Placement(instrument=new.id, position=BOILER, since=SOLD),
            ],
            states=[state(DeviceState.OUT_OF_SERVICE, SOLD)],
        ),
        REGISTRAR,
    )
    hung = [(one.instrument, one.since, one.until) for one in records.devices.placements()]
    assert hung == [("pt-1", FIRST_DAY, SOLD), ("pt-1b", SOLD, None)]
    assert records.verification.events(new.id) == []


def test_l33_a_serial_number_that_was_not_known_may_be_added(records: Records, registration: Registration) -> None:
    unknown = replace(registration.instruments[0], id=InstrumentId("pt-9"), serial="")
    records.registry.apply(Registration(instruments=[unknown]), REGISTRAR)
    assert records.registry.apply(Registration(instruments=[replace(unknown, serial="9")]), REGISTRAR) == 1


def test_l22_a_state_is_entered_once_with_its_audit_entry(records: Records) -> None:
    stored = Registration(states=[state(DeviceState.STORED, SOLD)])
    assert records.registry.apply(stored, REGISTRAR) == 1
    assert records.registry.apply(stored, REGISTRAR) == 0
    (made,) = records.audit.entries_of("device_state", PT)
    assert (made.old, made.new) == ("in_use since 1970-01-01", "stored since 2026-06-01")
    assert state_on(records.registry.device_states()[-3:], TODAY).state is DeviceState.STORED
    assert records.devices.set_state(state(DeviceState.IN_USE, TODAY), entry("set_state", PT))
    assert not records.devices.set_state(state(DeviceState.IN_USE, TODAY), entry("set_state", PT))
    assert [one.state for one in records.devices.states(PT)] == ["in_use", "stored", "in_use"]
    assert len(records.audit.entries_of("thing", PT)) == 1


def test_l23_nothing_comes_after_scrapping(records: Records) -> None:
    records.registry.apply(Registration(states=[state(DeviceState.SCRAPPED, SOLD)]), REGISTRAR)
    with pytest.raises(RecordRefused, match="scrapped since 2026-06-01: register a device that is used again"):
        records.devices.set_state(state(DeviceState.IN_USE, TODAY), entry())
    assert records.registry.instrument(PT) is not None


def test_l23_a_device_is_not_scrapped_before_what_is_on_record_of_it(records: Records) -> None:
    records.devices.set_state(state(DeviceState.STORED, TODAY), entry())
    with pytest.raises(RecordRefused, match="stored since 2026-09-21"):
        records.devices.set_state(state(DeviceState.SCRAPPED, SOLD), entry())


def test_l23_a_mistaken_scrapping_is_corrected_on_its_own_day(records: Records) -> None:
    records.devices.set_state(state(DeviceState.SCRAPPED, SOLD), entry())
    assert records.devices.set_state(state(DeviceState.STORED, SOLD), entry())
    assert state_on(records.devices.states(PT), TODAY).state is DeviceState.STORED


def test_the_state_of_what_is_not_registered_is_refused(records: Records) -> None:
    with pytest.raises(RecordNotFound):
        records.devices.set_state(state(DeviceState.STORED, SOLD, InstrumentId("none")), entry())


def test_a_database_of_before_keeps_everything_and_gets_owners_and_states(records_url: str) -> None:
    """The tables and rows of revision r0002, the last one without devices."""
    engine = create_engine(records_url)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "r0002")
        for statement in (
            "INSERT INTO organization VALUES ('a', 'A', 'enterprise', 'cn-zj')",
            "INSERT INTO gateway VALUES ('g', 'a', 'ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=')",
            "INSERT INTO instrument VALUES ('i', 'a', 'g', '名', 'pressure_gauge', 'p', 's', 'l', '1')",
            "INSERT INTO channel VALUES ('i', 'pressure', 0, 'pressure', 'MPa', 0.001)",
            (
                "INSERT INTO verification_event (id, instrument, kind, completed, decision, performed_by, points)"
                " VALUES ('e', 'i', 'calibration', '2026-03-01', 'none', 'b', '[]')"
            ),
        ):
            connection.execute(text(statement))
    engine.dispose()
    upgrade(records_url)
    name = InstrumentId("i")
    with open_records(records_url) as opened:
        held = opened.registry.instrument(name)
        assert held is not None
        assert (held.name, held.gateway, held.profile, held.serial, held.maker) == ("名", "g", "p", "s", None)
        assert [one.id for one in opened.registry.channels_of(name)] == ["pressure"]
        assert [one.id for one in opened.verification.events(name)] == ["e"]
        assert opened.devices.ownerships() == [owned("a", FIRST_DAY, instrument=name)]
        assert opened.devices.states() == [StateEntry(instrument=name, state=DeviceState.IN_USE, since=FIRST_DAY)]
        with pytest.raises(RecordRefused):  # references are enforced again
            opened.registry.apply(
                Registration(instruments=[replace(held, id=InstrumentId("j"), organization="x")]), REGISTRAR
            )


def test_the_meter_goes_on_without_states_of_its_own(records: Records) -> None:
    assert [one.state for one in records.devices.states(EM)] == [DeviceState.IN_USE]
