"""Passwords and the bound on failed attempts."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from steelyard.api.access import Access
from steelyard.api.errors import TooMany, WrongPassword
from steelyard.api.passwords import Passwords
from steelyard.api.settings import ApiSettings
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
        passwords.check(hash_text, "wrong password")
        return time.process_time() - started

    # By turns, and the best of each: neighbours on the machine slow down now one, now the other.
    known, unknown = (min(each) for each in zip(*((cpu_of(stored), cpu_of(None)) for _ in range(7)), strict=True))
    assert 0.4 < unknown / known < 2.5


def test_the_sixth_attempt_must_wait_until_the_first_failure_is_old_enough():
    throttle = Throttle()
    for second in range(5):
        assert throttle.attempt("a@b", "10.0.0.1", T0 + second * NS) == 0
    assert throttle.attempt("a@b", "10.0.0.2", T0 + 5 * NS) == 895
    assert throttle.attempt("a@b", "10.0.0.2", T0 + 900 * NS) == 0


def test_one_address_may_not_try_many_accounts():
    throttle = Throttle(ThrottleLimits(per_address=3))
    for name in "abc":
        throttle.attempt(f"{name}@x", "10.0.0.1", T0)
    assert throttle.attempt("d@x", "10.0.0.1", T0) == 900
    assert throttle.attempt("d@x", "10.0.0.9", T0) == 0


def test_a_right_password_clears_the_account_but_not_the_address():
    throttle = Throttle(ThrottleLimits(per_account=2, per_address=3))
    for moment in range(3):
        assert throttle.attempt("a@b", "10.0.0.1", T0 + moment) == 0
        if moment:
            throttle.succeeded("a@b", "10.0.0.1", T0 + moment)
    assert throttle.attempt("c@d", "10.0.0.1", T0) == 0
    assert throttle.attempt("e@f", "10.0.0.1", T0) == 0
    assert throttle.attempt("a@b", "10.0.0.1", T0) == 900


def test_attempts_made_at_once_are_counted_before_their_passwords_are_checked(stage):
    slow = Passwords(PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1))
    access = Access(stage.records, ApiSettings(), stage.clock, slow, Throttle())
    together = threading.Barrier(20)

    def guess(number: int) -> str:
        together.wait()
        with pytest.raises((WrongPassword, TooMany)) as refused:
            access.sign_in("owner@hengyuan.test", f"a wrong password {number}", "10.0.0.1")
        return refused.type.__name__

    with ThreadPoolExecutor(20) as pool:
        outcomes = Counter(pool.map(guess, range(20)))
    assert outcomes == {"WrongPassword": 5, "TooMany": 15}


def test_invented_names_cannot_fill_the_memory():
    throttle = Throttle(ThrottleLimits(max_keys=10))
    for number in range(1000):
        throttle.attempt(f"{number}@x", f"10.0.{number // 256}.{number % 256}", T0)
    assert len(throttle._accounts.failures) == 10
    assert len(throttle._addresses.failures) == 10


@given(st.lists(st.integers(min_value=0, max_value=2000), min_size=1, max_size=40))
def test_within_any_window_no_more_than_the_allowed_failures_get_through(gaps):
    throttle = Throttle(ThrottleLimits(per_account=5, per_address=1000, window_s=900))
    now, tried = T0, []
    for gap in gaps:
        now += gap * NS
        if throttle.attempt("a@b", "x", now) == 0:
            tried.append(now)
    for start in tried:
        assert sum(start <= t < start + 900 * NS for t in tried) <= 5
