"""What a test wants to know of a `BrokerClient` that the product never asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.broker_config.client import BrokerClient


def acknowledged_subscriptions(client: BrokerClient) -> list[object]:
    """A list that grows with each SUBACK: what is published after it arrives. Ask before ``client.start()``."""
    seen: list[object] = []
    client._client.on_subscribe = _seen_by(seen, client._client.on_subscribe)
    return seen


def failed_connections(client: BrokerClient) -> list[object]:
    """A list that grows with each attempt that comes to nothing and each connection that breaks."""
    seen: list[object] = []
    client._client.on_connect_fail = _seen_by(seen, client._client.on_connect_fail)
    client._client.on_disconnect = _seen_by(seen, client._client.on_disconnect)
    return seen


def nothing_in_flight(client: BrokerClient) -> bool:
    """Whether the broker has answered all that was published, or the connection is gone."""
    return client._outstanding == 0


def _seen_by(seen: list[object], callback: Any) -> Callable[..., None]:
    def called(*arguments: object) -> None:
        callback(*arguments)
        seen.append(arguments)

    return called
