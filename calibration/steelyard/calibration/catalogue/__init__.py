"""What kinds of instruments there are and under which law: dated editions, regimes, limits. A kind is a TOML file.

words       the closed sets: use, state, regime
facts       what a file may say;  loading: the files, and operators' own
plate       what a device's name plate says;  products: products of its numbers
edition     regime, limits and test points by one edition;  limits: into the language of limits
kind        a kind, and the catalogue of all
check       what is wrong with a catalogue
"""

from steelyard.calibration.catalogue.edition import Edition, RegimeChoice
from steelyard.calibration.catalogue.kind import Catalogue, Kind
from steelyard.calibration.catalogue.loading import builtin_catalogue, load_catalogue
from steelyard.calibration.catalogue.words import (
    MANDATORY,
    BeforeUse,
    CountsFrom,
    DeviceState,
    PeriodEffect,
    RatioBasis,
    Regime,
)
from steelyard.calibration.errors import CatalogueError
from steelyard.contracts.devices import Use

__all__ = [
    "MANDATORY",
    "BeforeUse",
    "Catalogue",
    "CatalogueError",
    "CountsFrom",
    "DeviceState",
    "Edition",
    "Kind",
    "PeriodEffect",
    "RatioBasis",
    "Regime",
    "RegimeChoice",
    "Use",
    "builtin_catalogue",
    "load_catalogue",
]
