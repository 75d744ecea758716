"""Where the network thread leaves messages for the thread that commits them. Bounded in number and bytes."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steelyard.broker_config.client import Message

_PAUSE_S = 0.005


class Inbox:
    """A queue from one thread to one other.

    With MQTT 5 the broker's own window (`receive_maximum`) keeps it from filling; with 3.1.1 there is no such window,
    and a full inbox makes the network thread wait, so that the broker's socket fills instead of our memory.

    Args:
        max_messages: how many may wait.
        max_bytes: how many bytes of payload may wait; one message always may.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._queue: SimpleQueue[Message] = SimpleQueue()
        self._max_messages, self._max_bytes = max_messages, max_bytes
        # Each of the two is written by one thread only.
        self._bytes_in = self._bytes_out = 0
        self._closed = False

    def put(self, message: Message) -> None:
        """Leave a message; waits while the inbox is full, and drops it (unacknowledged) when the inbox is closed."""
        while self._queue.qsize() >= self._max_messages or self._bytes_in - self._bytes_out >= self._max_bytes:
            if self._closed:
                return
            time.sleep(_PAUSE_S)
        self._bytes_in += len(message.payload)
        self._queue.put(message)

    def take(self, max_messages: int, max_bytes: int, timeout_s: float) -> list[Message]:
        """Return what waits, at most so much (but at least one message); none if nothing came within `timeout_s`."""
        try:
            messages = [self._queue.get(timeout=timeout_s)]
        except Empty:
            return []
        size = len(messages[0].payload)
        try:
            while len(messages) < max_messages and size < max_bytes:
                message = self._queue.get_nowait()
                messages.append(message)
                size += len(message.payload)
        except Empty:
            pass
        self._bytes_out += size
        return messages

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return self._queue.qsize()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
