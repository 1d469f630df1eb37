"""The documents about public ToolSets stand apart, and hold nothing that only a key may read."""

from jinba_mcp.client import public_documents
from jinba_mcp.faces.rest.operations import Access
from jinba_mcp.faces.rest.routes import OPERATIONS
from tests.client.test_documents import PAIRS, defined_in


def test_no_route_that_needs_a_key_answers_with_one() -> None:
    guarded = {each.response for each in OPERATIONS if each.access is not Access.NONE}
    documents = defined_in(public_documents)
    assert documents
    assert guarded.isdisjoint(PAIRS[document] for document in documents)
