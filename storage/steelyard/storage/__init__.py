"""Everything that touches a database: the readings store, the ledger, the records."""
