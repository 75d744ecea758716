"""Headers, files, metrics, settings, people, charts, and how long the overview takes."""

import json
import re
import time
from dataclasses import replace

import pytest
from api.conftest import Browser
from api.stage import DEVICES, NOW_NS, QUICK, assessment_of, observations_of
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from steelyard.api import charts
from steelyard.api.access import Access
from steelyard.api.beam import LEFT, RIGHT, draw, share_of_limit
from steelyard.api.errors import Invalid, SettingsError
from steelyard.api.headers import content_security_policy
from steelyard.api.live import places_of
from steelyard.api.passwords import Passwords
from steelyard.api.people import create_account, create_api_key, demo_people, key_hash
from steelyard.api.settings import AlertSettings, ApiSettings, parse_settings
from steelyard.api.throttle import Throttle
from steelyard.calibration.verification.roles import Role
from steelyard.contracts.identifiers import InstrumentKind
from steelyard.contracts.registry import Channel, Instrument
from steelyard.storage.records import Registrar, Registration

DRIFTING = next(device for device in DEVICES if device.id == "pt-h-02")


# Headers and files


@pytest.mark.parametrize("path", ["/", "/api/v1/instruments", "/healthz", "/no-such-page", "/sign-in"])
def test_every_answer_carries_the_security_headers(browse, path):
    answer = browse().page(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
    assert "strict-transport-security" in browse(base_url="https://console.test").page(path).headers


def test_the_nonce_is_for_styles_alone_and_new_in_every_answer(browse):
    client = browse(demo=True)
    seen = set()
    for _ in range(3):
        answer = client.page("/instruments/pt-h-02")
        (nonce,) = re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
        assert f'data-style-nonce="{nonce}"' in answer.text.replace("&#43;", "+")
        seen.add(nonce)
    assert len(seen) == 3
    assert "nonce" not in content_security_policy("x").split("style-src")[0]


def test_files_are_kept_for_a_year_under_a_name_that_changes_with_their_content(browse):
    client = browse(demo=True)
    text = client.page("/instruments/pt-h-02").text
    paths = set(re.findall(r'"(/static/[^"]+)"', text))
    assert {path.rsplit("/", 1)[1] for path in paths} == {
        "steelyard.css", "mark.svg", "bokeh.min.js", "nonce.js", "charts.js", "live.js",
    }  # fmt: skip
    for path in paths:
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert client.get(path, headers={"Accept-Encoding": "identity"}).content == answer.content
    assert client.get("/static/0123456789ab/steelyard.css").status_code == 404
    assert client.get("/static/..%2f..%2fapp.py").status_code == 404


# Metrics


def test_metrics_tell_requests_fleet_orders_and_gateways(stage, browse):
    client = browse(key="planner")
    client.get("/api/v1/instruments/pt-h-02")
    client.page("/instruments/pt-h-02")
    client.request("BREW", "/api/v1/instruments")
    text = client.get("/metrics").text
    assert 'steelyard_instruments{status="drifting"} 1.0' in text
    assert 'steelyard_open_work_orders{trigger="due"} 1.0' in text
    assert 'steelyard_gateway_last_frame_age_seconds{gateway="gw-provincial"} 7200.0' in text
    assert "steelyard_records_up 1.0" in text
    assert 'requests_total{method="GET",route="/api/v1/instruments/{instrument}",status="200"} 1.0' in text
    assert 'requests_total{method="GET",route="/instruments/{instrument}",status="303"} 1.0' in text  # the page
    assert 'method="other"' in text
    assert "pt-h-02" not in text


def test_metrics_of_two_applications_do_not_meet(browse):
    one, other = browse(), browse()
    one.get("/healthz")
    assert 'route="/healthz"' in one.get("/metrics").text
    assert 'route="/healthz"' not in other.get("/metrics").text


@pytest.mark.parametrize(("key", "status"), [("planner", 200), ("owner", 403), ("supervisor", 403), (None, 401)])
def test_from_elsewhere_only_an_institutes_key_reads_metrics(browse, key, status):
    client = browse(key=key, metrics_networks=("10.0.0.0/8",))
    assert client.get("/metrics").status_code == status


# Settings


def test_settings_are_read_from_their_own_tables_alone():
    api, alerts = parse_settings(
        {
            "broker": {"host": "x"},
            "api": {"port": 9000, "public_url": "https://console.example"},
            "alerts": {
                "smtp": {"host": "mail", "sender": "a@b"},
                "webhook": [{"url": "https://hook.example/x", "secret": "0123456789abcdef"}],
            },
        },
        "server.toml",
    )
    assert (api.port, api.demo, api.host) == (9000, False, "127.0.0.1")
    assert alerts.public_url == "https://console.example"
    assert alerts.smtp.port == 25
    assert parse_settings({}, "server.toml") == (ApiSettings(), AlertSettings())


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"api": {"prot": 1}}, "did you mean 'port'"),
        ({"api": {"port": "many"}}, "port"),
        ({"api": {"time_zone": "Mars/Olympus"}}, "Asia/Shanghai"),
        ({"api": {"metrics_networks": ["everywhere"]}}, "10.0.0.0/8"),
        ({"alerts": {"smtp": {"host": "x", "sender": "y", "securty": "tls"}}}, "security"),
        ({"alerts": {"webhook": [{"url": "ftp://x", "secret": "0123456789abcdef"}]}}, "http or https"),
        ({"alerts": {"webhook": [{"url": "https://x", "secret": "short"}]}}, "16 characters"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(tables, said):
    with pytest.raises(SettingsError, match=said) as refused:
        parse_settings(tables, "server.toml")
    assert refused.value.field
    assert refused.value.remedy


# People


def test_a_key_is_kept_as_its_hash_alone(stage):
    key = create_api_key(
        stage.records, organization="hengyuan", role=Role.OWNER, name="line 1", created_by="t", now_ns=NOW_NS
    )
    assert key.startswith("sy_")
    held = stage.records.accounts.api_key_by_sha256(key_hash(key))
    assert held.name == "line 1"
    assert key not in "".join(path.read_bytes().decode("latin-1") for path in stage.directory.glob("records.db*"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"organization": "nobody"}, "organization"),
        ({"role": Role.VERIFIER}, "role"),
        ({"email": "no address"}, "email"),
        ({"password": "short"}, "password"),
    ],
)
def test_an_account_that_cannot_be_right_is_refused_with_the_field(stage, change, field):
    right = {
        "organization": "hengyuan", "name": "A", "email": "a@b.example", "role": Role.OWNER,
        "password": "long enough it is", "created_by": "t", "now_ns": NOW_NS,
    }  # fmt: skip
    with pytest.raises(Invalid) as refused:
        create_account(stage.records, QUICK, **{**right, **change})
    assert refused.value.field == field


