"""Instruments made of software: Modbus TCP servers with a physical truth, a true error and faults.

Everything an instrument indicates is a pure function of the scenario (with its seed) and of the time, so that a
restart, another process or a scaled clock sees the same world, and the truth can be computed for any instant
afterwards.
"""
