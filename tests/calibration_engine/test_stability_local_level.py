"""The local level model: the Nile at Aswan, limits, invariances."""

import math

import numpy as np
import pytest
from calibration_engine.nile import NILE
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.local_level import fit_local_level, local_level
from steelyard.calibration.engine.stability.prediction_errors import check_prediction_errors


def test_the_nile_of_durbin_and_koopman():
    # Time Series Analysis by State Space Methods (2012), 2.10 (p. 37). They print 15099 and 1469.1, from a search that
    # stops a little before the maximum: 15098.52 and 1469.18.
    found = fit_local_level(NILE)
    assert found.noise_variance == pytest.approx(15099.0, abs=1.0)
    assert found.level_variance == pytest.approx(1469.1, abs=0.1)
    assert found.level_variance / found.noise_variance == pytest.approx(0.0973, abs=5e-5)
    # KFAS, help page of logLik.SSModel: the diffuse log likelihood; table 2.1 leaves its constants out.
    assert found.log_likelihood == pytest.approx(-632.5456, abs=5e-5)
    constants = -0.5 * 99 * (math.log(2.0 * math.pi) + 1.0)
    assert found.log_likelihood - constants == pytest.approx(-492.07, abs=0.005)


def test_prediction_errors_of_the_nile():
    # 2.12 (p. 40), as statsmodels repeats it; their variances as they print them.
    series = local_level(NILE, noise_variance=15099.0, level_variance=1469.1)
    found = check_prediction_errors(series.standardized_errors)
    assert found.skewness == pytest.approx(-0.03, abs=0.005)
    assert found.excess_kurtosis == pytest.approx(0.09, abs=0.005)
    assert found.normality == pytest.approx(0.05, abs=0.005)
    assert found.variance_ratio == pytest.approx(0.61, abs=0.005)  # H(33)
    assert found.autocorrelation == pytest.approx(8.84, abs=0.005)  # Q(9)
    assert found.lags == 9


def test_prediction_errors_of_the_nile_in_eviews():
    # F. A. G. van den Bossche, Journal of Statistical Software 41 (2011) 8: variances given by their logarithms.
    series = local_level(NILE, noise_variance=math.exp(9.60035), level_variance=math.exp(7.348705))
    found = check_prediction_errors(series.standardized_errors, lags=10)
    assert found.autocorrelation == pytest.approx(13.117, abs=5e-4)
    assert found.autocorrelation_p_value == pytest.approx(0.217, abs=5e-4)
    assert found.normality == pytest.approx(0.041686, abs=5e-7)


def test_without_wander_the_level_is_the_mean_and_without_noise_the_last_value():
    still = local_level(NILE, noise_variance=100.0, level_variance=0.0)
    assert still.level == pytest.approx(np.mean(NILE))
    assert still.level_standard_uncertainty == pytest.approx(1.0)
    walk = local_level(NILE, noise_variance=0.0, level_variance=100.0)
    assert (walk.level, walk.level_standard_uncertainty) == (740.0, 0.0)
    assert walk.standardized_errors == pytest.approx(np.diff(NILE) / 10.0)


def test_the_likelihood_is_that_of_the_differences():
    # Differences of the series are normal with the covariance of an MA(1): 2 noise + level and -noise (2.12.1).
    noise, level = 3.0, 0.7
    y = np.random.default_rng(3).standard_normal(12)
    d = np.diff(y)
    covariance = (2.0 * noise + level) * np.eye(11) - noise * (np.eye(11, k=1) + np.eye(11, k=-1))
    _, logarithm = np.linalg.slogdet(covariance)
    expected = -0.5 * (11 * math.log(2.0 * math.pi) + logarithm + d @ np.linalg.solve(covariance, d))
    assert local_level(y, noise_variance=noise, level_variance=level).log_likelihood == pytest.approx(expected)