def test_the_people_of_the_demonstration_are_made_once_and_have_no_password(stage, browse):
    organizations = list(stage.records.registry.organizations())
    first = demo_people(stage.records, organizations, NOW_NS)
    assert demo_people(stage.records, organizations, NOW_NS) == first
    assert {person.role for person in first if person.organization == "provincial"} == {
        Role.PLANNER, Role.RECEIVER, Role.VERIFIER, Role.CHECKER, Role.APPROVER,
    }  # fmt: skip
    client = browse()
    form = {"csrf": client.csrf("/sign-in"), "email": first[0].email, "password": "!"}
    assert client.post("/sign-in", data=form).status_code == 401


def test_a_hash_with_old_parameters_is_renewed_at_sign_in_with_one_audit_entry(stage):
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    access = Access(stage.records, ApiSettings(), stage.clock, stronger, Throttle())
    old = stage.records.accounts.account_by_email("owner@hengyuan.test").password_hash
    before = stage.records.audit.count()
    ticket = access.sign_in("owner@hengyuan.test", "correct horse battery", "10.0.0.1")
    assert stage.records.audit.count() == before + 1
    assert stage.records.accounts.account_by_email("owner@hengyuan.test").password_hash != old
    assert access.of_session(ticket.token).name == "Owner"


# Charts and drawings


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.id)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chart_of_every_kind_of_instrument_can_be_drawn(device, scheme):
    item = json.loads(charts.error_chart(assessment_of(device), observations_of(device), scheme))
    assert item["root_id"]
    text = json.dumps(item)
    assert charts.PALETTES[scheme].limit in text
    assert "verify by" in text
    assert ("sudden change" in text) == bool(device.jump)


