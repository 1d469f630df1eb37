"""The client has a call for every route that a key may use, which takes its every filter and reads its answer."""

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from jinba_mcp.client import AsyncJinba, Jinba
from jinba_mcp.client.calls import Call, Page
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.routes import OPERATIONS
from tests.client.test_documents import PAIRS

Describe = Callable[..., Call[Any]]

LEFT_OUT = {
    "runs_call_public_short": "another address of runs_call_public",
    "credits_change": "the operator's, who has the machine and no key",
    "service_document": "for tools that read OpenAPI documents",
    "service_alive": "for probes",
    "service_ready": "for probes",
    "service_errors": "for people",
    "service_counts": "for whatever gathers metrics",
}
FOR_BROWSERS = "/v1/auth/"
"""Signing up and in, which end in a session's cookie, and what only a session may do."""
OTHERWISE: dict[str, dict[str, Any]] = {"run": {"is_public": True}, "toolsets.load": {"slug": "word"}}
"""What leads the calls that have two routes to their second."""
SAMPLES: dict[Any, Any] = {str: "word", int: 1, bool: True, bytes: b"PK", datetime: datetime(2026, 1, 31, tzinfo=UTC)}


def described(client: type[Any], nouns: type[Any]) -> dict[str, Describe]:
    """Every function that describes a call, by the name of the client's method that makes it."""
    waits = (Later, EachLater, Now, EachNow)
    groups = {"": client, **{f"{name}.": type(noun) for name, noun in vars(client("http://jinba.test")).items()}}
    return {
        group + name: method._describe
        for group, kind in groups.items()
        if kind is client or issubclass(kind, nouns)
        for name, method in vars(kind).items()
        if isinstance(method, waits)
    }


METHODS = described(AsyncJinba, AsyncNoun)


def arguments(describe: Describe, *, all_of_them: bool) -> dict[str, Any]:
    """Something for each parameter of a call, or for each that must be given."""
    hints = get_type_hints(describe)
    return {
        name: sample(hints[name])
        for name, parameter in inspect.signature(describe).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
        and (parameter.default is parameter.empty or (all_of_them and name != "is_public"))
    }


def sample(hint: Any) -> Any:
    """A value of the type, which may be a union or a literal."""
    known = [SAMPLES[each] for each in (hint, *get_args(hint)) if each in SAMPLES]
    return known[0] if known else {} if "Mapping" in str(hint) else ["word"] if "Sequence" in str(hint) else "word"


def route_of(call: Call[Any]) -> Operation:
    """The row of the URL table that answers a call, which is the first that fits, as for the router."""
    target = call.target("acme")
    for operation in OPERATIONS:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path))
        if operation.method == call.method and re.fullmatch(pattern, target):
            return operation
    raise AssertionError(f"no route answers {call.method} {target}")


def calls() -> Iterator[tuple[str, Call[Any]]]:
    """Each call with only what it needs, and with all that it takes."""
    for name, describe in METHODS.items():
        needed, everything = (arguments(describe, all_of_them=each) for each in (False, True))
        if name in OTHERWISE:
            yield name, describe(**{**everything, **OTHERWISE[name]})
            everything.pop("slug", None)
        yield name, describe(**needed)
        yield name, describe(**everything)


def test_every_route_that_a_key_may_use_has_a_call() -> None:
    of_keys = {each.name for each in OPERATIONS if not each.path.startswith(FOR_BROWSERS)}
    assert {route_of(call).name for _, call in calls()} == of_keys - LEFT_OUT.keys()
    assert LEFT_OUT.keys() <= of_keys


def test_what_is_left_to_browsers_no_key_may_use() -> None:
    assert {each.access for each in OPERATIONS if each.path.startswith(FOR_BROWSERS)} == {Access.NONE, Access.SESSION}


def test_both_clients_have_the_same_calls() -> None:
    assert described(Jinba, Noun) == METHODS


@pytest.mark.parametrize("name", METHODS)
def test_a_call_takes_every_filter_of_its_route(name: str) -> None:
    call = METHODS[name](**arguments(METHODS[name], all_of_them=True))
    route = route_of(call)
    known = {field.alias or field_name for field_name, field in route.query.model_fields.items()}
    if call.method == "POST" and "version" in known:
        known.remove("version")  # It is sent in the body.
    if name in ("audit.list", "audit.page"):
        known.remove("format")  # That is `audit.export`.
    if name == "audit.export":
        known.remove("limit")  # It is all of it.
    assert set(call.query) - {"cursor"} == known - {"cursor"}


@pytest.mark.parametrize("name", METHODS)
def test_a_call_reads_what_its_route_answers(name: str) -> None:
    describe = METHODS[name]
    route = route_of(describe(**arguments(describe, all_of_them=False)))
    (answer,) = get_args(get_type_hints(describe)["return"])
    if answer is bytes or get_origin(answer) is dict:
        return
    if answer is NoneType:
        assert route.status == 204
        return
    assert route.response is not None
    if get_origin(answer) is Page:
        (document,) = get_args(answer)
        assert get_args(route.response.model_fields["data"].annotation) == (PAIRS[document],)
    else:
        assert route.response is PAIRS[answer]
