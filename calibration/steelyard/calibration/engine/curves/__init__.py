"""Calibration curves: lines, polynomials and any model, with uncertain x and y (ISO/TS 28037, JCGM 100, JCGM 102)."""
