"""The command `steelyard`. Each subcommand imports only its own part, so a gateway needs nothing of the servers'."""
