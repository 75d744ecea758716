"""Files that the console's pages load: our own, and BokehJS from the installed package.

Each is served under a name that holds a digest of its content, so that browsers may keep it for a year and never show
an old one.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

ROOT = "/static"
KEEP = "public, max-age=31536000, immutable"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file: its bytes, the same compressed, and its media type."""

    content: bytes
    compressed: bytes
    media_type: str


class Assets:
    """All files, read once."""

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._held: dict[str, Asset] = {}
        for file in (files("steelyard.api") / "static").iterdir():
            self._add(file.name, file)
        # BokehJS comes with the wheel; no third-party script is kept in our own tree.
        self._add("bokeh.min.js", files("bokeh") / "server" / "static" / "js" / "bokeh.min.js")

    def path(self, name: str) -> str:
        """Return the address of a file, such as ``/static/0a1b2c3d/steelyard.css``.

        Raises:
            KeyError: there is no such file.
        """
        return f"{ROOT}/{self._paths[name]}"

    def get(self, digest: str, name: str) -> Asset | None:
        """Return the file at an address, None if there is none or another version of it."""
        return self._held.get(f"{digest}/{name}")

    def _add(self, name: str, file: Traversable) -> None:
        media_type = _TYPES.get(name.rpartition(".")[2])
        if media_type is None:
            return
        content = file.read_bytes()
        path = f"{hashlib.sha256(content).hexdigest()[:12]}/{name}"
        self._paths[name] = path
        self._held[path] = Asset(
            content=content, compressed=gzip.compress(content, compresslevel=6, mtime=0), media_type=media_type
        )
