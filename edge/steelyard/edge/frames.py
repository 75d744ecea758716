"""Rounds to numbered, signed frames.

Numbers have no gaps within a boot: a frame gets its number here, and from here on it either reaches the spool or the
boot ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steelyard.contracts.cose import sign1
from steelyard.contracts.errors import FrameTooLarge
from steelyard.contracts.frame import MAX_FRAME_BYTES, Frame, encode_frame

if TYPE_CHECKING:
    from steelyard.contracts.clock import Clock
    from steelyard.contracts.frame import Block
    from steelyard.contracts.identifiers import GatewayId
    from steelyard.contracts.keys import SigningKey
    from steelyard.edge.boot import Boot


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFrame:
    """A frame as it is stored and sent.

    `boot` is the counter of the boot, `seq` the frame's number in it, from 1; `message` the COSE_Sign1 bytes.
    """

    boot: int
    seq: int
    message: bytes

    @property
    def number(self) -> FrameNumber:
        """Its place among all frames of this gateway."""
        return FrameNumber(boot=self.boot, seq=self.seq)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FrameNumber:
    """Place of a frame among all frames of a gateway: boots in order, frames in order within a boot."""

    boot: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpan:
    """The frames `first` to `last` of a boot, both included."""

    boot: int
    first: int
    last: int

    def __contains__(self, number: FrameNumber) -> bool:
        return number.boot == self.boot and self.first <= number.seq <= self.last


class FrameMaker:
    """Numbers and signs the frames of one boot."""

    def __init__(self, *, gateway: GatewayId, boot: Boot, key: SigningKey, clock: Clock) -> None:
        self._gateway = gateway
        self._boot = boot
        self._key = key
        self._clock = clock
        self._seq = 0

    @property
    def last_seq(self) -> int:
        """The number given last; 0 before the first."""
        return self._seq

    def make(self, blocks: tuple[Block, ...]) -> list[SignedFrame]:
        """One frame with `blocks`, or more where one would be larger than a frame may be.

        Raises:
            FrameTooLarge: a single instrument's block is larger than a frame may be.
            FrameMalformed: the clock shows a time that no frame may carry. In either case no number is used up.
        """
        frames = self._frames(blocks, self._seq + 1)
        self._seq = frames[-1].seq
        return frames

    def _frames(self, blocks: tuple[Block, ...], seq: int) -> list[SignedFrame]:
        frame = Frame(
            gateway=self._gateway,
            boot=self._boot.id,
            seq=seq,
            sent=self._clock.now_ns(),
            clock=self._clock.status,
            blocks=blocks,
        )
        try:
            message = _sign(encode_frame(frame), self._key)
        except FrameTooLarge:
            if len(blocks) < 2:
                raise
            half = len(blocks) // 2
            frames = self._frames(blocks[:half], seq)
            return [*frames, *self._frames(blocks[half:], frames[-1].seq + 1)]
        return [SignedFrame(boot=self._boot.counter, seq=seq, message=message)]


def _sign(payload: bytes, key: SigningKey) -> bytes:
    message = sign1(payload, key)
    if len(message) > MAX_FRAME_BYTES:
        raise FrameTooLarge("frame", len(message), f"at most {MAX_FRAME_BYTES} bytes once signed")
    return message
