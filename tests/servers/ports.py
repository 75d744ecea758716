"""Free ports on 127.0.0.1 for servers that cannot be told to choose one themselves."""

import random
import socket

HOST = "127.0.0.1"

# Below the range from which the system gives ports to outgoing connections (32768 and up on Linux): between choosing
# the port and the server's bind, and while a killed server is down, no client's socket can take it.
_CANDIDATES = range(20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port on which nothing listens, never the same one twice in a run."""
    for port in random.sample(_CANDIDATES, k=1_000):
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
    raise RuntimeError("1,000 candidate ports on 127.0.0.1 are all taken")


def accepts_connections(port: int) -> bool:
    """Whether something listens on the port of 127.0.0.1."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
