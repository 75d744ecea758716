"""Maximum permissible errors by accuracy class and phase, evaluated for whole fleets; the class tables as data."""