def test_noise_alone_and_wander_alone_are_found_out():
    random = np.random.default_rng(6)
    noise = fit_local_level(np.tile([1.0, -1.0], 20) + 5.0)
    assert noise.level_variance == 0.0
    walk = fit_local_level(np.cumsum(np.cumsum(random.standard_normal(60))))
    assert walk.noise_variance == 0.0
    both = fit_local_level(np.cumsum(random.normal(0.0, 0.5, 5000)) + random.normal(0.0, 2.0, 5000))
    assert (both.noise_variance, both.level_variance) == (pytest.approx(4.0, rel=0.1), pytest.approx(0.25, rel=0.3))


series = arrays(np.float64, st.integers(4, 25), elements=st.integers(-50, 50).map(float)).filter(
    lambda y: np.ptp(y) > 0.0
)


@given(series, st.floats(0.01, 100.0), st.floats(-1000.0, 1000.0))
def test_unit_and_zero_do_not_matter(values, scale, shift):
    plain, other = fit_local_level(values), fit_local_level(values * scale + shift)
    moved = plain.log_likelihood - (len(values) - 1) * math.log(scale)
    assert other.log_likelihood == pytest.approx(moved, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: fit_local_level([1.0, 2.0, 3.0]), "4 observations"),
        (lambda: fit_local_level([[1.0, 2.0, 3.0, 4.0]]), "4 observations"),
        (lambda: fit_local_level([1.0, 2.0, math.nan, 1.0]), r"values\[3\]"),
        (lambda: fit_local_level([0.1] * 8), "all equal"),
        (lambda: local_level(NILE, noise_variance=-1.0, level_variance=1.0), "noise_variance"),
        (lambda: local_level(NILE, noise_variance=1.0, level_variance=math.inf), "level_variance"),
        (lambda: local_level(NILE, noise_variance=0.0, level_variance=0.0), "noise_variance"),
        (lambda: check_prediction_errors([1.0, 2.0]), "errors"),
        (lambda: check_prediction_errors([1.0, 2.0, math.nan]), "errors"),
        (lambda: check_prediction_errors([1.0, 1.0, 1.0]), "all equal"),
        (lambda: check_prediction_errors([1.0, 2.0, 4.0], lags=3), "lags"),
    ],
)
def test_bad_input_is_named(call, word):
    with pytest.raises(StabilityError, match=word):
        call()


def test_the_command_answers_the_nile():
    table = "value\n" + "\n".join(map(str, NILE))
    answer = calc("stability", table, "--local-level")["local_level"]
    assert answer["noise_standard_deviation"] == pytest.approx(math.sqrt(15099.0), rel=5e-5)
    assert answer["level_standard_deviation"] == pytest.approx(math.sqrt(1469.1), rel=5e-5)
    assert answer["log_likelihood"] == pytest.approx(-632.5456, abs=5e-5)
    # The steady filter of 2.11: P = sigma^2 (q + sqrt(q^2 + 4 q)) / 2, less what the last value says.
    q, noise = 0.0973, 15099.0
    predicted = 0.5 * noise * (q + math.sqrt(q * q + 4.0 * q))
    steady = math.sqrt(predicted * noise / (predicted + noise))
    assert answer["level_standard_uncertainty"] == pytest.approx(steady, rel=1e-3)
    assert answer["prediction_errors"]["normality"] == pytest.approx(0.05, abs=0.005)
    assert answer["prediction_errors"]["lags"] == 9
    _, out, _ = run(("calc", "stability", "-", "--local-level"), table)
    assert "noise about the level" in out
    assert "value" in refusal("stability", "value\n1\n2\n3\n", "--local-level")


def test_the_command_has_no_tests_for_steps_that_are_all_equal():
    answer = calc("stability", "value\n1\n2\n3\n4\n", "--local-level")["local_level"]
    assert (answer["noise_standard_deviation"], answer["level_standard_deviation"]) == (0.0, pytest.approx(1.0))
    assert answer["prediction_errors"] is None
