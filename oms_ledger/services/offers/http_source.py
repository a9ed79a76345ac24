"""Call a source of offers over HTTP, within a budget; leave one that fails alone for a while."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson
import requests

from oms_ledger.http_client.addresses import ANYWHERE, Allowed, wrong_url
from oms_ledger.http_client.answers import read_json
from oms_ledger.http_client.sessions import exchange, session
from oms_ledger.offers.quote import Availability, LineQuote, Question
from oms_ledger.offers.simulation import Nonsense, read_answer, request_body
from oms_ledger.services.marketplace.account_calls import read_outcome
from oms_ledger.services.marketplace.counterpart import Declined, Quote

BUDGET = 2.5  # seconds for all sources of one cart together
THREADS, SHARE = 128, 32  # questions at a time: of all sources, and of one
FAILURES, OPEN_FOR = 3, 10.0  # in a row until a source is skipped, and seconds for which it is


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask; `path` is that of the simulation below the address."""

    url: str
    account: str
    app_key: str = ""
    app_token: str = field(default="", repr=False)
    seller: str = ""
    """An account of another cell, which is called at the address; empty for sources outside."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """What a source said was of no use; `broken`: it answered with a fault of its own, a 5xx."""

    broken: bool = False


class BrokenSource(OSError):
    """The source answered with a fault of its own."""


CallOf = Callable[[Source, Question], tuple[bytes, dict[str, str]]]
"""Body and headers of a call to an account of another cell."""


def _nowhere(source: Source, _: Question) -> tuple[bytes, dict[str, str]]:
    raise OSError(f"{source.seller} is in no cell that is known here")


class HttpSources:
    """Asks sources side by side; remembers which of them did not answer.

    A source that is silent holds its share of the threads at most, so that others are called.
    `clock` says seconds.
    """

    def __init__(
        self,
        networks_of: Callable[[str], Sequence[Allowed]],
        clock: Callable[[], float] = time.monotonic,
        budget: float = BUDGET,
        call_of: CallOf | None = None,
    ) -> None:
        self._networks_of, self._clock, self.budget = networks_of, clock, budget
        self._call_of = call_of or _nowhere
        self._failures: Counter[Source] = Counter()
        self._open_until: dict[Source, float] = {}
        self._in_hand: Counter[Source] = Counter()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "offers")

    def ask(self, questions: list[tuple[Source, Question]]) -> list[list[LineQuote] | NoAnswer]:
        """The lines of each question, as far as a source answered in time, and no nonsense."""
        futures = [self._submitted(source, question) for source, question in questions]
        wait([one for one in futures if one is not None], timeout=self.budget)
        return [
            self._result(source, future)
            for (source, _), future in zip(questions, futures, strict=True)
        ]

    def close(self) -> None:
        """Ask nobody any more; answers that are on their way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _submitted(self, source: Source, question: Question) -> "Future[list[LineQuote]] | None":
        """The question on its way; None while the source is left alone, or has its share."""
        with self._lock:
            if self._open_until.get(source, 0.0) > self._clock() or self._in_hand[source] >= SHARE:
                return None
            self._in_hand[source] += 1
        future = self._threads.submit(self._requested, source, question)
        future.add_done_callback(lambda _: self._give_back(source))
        return future

    def _give_back(self, source: Source) -> None:
        with self._lock:
            self._in_hand[source] -= 1
            if not self._in_hand[source]:
                del self._in_hand[source]

    def _result(
        self, source: Source, future: "Future[list[LineQuote]] | None"
    ) -> list[LineQuote] | NoAnswer:
        if future is None:
            return NoAnswer()
        try:
            answer = future.result(timeout=0)
        except (requests.RequestException, OSError, Nonsense, TimeoutError) as error:
            future.cancel()
            self._note_failure(source)
            return NoAnswer(broken=isinstance(error, BrokenSource))
        with self._lock:
            self._failures.pop(source, None)
        return answer

    def _note_failure(self, source: Source) -> None:
        with self._lock:
            self._failures[source] += 1
            if self._failures[source] >= FAILURES:
                self._open_until[source] = self._clock() + OPEN_FOR

    def _requested(self, source: Source, question: Question) -> list[LineQuote]:
        if source.seller:
            return self._called(source, question)
        networks = self._networks_of(source.account)
        if refusal := wrong_url(source.url, networks):
            raise OSError(refusal)
        base, _, query = source.url.partition("?")
        channel = quote(question.channel, safe="")
        fields = f"sc={channel}&an={quote(source.account, safe='')}"
        url = f"{base.rstrip('/')}/pvt/orderForms/simulation?{f'{query}&' if query else ''}{fields}"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if source.app_key:
            headers["X-VTEX-API-AppKey"] = source.app_key
            headers["X-VTEX-API-AppToken"] = source.app_token
        response, content = exchange(
            session(networks),
            "POST",
            url,
            data=orjson.dumps(request_body(question)),
            headers=headers,
            timeout=(self.budget, self.budget),
            longest=self.budget,
        )
        if response.status_code >= 500:
            raise BrokenSource(f"the source answered {response.status_code}")
        if response.status_code != 200:
            raise OSError(f"the source answered {response.status_code}")
        try:
            answered = read_json(content)
        except orjson.JSONDecodeError:
            raise Nonsense("the answer is no JSON") from None
        return read_answer(answered, question)

    def _called(self, source: Source, question: Question) -> list[LineQuote]:
        """What an account of another cell says to a call."""
        body, headers = self._call_of(source, question)
        response, content = exchange(
            session(ANYWHERE),
            "POST",
            source.url,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            timeout=(self.budget, self.budget),
            longest=self.budget,
        )
        if response.status_code != 200:
            raise OSError(f"the cell answered {response.status_code}")
        lines = read_quote(content, question)
        if lines is None:
            raise Nonsense("the cell's answer is no quote")
        return lines


def read_quote(content: bytes, question: Question) -> list[LineQuote] | None:
    """The quotes of a cell's answer; nothing is on offer for who is no partner."""
    try:
        answered = orjson.loads(content)
    except orjson.JSONDecodeError:  # a proxy in between may have answered
        return None
    match read_outcome(answered):
        case Quote(lines) if len(lines) == len(question.lines):
            return list(lines)
        case Declined():
            return [
                LineQuote(availability=Availability.NOT_OFFERED, quantity=line.quantity)
                for line in question.lines
            ]
    return None
