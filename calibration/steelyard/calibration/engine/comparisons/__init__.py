"""Comparisons of laboratories: scores, robust and weighted consensus, analysis of variance, precision."""
