"""Uncertainty budgets: the GUM uncertainty framework (JCGM 100:2008) for models given as text or as functions."""
