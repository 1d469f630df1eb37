"""The rows of the URL table that are about webhooks."""

import pytest

from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.routes import OPERATIONS
from jinba_mcp.faces.rest.webhook_routes import WEBHOOKS
from jinba_mcp.faces.rest.webhook_schemas import IssuedWebhookOut


def test_every_row_is_in_the_table_once() -> None:
    assert [each for each in WEBHOOKS if OPERATIONS.count(each) != 1] == []


@pytest.mark.parametrize("operation", WEBHOOKS, ids=lambda operation: operation.name)
def test_reading_needs_read_and_all_else_write(operation: Operation) -> None:
    assert operation.access is (Access.READ if operation.method == "GET" else Access.WRITE)


def test_a_secret_is_answered_at_creation_and_rotation_only() -> None:
    showing = {each.name for each in WEBHOOKS if each.response is IssuedWebhookOut}
    assert showing == {"webhooks_create", "webhooks_rotate"}
