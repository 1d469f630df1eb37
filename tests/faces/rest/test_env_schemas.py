"""The wire forms of environment variables."""

from datetime import UTC, datetime

from jinba_mcp.domain.env import Variable
from jinba_mcp.domain.ids import ToolSetId
from jinba_mcp.faces.rest.env_schemas import env_out

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_plain_value_is_shown_and_a_sealed_one_is_not() -> None:
    plain = Variable(toolset_id=ToolSetId("ts_1"), key="A", value="1", updated_at=NOON)
    sealed = Variable(toolset_id=ToolSetId("ts_1"), key="B", sealed="AAAA", updated_at=NOON)
    assert (env_out(plain).value, env_out(plain).secret) == ("1", False)
    assert (env_out(sealed).value, env_out(sealed).secret) == (None, True)
    assert "AAAA" not in env_out(sealed).model_dump_json()
