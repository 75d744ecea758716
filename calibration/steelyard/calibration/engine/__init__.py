"""The mathematics: arrays in, frozen results out. Imports no other part of the project.

- `budget`, `distributions`, `montecarlo`: uncertainty of measurement (JCGM 100, 101, 102)
- `curves`, `sensors`: calibration curves and sensor equations
- `conformance`: the risk of deciding by limits that are handed in (JCGM 106)
- `stability`, `control`, `comparisons`, `intervals`: series, charts, laboratories, calibration intervals
- `fleet`: how the errors of many instruments change from calibration to calibration
- `tracking`: the errors of instruments at work; what the calibration service runs
"""
