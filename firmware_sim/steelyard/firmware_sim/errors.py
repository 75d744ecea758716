"""What the simulator refuses, and with which evidence.

    SimError
    ├── ScenarioError      a scenario that cannot be right (also a contracts.ContractError: field, value, remedy)
    ├── TruthError         a question that the truth has no answer to (unknown instrument, unknown channel, ...)
    ├── TruthFileError     a truth file that cannot be read
    └── ListenError        an address on which no server can listen

An invalid Modbus request is no error here: the instrument answers it with a Modbus exception, as a real one does.
"""

from __future__ import annotations

from steelyard.contracts.errors import ContractError


class SimError(Exception):
    """Anything the simulator refuses."""


class ScenarioError(SimError, ContractError):
    """A scenario that cannot be right."""


class TruthError(SimError):
    """A question about the truth that has no answer."""


class TruthFileError(SimError):
    """A truth file that cannot be read."""


class ListenError(SimError):
    """An address on which no server can listen."""
