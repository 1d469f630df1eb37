"""Examples: one for each body that may be sent, and each is one that is taken."""

import pytest

from jinba_mcp.faces.rest.examples import EXAMPLES
from jinba_mcp.faces.rest.routes import OPERATIONS
from jinba_mcp.faces.rest.wire import In


def test_every_body_has_an_example_and_there_are_no_others() -> None:
    assert EXAMPLES.keys() == {operation.body for operation in OPERATIONS if operation.body is not None}


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_every_example_is_taken(model: type[In]) -> None:
    assert model.read(EXAMPLES[model]) is not None
