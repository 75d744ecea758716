"""Alerts: who is told of a new work order, in which words, by which way, and how often it is tried."""
