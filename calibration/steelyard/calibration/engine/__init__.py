"""The mathematics: arrays in, frozen results out. Imports no other part of the project."""
