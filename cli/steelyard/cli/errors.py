"""What the command line refuses.

CommandError    one clear message on stderr and exit status 2
"""

from __future__ import annotations


class CommandError(Exception):
    """Something the person at the terminal can mend; the text says what and how."""
