"""Maximum permissible errors (MPE): one language of limits, for the law and for arrays, with the class tables as data.

rules        what can be said: absolute, relative, of span, linear, reciprocal, nominal, any of, sum, zones, cases
pointwise    a rule at one point;  arrays: at many
specification   an instrument's MPE: rules by phase, units, source; its JSON
class_table, table_files, tables/   classes of regulations as TOML
stating      an MPE from TOML;  cells: from a cell of a spreadsheet
"""

from steelyard.calibration.mpe.arrays import PermissibleErrors, permissible_errors
from steelyard.calibration.mpe.cells import FORMS, parse_mpe_text
from steelyard.calibration.mpe.class_table import ClassTable, Source, failed_checks
from steelyard.calibration.mpe.plain import parse_rule
from steelyard.calibration.mpe.rules import (
    Absolute,
    AnyOf,
    Case,
    Cases,
    Linear,
    Nominal,
    OfSpan,
    Part,
    Piecewise,
    Reciprocal,
    Relative,
    Rule,
    Sum,
    Zone,
)
from steelyard.calibration.mpe.specification import (
    Limits,
    MaximumPermissibleError,
    TableReference,
    decode_mpe,
    encode_mpe,
    limits_at,
    limits_over,
)
from steelyard.calibration.mpe.stating import parse_mpe
from steelyard.calibration.mpe.table_files import builtin_tables, load_tables
from steelyard.calibration.mpe.words import Confidence, Phase

__all__ = [
    "FORMS",
    "Absolute",
    "AnyOf",
    "Case",
    "Cases",
    "ClassTable",
    "Confidence",
    "Limits",
    "Linear",
    "MaximumPermissibleError",
    "Nominal",
    "OfSpan",
    "Part",
    "PermissibleErrors",
    "Phase",
    "Piecewise",
    "Reciprocal",
    "Relative",
    "Rule",
    "Source",
    "Sum",
    "TableReference",
    "Zone",
    "builtin_tables",
    "decode_mpe",
    "encode_mpe",
    "failed_checks",
    "limits_at",
    "limits_over",
    "load_tables",
    "parse_mpe",
    "parse_mpe_text",
    "parse_rule",
    "permissible_errors",
]
