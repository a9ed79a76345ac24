"""Who guesses credentials is slowed; who has them is not."""

from types import SimpleNamespace

from oms_ledger.api.auth.failed_credentials import LIMIT, FailedCredentials


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def request(address):
    return SimpleNamespace(client=SimpleNamespace(host=address), scope={"path": "/api/oms"})


def test_failures_of_a_key_from_an_address_are_limited():
    clock = Clock()
    failed = FailedCredentials(clock)
    answers = [failed.refusal(request("10.0.0.1"), "key-1").status for _ in range(LIMIT + 1)]
    assert answers == [401] * LIMIT + [429]
    assert failed.refusal(request("10.0.0.2"), "key-1").status == 401
    assert failed.refusal(request("10.0.0.1"), "key-2").status == 401
    refusal = failed.refusal(request("10.0.0.1"), "key-1")
    assert refusal.headers == {"Retry-After": "60"}
    clock.now = 60.0
    assert failed.refusal(request("10.0.0.1"), "key-1").status == 401
