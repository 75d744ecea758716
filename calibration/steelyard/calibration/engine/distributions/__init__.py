"""Probability distributions of input quantities (JCGM 101:2008, table 1), a frozen type each."""
