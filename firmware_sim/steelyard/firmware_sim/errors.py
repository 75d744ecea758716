"""What the simulator refuses, and with which evidence.

    SimulationError
    ├── ScenarioError      a scenario that cannot be right (also a contracts.ContractError: field, value, remedy)
    ├── TruthError         a question that the truth has no answer to (unknown instrument, unknown channel, ...)
    ├── TruthFileError     a truth file that cannot be read
    └── ListenError        an address on which no server can listen

An invalid Modbus request is no error here: the instrument answers it with a Modbus exception, as a real one does.
"""

from __future__ import annotations

from steelyard.contracts.errors import ContractError


class SimulationError(Exception):
    """Anything the simulator refuses."""


class ScenarioError(SimulationError, ContractError):
    """A scenario that cannot be right."""


class TruthError(SimulationError):
    """A question about the truth that has no answer."""


class TruthFileError(SimulationError):
    """A truth file that cannot be read."""


class ListenError(SimulationError):
    """An address on which no server can listen."""
