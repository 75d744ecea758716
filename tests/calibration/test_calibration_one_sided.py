"""The service over an instrument of whose two limits one is zero."""

import numpy as np
import pytest
from calibration.fleet import NOW, YEARS_BEFORE_NOW, Fleet

from steelyard.calibration.mpe import Absolute, MaximumPermissibleError


# Limits of 0 to +0.008 MPa: the error in parts of the upper one, how it changes, and the order that it raises.
@pytest.mark.parametrize(
    ("error", "trigger"),
    [
        (0.5 + 0.0 * YEARS_BEFORE_NOW, None),
        (np.maximum(0.4, 0.90 + 0.6 * YEARS_BEFORE_NOW), "drift"),
        (np.minimum(0.6, 0.10 - 0.6 * YEARS_BEFORE_NOW), "drift"),
        (np.where(YEARS_BEFORE_NOW < -0.1, 0.3, 0.7), "jump"),
    ],
)
def test_an_instrument_whose_error_must_not_be_negative_is_judged_from_both_its_limits(error, trigger):
    fleet = Fleet()
    one_sided = MaximumPermissibleError(unit="MPa", source="t", rule=Absolute(limit=0.008, lower_limit=0.0))
    fleet.transmitter("pt-1", error + fleet.wandering(0.004), mpe=one_sided)
    summary = fleet.service().run_once(NOW)
    assert summary.problems == ()
    assert set(fleet.orders()) == (set() if trigger is None else {("pt-1", trigger)})
    found = fleet.stores.verification.latest_assessments()["pt-1"].estimate
    assert (found.mpe_lower, found.mpe_upper) == (0.0, 0.008)
    assert found.error == pytest.approx(float(error[-1]) * 0.008, abs=0.0005)
    if trigger is None:
        assert found.probability_out_of_tolerance < 0.01
    for order in fleet.orders().values():
        assert "MPE in use is 0.00000 to +0.00800 MPa" in order.reason
