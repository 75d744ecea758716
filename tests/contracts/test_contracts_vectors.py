"""The vectors that docs/reference/frame.md publishes are the ones this code makes and reads."""

import re
from pathlib import Path

from steelyard.contracts import cose
from steelyard.contracts.frame import decode_frame, encode_frame
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.reading import WITHOUT_VALUE, Quality
from steelyard.contracts.receipt import decode_receipt, encode_receipt

PAGE = (Path(__file__).parents[2] / "docs/reference/frame.md").read_text(encoding="utf-8")
KEY = SigningKey.from_seed(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
PAYLOADS = [text.encode() for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]
MESSAGES = [bytes.fromhex(text) for text in re.findall(r"```hex\n(.*?)\n```", PAGE, re.DOTALL)]


def test_the_page_publishes_a_frame_and_a_receipt() -> None:
    assert (len(PAYLOADS), len(MESSAGES)) == (2, 2)
    assert KEY.public.text in PAGE
    assert KEY.public.kid in PAGE


def test_the_published_messages_verify_and_carry_the_published_payloads() -> None:
    assert [cose.verify1(message, KEY.public) for message in MESSAGES] == PAYLOADS


def test_encoding_again_gives_the_published_bytes() -> None:
    frame, receipt = decode_frame(PAYLOADS[0]), decode_receipt(PAYLOADS[1])
    assert [encode_frame(frame), encode_receipt(receipt)] == PAYLOADS
    assert [cose.sign1(payload, KEY) for payload in PAYLOADS] == MESSAGES


def test_the_page_lists_every_status_with_whether_it_has_a_value() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| (number|null) \|$", PAGE, re.MULTILINE)
    assert {int(code): kind for code, kind in rows} == {
        int(quality): "null" if quality in WITHOUT_VALUE else "number" for quality in Quality
    }
