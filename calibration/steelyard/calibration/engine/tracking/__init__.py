"""The errors of instruments at work, from certificates and from a reference beside them: what the service runs.

`state` is the model; `drift` filters the records of a whole fleet and finds sudden changes (`change`); `forecast`
carries the result ahead. `pairs` makes observations of a reference pair; `priors` and `prior_learning` say what a kind
of instrument is like before anything was seen of one. Histories of calibrations alone are the package `fleet`'s.
"""
