"""Stability of a series: exact description, the Allan family, change points."""
