"""The law and its paper: regimes, maximum permissible errors, due dates, events, work orders, reasons. No arrays."""
