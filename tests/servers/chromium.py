"""The system's Chromium, for tests that drive the console through Playwright's ``executable_path``."""

import os
import shutil
from pathlib import Path

from servers.requirement import missing

# It may ask nobody on the network anything; as root it does not start with its sandbox.
ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(("--no-sandbox",) if os.geteuid() == 0 else ()),
)


def find_chromium() -> Path:
    """The browser's program."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing("chromium", "apt-get install chromium")
    return Path(found)
