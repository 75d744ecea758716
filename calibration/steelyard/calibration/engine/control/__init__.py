"""Control charts: Shewhart with run rules, CUSUM, EWMA, and their average run lengths."""
