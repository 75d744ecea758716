"""How long until the next calibration: by pass and fail, by measured drift, by steps (RP-1, NASA-HDBK, ILAC-G24)."""
