"""A tool run on the local registry."""

from jinba_mcp import __version__
from tests.cli.conftest import AddTool, Jinba


def test_a_run_is_recorded_as_the_consoles(greeter: Jinba) -> None:
    made = greeter("tools", "run", "greeting-tools/greet", "name=Alice", "--json").json
    recorded = greeter("runs", "show", made["runId"], "--json").json
    assert {name: recorded[name] for name in made} == made
    assert (recorded["source"], recorded["client"]) == ("console", f"jinba-mcp {__version__}")
    assert (recorded["input"], recorded["logs"]["stdout"]) == ({"name": "Alice"}, ["greeting"])


def test_progress_is_told_beside_the_answer(jinba: Jinba, add_tool: AddTool) -> None:
    code = (
        "from jinba_mcp.authoring import progress\ndef run() -> str:\n    progress(1, 2, 'half')\n    return 'done'\n"
    )
    jinba("toolsets", "push", str(add_tool(code)))
    ended = jinba("tools", "run", "greeting-tools/greet")
    assert (ended.out, ended.err) == ("done\n", "Progress: 1 of 2, half\n")
