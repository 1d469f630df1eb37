"""The exchange: a call goes out and its answer comes in, with repeats, within a deadline and a size limit."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

import anyio
import httpx2

from jinba_mcp.client.calls import Answer, Call
from jinba_mcp.client.errors import AnswerInvalid, ConnectionFailed, DeadlineExceeded, refusal
from jinba_mcp.client.retries import REPEATED_STATUSES, Retries, retry_after_s

T = TypeVar("T")

MAX_PROBLEM_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 10.0

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""Failures before the first byte went out, after which anything may be tried again."""


@dataclass(frozen=True)
class Terms:
    """How a client talks to its server."""

    url: str
    organization: str
    headers: dict[str, str] = field(repr=False)
    timeout_s: float
    retries: Retries
    max_response_bytes: int


@dataclass(frozen=True)
class _Received:
    status: int
    answer: Answer
    retry_after: str | None

    @property
    def is_yes(self) -> bool:
        return _is_yes(self.status)


class Exchange:
    """Connections to one server, kept open between calls."""

    def __init__(self, terms: Terms, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._terms = terms
        self._http = httpx2.AsyncClient(
            base_url=terms.url,
            headers=terms.headers,
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),  # The deadline of the call is around all of it.
            transport=transport,
        )

    async def ask(self, call: Call[T]) -> T:
        """The answer to a call.

        Raises:
            Refused: the server said no.
            ConnectionFailed: there is no answer; the call may have been carried out all the same.
            DeadlineExceeded: not in time; it may have been as well.
            AnswerInvalid: what came cannot be used.
        """
        timeout_s = self._terms.timeout_s if call.timeout_s is None else call.timeout_s
        try:
            with anyio.fail_after(timeout_s):
                return call.read(await self._insist(call))
        except TimeoutError as error:
            raise DeadlineExceeded(f"There was no answer from {self._terms.url} in {timeout_s:g} s.") from error

    async def close(self) -> None:
        await self._http.aclose()

    async def _insist(self, call: Call[T]) -> Answer:
        retries = self._terms.retries
        repeat = 0
        while True:
            is_last = repeat == retries.count
            try:
                received = await self._send(call)
            except httpx2.TransportError as error:
                if is_last or not (call.is_repeatable or isinstance(error, _NEVER_SENT)):
                    said = f"There is no answer from {self._terms.url} ({type(error).__name__})."
                    raise ConnectionFailed(said) from error
                delay_s = retries.delay_s(repeat)
            else:
                if received.is_yes:
                    return received.answer
                delay_s = retries.delay_s(repeat, retry_after_s(received.retry_after))
                may_repeat = call.is_repeatable and received.status in REPEATED_STATUSES
                # What would come too late says more now than a deadline would then.
                if is_last or not may_repeat or anyio.current_time() + delay_s >= anyio.current_effective_deadline():
                    raise refusal(received.status, received.answer.body)
            await anyio.sleep(delay_s)
            repeat += 1

    async def _send(self, call: Call[T]) -> _Received:
        request = self._http.build_request(
            call.method,
            call.target(self._terms.organization),
            params=dict(call.query),
            headers=dict(call.headers),
            content=call.content,
        )
        response = await self._http.send(request, stream=True)
        try:
            limit = self._terms.max_response_bytes if _is_yes(response.status_code) else MAX_PROBLEM_BYTES
            body = await _bounded(response, limit)
        finally:
            await response.aclose()
        answer = Answer(body, response.headers.get("ETag"))
        return _Received(response.status_code, answer, response.headers.get("Retry-After"))


def _is_yes(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


async def _bounded(response: httpx2.Response, limit: int) -> bytes:
    # Compression was not offered: a few kilobytes of it may be gigabytes in memory.
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise AnswerInvalid("The answer is compressed, which nobody asked for.")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise AnswerInvalid(f"The answer is larger than {limit} bytes (see max_response_bytes).")
    return bytes(body)
