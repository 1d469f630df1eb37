"""Whatever the short way makes of a result is what the SDK makes of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types.methods import serialize_server_result
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from jinba_mcp.faces.mcp.shaping import shaped

VERSIONS = [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
blocks = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, st.text()),
    st.just({"type": "text", "text": "x", "annotations": {"priority": 0.5, "other": 1}}),
    st.just({"type": "image", "data": "AAAA", "mimeType": "image/png", "unknown": None}),
    st.just({"type": "smell"}),
    st.just({"type": "text", "text": 1}),
)
results = st.fixed_dictionaries(
    {
        "resultType": st.just("complete"),
        "content": st.lists(blocks, max_size=2),
        "isError": st.booleans(),
        "_meta": st.dictionaries(
            st.sampled_from(["jinba-mcp/runId", "jinba-mcp/warnings"]), st.text() | st.just(["a"])
        ),
    },
    optional={"structuredContent": st.dictionaries(st.text(), values, max_size=3) | st.lists(values, max_size=2)},
)


@pytest.mark.parametrize("version", VERSIONS)
@given(result=results)
def test_it_is_what_the_sdk_makes_of_it(version: str, result: dict[str, Any]) -> None:
    try:
        expected = serialize_server_result("tools/call", version, result)
    except ValidationError:
        with pytest.raises(ValidationError):
            shaped(result, version)
    else:
        found = shaped(result, version)
        assert (found, list(found)) == (expected, list(expected))
