"""Passwords and the bound on failed attempts."""

import time

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from steelyard.api.passwords import Passwords
from steelyard.api.throttle import NS, Throttle, ThrottleLimits

T0 = 1_790_000_000 * NS


@pytest.fixture(scope="module")
def quick() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_the_default_hash_is_argon2id_with_the_parameters_of_rfc_9106():
    assert Passwords().hash("correct horse battery").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_password_is_right_for_its_own_hash_alone(quick):
    stored = quick.hash("correct horse battery")
    assert quick.check(stored, "correct horse battery").correct
    assert not quick.check(stored, "correct horse batterY").correct
    assert not quick.check(quick.hash("another password"), "correct horse battery").correct


@pytest.mark.parametrize("stored", [None, "!", "", "$argon2id$broken"])
def test_no_password_opens_an_account_without_a_usable_hash(quick, stored):
    assert not quick.check(stored, "the password of an account that does not exist").correct
    assert not quick.check(stored, "!").correct


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_a_password_too_short_or_too_long_is_refused_with_the_reason(quick, password):
    with pytest.raises(ValueError, match="choose between 10 and 200"):
        quick.hash(password)


def test_a_hash_with_old_parameters_is_renewed_on_sign_in(quick):
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    renewed = stronger.check(quick.hash("correct horse battery"), "correct horse battery").new_hash
    assert renewed is not None
    assert stronger.check(renewed, "correct horse battery").new_hash is None


def test_an_unknown_account_takes_as_long_as_a_wrong_password():
    passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1))
    stored = passwords.hash("correct horse battery")

    def cpu_of(hash_text):
        started = time.process_time()
        for _ in range(5):
            passwords.check(hash_text, "wrong password")
        return time.process_time() - started

    known, unknown = cpu_of(stored), cpu_of(None)
    assert 0.4 < unknown / known < 2.5


def test_the_sixth_attempt_must_wait_until_the_first_failure_is_old_enough():
    throttle = Throttle()
    for second in range(5):
        assert throttle.wait_s("a@b", "10.0.0.1", T0 + second * NS) == 0
        throttle.failed("a@b", "10.0.0.1", T0 + second * NS)
    assert throttle.wait_s("a@b", "10.0.0.2", T0 + 5 * NS) == 895
    assert throttle.wait_s("a@b", "10.0.0.2", T0 + 900 * NS) == 0


def test_one_address_may_not_try_many_accounts():
    throttle = Throttle(ThrottleLimits(per_address=3))
    for name in "abc":
        throttle.failed(f"{name}@x", "10.0.0.1", T0)
    assert throttle.wait_s("d@x", "10.0.0.1", T0) == 900
    assert throttle.wait_s("d@x", "10.0.0.9", T0) == 0


def test_a_right_password_clears_the_account_but_not_the_address():
    throttle = Throttle(ThrottleLimits(per_account=1, per_address=2))
    throttle.failed("a@b", "10.0.0.1", T0)
    throttle.succeeded("a@b")
    assert throttle.wait_s("a@b", "10.0.0.1", T0) == 0
    throttle.failed("a@b", "10.0.0.1", T0)
    throttle.succeeded("a@b")
    assert throttle.wait_s("a@b", "10.0.0.1", T0) == 900


def test_invented_names_cannot_fill_the_memory():
    throttle = Throttle(ThrottleLimits(max_keys=10))
    for number in range(1000):
        throttle.failed(f"{number}@x", f"10.0.{number // 256}.{number % 256}", T0)
    assert len(throttle._accounts.failures) == 10
    assert len(throttle._addresses.failures) == 10


@given(st.lists(st.integers(min_value=0, max_value=2000), min_size=1, max_size=40))
def test_within_any_window_no_more_than_the_allowed_failures_get_through(gaps):
    throttle = Throttle(ThrottleLimits(per_account=5, per_address=1000, window_s=900))
    now, tried = T0, []
    for gap in gaps:
        now += gap * NS
        if throttle.wait_s("a@b", "x", now) == 0:
            throttle.failed("a@b", "x", now)
            tried.append(now)
    for start in tried:
        assert sum(start <= t < start + 900 * NS for t in tried) <= 5
