"""The errors of a whole fleet between calibrations: learned from the fleet, followed, forecast, watched.

Two ways over the same physics. `backtest` and its modules answer for real, small, dirty histories: every hypothesis
about an instrument's spread is kept with its weight, the laboratory's own error is estimated, the forecast is a
mixture. `parameters`, `update`, `forecast` and `detection` answer for millions of instruments in blocks that fit the
cache.
"""
