"""The demonstration: every part of Steelyard as its own process on this machine, with instruments made of software."""
