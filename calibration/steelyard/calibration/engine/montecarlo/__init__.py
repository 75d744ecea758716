"""Propagation of distributions by Monte Carlo (JCGM 101:2008; several outputs: JCGM 102:2011)."""
