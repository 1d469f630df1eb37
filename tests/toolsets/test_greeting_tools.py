"""The ToolSet that a newcomer tries first."""

import pytest

from tests.toolsets.running import ArgumentsRefused, RunTool


async def test_greet_answers_the_example_of_the_documentation(run_tool: RunTool) -> None:
    assert await run_tool("greeting-tools", "greet", name="Alice") == {"message": "Hello, Alice!"}


async def test_greet_speaks_other_languages_and_takes_braces_for_text(run_tool: RunTool) -> None:
    assert await run_tool("greeting-tools", "greet", name=" 花子 ", language="ja") == {
        "message": "こんにちは、花子さん!"
    }
    assert await run_tool("greeting-tools", "greet", name="{0.__class__}") == {"message": "Hello, {0.__class__}!"}


@pytest.mark.parametrize(
    "arguments", [{}, {"name": ""}, {"name": "a" * 101}, {"name": 7}, {"name": "A", "language": "xx"}]
)
async def test_greet_refuses_what_is_no_name(run_tool: RunTool, arguments: dict[str, object]) -> None:
    with pytest.raises(ArgumentsRefused):
        await run_tool("greeting-tools", "greet", **arguments)