def test_a_chart_of_very_many_observations_is_thinned_and_keeps_the_newest():
    many = [replace(o, t_ns=o.t_ns + n) for n in range(20) for o in observations_of(DRIFTING)]
    kept = charts._thinned(many)
    assert len(kept) <= charts.MAX_MARKS
    assert kept[0].t_ns == max(o.t_ns for o in many)


def test_a_chart_without_estimate_is_refused():
    with pytest.raises(ValueError, match="estimate"):
        charts.error_chart(replace(assessment_of(DRIFTING), estimate=None), [], "light")


def test_a_wild_observation_does_not_hide_the_limits():
    wild = replace(observations_of(DRIFTING)[0], error=1e9)
    shown = charts._range(assessment_of(DRIFTING).estimate, [wild])
    assert shown.end < 50


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_the_beam_never_leaves_its_rail_and_keeps_its_order(error, standard, lower, upper):
    estimate = replace(
        assessment_of(DRIFTING).estimate, error=error, standard_uncertainty=standard, mpe_lower=-lower, mpe_upper=upper
    )
    beam = draw(estimate)
    assert LEFT <= beam.lower <= beam.zero <= beam.upper <= RIGHT
    assert LEFT <= beam.spread_from <= beam.spread_to <= RIGHT
    assert LEFT <= beam.mark <= RIGHT
    assert "permitted" in beam.text


@pytest.mark.parametrize(
    ("lower", "upper", "error", "share"),
    [(-4.0, 4.0, -1.0, "25 %"), (-4.0, 1.0, 0.5, "50 %"), (0.0, 4.0, 2.0, "0 %"), (0.0, 4.0, -0.2, "110 %")],
)
def test_the_share_of_the_limit_is_told_from_the_middle_where_one_side_permits_nothing(lower, upper, error, share):
    estimate = replace(assessment_of(DRIFTING).estimate, error=error, mpe_lower=lower, mpe_upper=upper)
    assert share_of_limit(estimate) == share
    assert LEFT <= draw(estimate).lower <= draw(estimate).upper <= RIGHT


@pytest.mark.parametrize(
    ("resolution", "places"), [(1, 0), (10, 0), (0.1, 1), (0.05, 2), (0.001, 3), (0.25, 2), (0, 3)]
)
def test_an_indication_is_shown_with_the_places_of_its_resolution(resolution, places):
    assert places_of(resolution) == places


# Speed


@pytest.mark.slow
def test_the_overview_of_a_thousand_instruments_is_made_in_a_fifth_of_a_second(stage, monkeypatch):
    """With five assessments for each. The time is this process's own (CPU), of a machine that adds up a million numbers
    in a twentieth of a second; the best of five, each beside such a sum, since neighbours slow down both.
    """
    registry, verification = stage.records.registry, stage.records.verification
    names = [f"many-{number:04d}" for number in range(1000)]
    registry.apply(
        Registration(
            instruments=[
                Instrument(
                    id=name, organization="hengyuan", gateway="gw-hengyuan", name=f"Gauge {name}", serial=name,
                    kind=InstrumentKind("pressure_transmitter"), profile="p", location="Hall", accuracy_class="0.5",
                )
                for name in names
            ],
            channels=[
                Channel(instrument=name, id="pressure", quantity="pressure", unit="kPa", resolution=0.1)
                for name in names
            ],
        ),
        Registrar(who="t", role="administrator", why="many", at_ns=NOW_NS),
    )  # fmt: skip
    held = assessment_of(DRIFTING)
    for day in range(5):
        verification.save_assessments([replace(held, instrument=n, at_ns=NOW_NS - day) for n in names])
    queries = []
    monkeypatch.setattr(stage.records._database, "read", _counting(stage.records._database.read, queries))
    client = Browser(stage.app(), key=None)
    try:
        client.sign_in("planner")
        seconds = []
        for _ in range(5):
            queries.clear()
            used = _cpu_seconds(lambda: client.page("/").text.index("1014 instruments"))
            seconds.append(used * 0.05 / _cpu_seconds(_add_up_a_million))
        assert len(queries) <= 10
        assert min(seconds) < 0.2, seconds
    finally:
        client.close()


def _cpu_seconds(work):
    started = time.process_time()
    work()
    return time.process_time() - started


def _add_up_a_million():
    total = 0
    for number in range(1_000_000):
        total += number
    return total


def _counting(read, queries):
    def counted():
        queries.append(1)
        return read()

    return counted
