"""Conformity of a measured property with its tolerance: probabilities, risks, decision rules (JCGM 106, ILAC-G8)."""
