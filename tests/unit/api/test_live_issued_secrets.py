"""Keys that open sessions for a while, by a clock that stands still."""

from __future__ import annotations

from loquent.api.live.issued_secrets import IssuedSecrets
from loquent.api.live.openai_session import SessionConfig
from loquent.domain.accounts import Caller

CALLER = Caller("aaaabbbbccccdddd")
CONFIG = SessionConfig("whisper-base")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.5

    def __call__(self) -> float:
        return self.now_s


def test_a_secret_is_good_until_its_time_is_over() -> None:
    clock = Clock()
    secrets = IssuedSecrets(clock)
    secret = secrets.issue(CONFIG, 10, CALLER)
    assert secret.value.startswith("ek_")
    assert secret.expires_s == 1_010
    clock.now_s = 1_009.9
    assert secrets.find(secret.value) == secret
    clock.now_s = 1_010.0
    assert secrets.find(secret.value) is None


def test_only_secrets_that_were_given_out_are_known() -> None:
    secrets = IssuedSecrets(Clock())
    value = secrets.issue(CONFIG, 10, CALLER).value
    assert [secrets.find(guess) for guess in ("", "ek_", value[:-1], value + "0", "\ud800")] == [
        None
    ] * 5


def test_secrets_differ() -> None:
    secrets = IssuedSecrets(Clock())
    assert len({secrets.issue(CONFIG, 10, CALLER).value for _ in range(100)}) == 100


def test_what_is_over_is_forgotten() -> None:
    clock = Clock()
    secrets = IssuedSecrets(clock)
    for lifetime_s in (10, 20, 30):
        secrets.issue(CONFIG, lifetime_s, CALLER)
    clock.now_s += 20
    secrets.issue(CONFIG, 10, CALLER)
    assert secrets.n_kept == 2


def test_those_that_expire_first_make_room() -> None:
    secrets = IssuedSecrets(Clock(), max_secrets=2)
    long, short = secrets.issue(CONFIG, 7_200, CALLER), secrets.issue(CONFIG, 10, CALLER)
    newest = secrets.issue(CONFIG, 600, CALLER)
    assert secrets.n_kept == 2
    assert secrets.find(short.value) is None
    assert secrets.find(long.value) == long
    assert secrets.find(newest.value) == newest


def test_nobody_makes_room_at_the_cost_of_others() -> None:
    secrets = IssuedSecrets(Clock(), max_secrets=3)
    theirs = secrets.issue(CONFIG, 10, CALLER)
    greedy = [secrets.issue(CONFIG, 7_200, Caller("greedy")) for _ in range(5)]
    assert secrets.n_kept == 3
    assert secrets.find(theirs.value) == theirs
    assert [secret for secret in greedy if secrets.find(secret.value)] != []


def test_a_secret_remembers_who_gave_it_out_and_shows_itself_nowhere() -> None:
    secret = IssuedSecrets(Clock()).issue(CONFIG, 10, CALLER)
    assert secret.issuer == CALLER
    assert secret.value not in repr(secret)
