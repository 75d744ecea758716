"""Only a receipt that ingest signed, for this gateway, a boot of ours, and no more than was sent, lets frames go."""

import logging
from collections.abc import Callable

import pytest

from steelyard.contracts.cose import sign1
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.receipt import Receipt, encode_receipt
from steelyard.edge.boot import make_boot
from steelyard.edge.frames import FrameSpan
from steelyard.edge.receipts import ReceiptReader

INGEST = SigningKey.from_seed(b"\x02" * 32)
OTHER = SigningKey.from_seed(b"\x03" * 32)
OLD, NOW = make_boot(4, b"old."), make_boot(5, b"now.")


def reader(highest: Callable[[int], int] = lambda boot: {4: 20, 5: 10}[boot]) -> ReceiptReader:
    return ReceiptReader(gateway="gw", ingest_key=INGEST.public, boots=(OLD, NOW), highest=highest)


def receipt(
    upto: int,
    boot: str = NOW.id,
    gateway: str = "gw",
    key: SigningKey = INGEST,
    beyond: tuple[tuple[int, int], ...] = (),
) -> bytes:
    made = Receipt(gateway=gateway, boot=boot, contiguous_upto=upto, ledger_size=upto, root="ab" * 32, beyond=beyond)
    return sign1(encode_receipt(made), key)


@pytest.mark.parametrize("upto", [1, 9, 10])
def test_a_right_receipt_is_believed(upto: int) -> None:
    assert reader().read(receipt(upto)) == [FrameSpan(boot=5, first=1, last=upto)]


def test_a_receipt_for_an_older_boot_is_believed() -> None:
    assert reader().read(receipt(20, OLD.id)) == [FrameSpan(boot=4, first=1, last=20)]


def test_a_spool_restored_from_a_backup_lets_go_what_the_ledger_has_gone_beyond() -> None:
    """Of an earlier boot the ledger may have more than the backup; of the present one that is refused, see below."""
    assert reader().read(receipt(500, OLD.id)) == [FrameSpan(boot=4, first=1, last=20)]
    assert reader().read(receipt(3, OLD.id, beyond=((7, 9), (15, 400), (402, 500)))) == [
        FrameSpan(boot=4, first=1, last=3),
        FrameSpan(boot=4, first=7, last=9),
        FrameSpan(boot=4, first=15, last=20),
    ]


def test_what_arrived_beyond_a_gap_is_believed_and_the_gap_is_not() -> None:
    assert reader().read(receipt(2, beyond=((4, 6), (9, 10)))) == [
        FrameSpan(boot=5, first=1, last=2),
        FrameSpan(boot=5, first=4, last=6),
        FrameSpan(boot=5, first=9, last=10),
    ]
    assert reader().read(receipt(0, beyond=((2, 3),))) == [FrameSpan(boot=5, first=2, last=3)]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (receipt(5, key=OTHER), "not signed by ingest"),
        (receipt(5)[:-1] + b"\x00", "not signed by ingest"),
        (b"", "not signed by ingest"),
        (sign1(b"{}", INGEST), "not signed by ingest"),
        (receipt(5, gateway="other"), "for another gateway"),
        (receipt(5, boot="00000005-00000000"), "for a boot of which nothing is here"),
        (receipt(11), "for more than was sent"),
        (receipt(2**53 - 1), "for more than was sent"),
        (receipt(2, beyond=((4, 11),)), "for more than was sent"),
    ],
)
def test_any_other_receipt_is_ignored_and_logged(message: bytes, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    made = reader()
    with caplog.at_level(logging.WARNING):
        assert made.read(message) == []
    assert reason in caplog.text
    assert made.ignored == {reason: 1}


def test_a_flood_of_forged_receipts_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    made = reader()
    for _ in range(1000):
        made.read(receipt(5, key=OTHER))
    assert len(caplog.records) == 10
    assert made.ignored["not signed by ingest"] == 1000


def test_a_repeated_receipt_for_what_is_gone_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    assert reader(lambda _: 0).read(receipt(20, OLD.id)) == []
    assert reader().read(receipt(0)) == []
    assert caplog.text == ""
