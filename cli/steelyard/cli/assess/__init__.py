"""`steelyard assess`: from the file of a ledger that people keep to the answer as text, JSON and plan."""
