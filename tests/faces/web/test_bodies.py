"""Request bodies: limits in size and time, and what passes for JSON."""

from collections.abc import Iterable
from typing import Any

import anyio
import pytest
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from jinba_mcp.domain.errors import MalformedBody, MediaTypeUnsupported, TooLarge
from jinba_mcp.faces.web.bodies import read_body, read_json_object


def receiving(chunks: Iterable[bytes], *, ends: bool = True) -> Any:
    """A `receive` that gives these chunks, and then the end or a disconnect."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request"} if ends else {"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    return receive


async def never() -> Any:
    """A client that says nothing more."""
    await anyio.sleep_forever()


def headers(**values: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in values.items()})


async def test_chunks_are_put_together() -> None:
    assert await read_body(receiving([b"ab", b"", b"cd"]), None, 4) == b"abcd"


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert await read_body(receiving([b"abcd"]), "4", 4) == b"abcd"


async def test_a_body_that_outgrows_the_limit_is_refused_although_it_announced_nothing() -> None:
    with pytest.raises(TooLarge, match="4 bytes"):
        await read_body(receiving([b"abc", b"de"]), None, 4)


@pytest.mark.parametrize("length", ["5", "00005", "9" * 10_000])
async def test_a_body_that_announces_too_much_is_refused_before_it_is_read(length: str) -> None:
    async def receive() -> Any:
        raise AssertionError("nothing may be read")

    with pytest.raises(TooLarge):
        await read_body(receive, length, 4)


@pytest.mark.parametrize("length", ["four", "-1", "+1", "1_0", "²", ""])
async def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(MalformedBody):
        await read_body(receiving([]), length, 4)


async def test_a_client_that_hangs_up_in_the_middle_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(receiving([b"ab"], ends=False), None, 4)


async def test_a_body_that_never_ends_is_given_up() -> None:
    with anyio.fail_after(60), pytest.raises(MalformedBody, match="did not arrive"):
        await read_body(never, None, 4, deadline_s=0.01)


async def test_no_body_is_none_whatever_type_it_claims() -> None:
    assert await read_json_object(receiving([]), headers(content_type="text/plain"), 4) is None


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/problem+json", "Application/JSON; a=b"],
)
async def test_json_by_any_of_its_names_is_read(content_type: str) -> None:
    found = await read_json_object(receiving([b'{"a": 1}']), headers(content_type=content_type), 100)
    assert found == {"a": 1}


@pytest.mark.parametrize(
    "content_type", ["", "text/json", "application/json+x", "text/x+json", "application/json; charset=ascii"]
)
async def test_other_types_are_refused(content_type: str) -> None:
    with pytest.raises(MediaTypeUnsupported):
        await read_json_object(receiving([b"{}"]), headers(content_type=content_type), 100)


async def test_compressed_bodies_are_refused() -> None:
    with pytest.raises(MediaTypeUnsupported, match="Compressed"):
        await read_json_object(
            receiving([b"{}"]), headers(content_type="application/json", content_encoding="gzip"), 100
        )


@pytest.mark.parametrize("raw", [b"[1]", b"1", b"null", b'"x"'])
async def test_json_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedBody, match="not an object"):
        await read_json_object(receiving([raw]), headers(content_type="application/json"), 100)
