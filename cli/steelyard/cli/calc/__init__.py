"""The calculations of `steelyard calc`, a module each, and the reading and printing that they share."""
