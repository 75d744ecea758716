"""Sensor equations both ways: thermocouples (ITS-90), platinum resistance thermometers, thermistors."""
