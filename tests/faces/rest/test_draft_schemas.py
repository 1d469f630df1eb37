"""What authors send: read as records, and only what was sent."""

from typing import Any

import pytest

from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.faces.rest.draft_schemas import SandboxIn, ToolIn, ToolPatchIn, ToolSetIn, ToolSetPatchIn


def test_a_toolset_is_read_with_its_sandbox_listing_and_tools() -> None:
    given: dict[str, Any] = {
        "slug": "my-tools", "mcpEnabled": True, "sharedWith": ["acme"], "env": [{"key": "A", "secret": True}],
        "sandbox": {"timeout": 5, "processes": 3, "network": "on"}, "tools": [{"slug": "a", "code": "x"}],
    }  # fmt: skip
    source = ToolSetIn.read(given).source()
    assert source.sandbox == Sandbox(timeout_s=5, process_count=3, network="on")
    assert (source.listing.mcp_enabled, source.listing.shared_with) == (True, ("acme",))
    assert source.listing.env[0].secret
    assert [(tool.slug, tool.code, tool.input_schema) for tool in source.tools] == [("a", "x", None)]


def test_changes_are_what_was_sent_and_nothing_else() -> None:
    assert ToolSetPatchIn.read({}).changes() == {}
    assert ToolSetPatchIn.read({"name": "", "tags": []}).changes() == {"name": "", "tags": ()}
    assert ToolSetPatchIn.read({"sandbox": {}}).changes() == {"sandbox": Sandbox()}
    assert ToolPatchIn.read({"inputSchema": None}).changes() == {"input_schema": None}


def test_code_is_counted_in_bytes_and_loses_its_byte_order_mark() -> None:
    assert ToolIn.read({"slug": "a", "code": "\ufeffx"}).source().code == "x"
    assert len(ToolIn.read({"slug": "a", "code": "x" * 512 * 1024}).code) == 512 * 1024
    with pytest.raises(FieldsInvalid, match="512 KB"):
        ToolIn.read({"slug": "a", "code": "é" * 300 * 1024})


def test_the_document_offers_only_sandboxes_that_code_from_here_may_have() -> None:
    described = SandboxIn.model_json_schema()["properties"]["provider"]["anyOf"][0]
    assert described["enum"] == ["local", "docker", "e2b", "daytona"]


@pytest.mark.parametrize(
    ("declared", "is_valid"),
    [
        ({"key": "A", "value": "a"}, True),
        ({"key": "A", "value": "a", "secret": False}, True),
        ({"key": "A", "secret": True}, True),
        ({"key": "A"}, False),
        ({"key": "A", "secret": False}, False),
        ({"key": "A", "value": "a", "secret": True}, False),
        ({"key": "A", "value": "a", "secret": 0}, False),
        ({"key": "A", "value": "\0"}, False),
        ({"key": "a", "value": "a"}, False),
    ],
)
def test_the_document_and_the_server_agree_on_declared_variables(declared: dict[str, Any], is_valid: bool) -> None:  # noqa: FBT001  a row
    assert (Validator(ToolSetPatchIn.model_json_schema()).faults({"env": [declared]}) == []) == is_valid
    try:
        ToolSetPatchIn.read({"env": [declared]})
    except FieldsInvalid:
        assert not is_valid
    else:
        assert is_valid


def test_the_document_lets_nothing_but_slugs_have_prices() -> None:
    validator = Validator(ToolSetPatchIn.model_json_schema())
    assert validator.faults({"prices": {"greet": 5}}) == []
    assert validator.faults({"prices": {"No slug": 5}}) != []


@pytest.mark.parametrize(
    ("network", "is_valid"),
    [("on", True), (False, True), ("maybe", False), (["api.example.com"], True), (["*.a-b.c:443"], True),
     (["a b"], False), (["A.com"], False), (["a" * 64], False), ([".".join(["a" * 60] * 5)], False), ([], False)],
)  # fmt: skip
def test_the_document_and_the_server_agree_on_hosts(network: Any, is_valid: bool) -> None:  # noqa: FBT001  a row
    assert (Validator(SandboxIn.model_json_schema()).faults({"network": network}) == []) == is_valid
    try:
        SandboxIn.read({"network": network})
    except FieldsInvalid:
        assert not is_valid
    else:
        assert is_valid


@pytest.mark.parametrize("hint", [0, 1, "true"])
def test_hints_are_booleans_and_nothing_like_them(hint: object) -> None:
    with pytest.raises(FieldsInvalid):
        ToolPatchIn.read({"annotations": {"readOnlyHint": hint}})  # type: ignore[dict-item]  # any object is the point
