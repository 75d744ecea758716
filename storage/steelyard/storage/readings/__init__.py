"""The readings store: every value by instrument, channel and time. A view of the ledger, never the record."""

from steelyard.storage.readings.opening import open_readings
from steelyard.storage.readings.port import Buckets, ReadingsStore, Sample, Series

__all__ = ["Buckets", "ReadingsStore", "Sample", "Series", "open_readings"]
