"""Receipts, statuses and topics: what goes in comes out; who may use which topic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts import topics
from steelyard.contracts.errors import ReceiptError, StatusError, TopicError
from steelyard.contracts.frame import MAX_SEQ
from steelyard.contracts.identifiers import GRAMMAR
from steelyard.contracts.receipt import MAX_RUNS, Receipt, decode_receipt, encode_receipt
from steelyard.contracts.status import GatewayStatus, decode_status, encode_status
from steelyard.contracts.topics import Access, Party, TopicKind

names = st.from_regex(GRAMMAR, fullmatch=True)
ROOT = "0123456789abcdef" * 4


@given(names, names, st.integers(0, MAX_SEQ), st.integers(0, 2**40))
def test_a_receipt_survives_its_encoding(gateway: str, boot: str, upto: int, size: int) -> None:
    receipt = Receipt(gateway=gateway, boot=boot, contiguous_upto=upto, ledger_size=size, root=ROOT)
    assert decode_receipt(encode_receipt(receipt)) == receipt
    assert b"beyond" not in encode_receipt(receipt), "without a gap there is nothing to say"


def test_a_receipt_names_what_arrived_beyond_a_gap() -> None:
    receipt = Receipt(
        gateway="gw-1", boot="b", contiguous_upto=5, ledger_size=9, root=ROOT, beyond=((7, 7), (9, MAX_SEQ))
    )
    assert decode_receipt(encode_receipt(receipt)) == receipt


@pytest.mark.parametrize(
    "beyond",
    [
        ((6, 7),),
        ((5, 9),),
        ((9, 8),),
        ((8, 9), (10, 11)),
        ((20, 21), (8, 9)),
        ((7, MAX_SEQ + 1),),
        tuple((seq, seq) for seq in range(7, 7 + 2 * MAX_RUNS + 2, 2)),
    ],
)
def test_runs_that_touch_overlap_or_are_too_many_are_refused(beyond: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ReceiptError, match="beyond"):
        encode_receipt(Receipt(gateway="gw-1", boot="b", contiguous_upto=5, ledger_size=9, root=ROOT, beyond=beyond))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"contiguous_upto":5', '"contiguous_upto":-1'),
        ('"contiguous_upto":5', '"contiguous_upto":"5"'),
        ('"ledger_size":9', '"ledger_size":-9'),
        (ROOT, "xyz"),
        ('"gateway":"gw-1"', '"gateway":"gw/1"'),
        ("{", '{"more":1,'),
        ("}", ""),
    ],
)
def test_a_receipt_with_one_fault_is_refused(old: str, new: str) -> None:
    good = encode_receipt(Receipt(gateway="gw-1", boot="b", contiguous_upto=5, ledger_size=9, root=ROOT)).decode()
    assert old in good
    with pytest.raises(ReceiptError):
        decode_receipt(good.replace(old, new, 1).encode())


@given(names, names, st.sampled_from(["online", "offline"]), st.integers(0, 2**62), st.integers(0, 9**9), st.text())
def test_a_status_survives_its_encoding(
    gateway: str, boot: str, state: str, sent: int, count: int, reason: str
) -> None:
    status = GatewayStatus(
        gateway=gateway,
        boot=boot,
        state=state,
        sent=sent,
        missed_polls=count,
        spooled_frames=count,
        reason=reason[:200],
    )
    assert decode_status(encode_status(status)) == status


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[" * 90_000, b" " * 5000, b'{"gateway":"g","boot":"b","state":"up","sent":1}']
)
def test_a_status_with_a_fault_is_refused(payload: bytes) -> None:
    with pytest.raises(StatusError):
        decode_status(payload)


@pytest.mark.parametrize("name", ["missed_polls", "spooled_frames"])
@pytest.mark.parametrize("count", [-1, MAX_SEQ + 1, 10**30])
def test_a_status_counts_neither_below_zero_nor_beyond_what_a_database_holds(name: str, count: int) -> None:
    """One row that cannot be written would keep those of all other gateways from being written with it."""
    with pytest.raises(StatusError, match=name):
        decode_status(b'{"gateway":"g","boot":"b","state":"online","sent":1,"%b":%d}' % (name.encode(), count))


@given(names, names)
def test_topics_survive_their_text(organization: str, gateway: str) -> None:
    made = {
        TopicKind.FRAME: topics.frame_topic(organization, gateway),
        TopicKind.RECEIPT: topics.receipt_topic(organization, gateway),
        TopicKind.STATUS: topics.status_topic(organization, gateway),
        TopicKind.COMMAND: topics.command_topic(organization, gateway),
    }
    for kind, text in made.items():
        name = topics.parse_topic(text)
        assert (name.organization, name.gateway, name.kind) == (organization, gateway, kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "steelyard/v1/a/b",
        "steelyard/v1/a/b/frame/x",
        "steelyard/v2/a/b/frame",
        "steelyard/v1/a/+/frame",
        "steelyard/v1/a//frame",
        "steelyard/v1/A/b/frame",
        "steelyard/v1/a/b/frames",
        "/steelyard/v1/a/b/frame",
    ],
)
def test_other_topics_are_refused(text: str) -> None:
    with pytest.raises(TopicError):
        topics.parse_topic(text)


def test_a_gateway_writes_only_under_its_own_names_and_never_receipts_or_commands() -> None:
    rules = [rule for rule in topics.acl_rules() if rule.party is Party.GATEWAY]
    assert all("/{organization}/{gateway}/" in rule.pattern and "+" not in rule.pattern for rule in rules)
    writable = {rule.pattern.rsplit("/", 1)[1] for rule in rules if rule.access is Access.WRITE}
    assert writable == {"frame", "status"}


def test_nobody_may_both_write_and_read_the_same_topic() -> None:
    kinds = {(rule.party, rule.pattern): rule.access for rule in topics.acl_rules()}
    assert len(kinds) == len(topics.acl_rules())
