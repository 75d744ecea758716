"""Free ports on 127.0.0.1 for servers that cannot be told to choose one themselves."""

import os
import random
import socket

HOST = "127.0.0.1"

# Below the range from which the system gives ports to outgoing connections (32768 and up on Linux): between choosing
# the port and the server's bind, and while a killed server is down, no client's socket can take it.
_ALL_CANDIDATES = range(20_000, 32_000)


def _share(candidates: range, worker: str, workers: int) -> range:
    """The candidates of one of several test processes (pytest-xdist's `gw0`, `gw1`, ...): no two share one."""
    return candidates[int(worker.removeprefix("gw")) % workers :: workers]


_CANDIDATES = _share(
    _ALL_CANDIDATES,
    os.environ.get("PYTEST_XDIST_WORKER", "gw0"),
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
)
_given: set[int] = set()


def free_port() -> int:
    """A port on which nothing listens, never the same one twice in a run."""
    for port in random.sample(_CANDIDATES, k=min(1_000, len(_CANDIDATES))):
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"all ports that were tried between {_CANDIDATES[0]} and {_CANDIDATES[-1]} of {HOST} are taken")


def accepts_connections(port: int) -> bool:
    """Whether something listens on the port of 127.0.0.1."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
