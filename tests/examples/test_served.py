"""Every example does what it says against a real server: by README's command, in a process of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from jinba_mcp.domain.mcp_config import KEY_PLACEHOLDER
from tests.clients import serving
from tests.examples import programs
from tests.examples.test_refusals import NEEDS_CURL, said_at_exit

pytestmark = pytest.mark.slow

DEADLINE_S = 120
WRONG_KEY = "jtb_" + "0" * 49
URL_IN_FILES = "http://127.0.0.1:8700"


@dataclass(frozen=True)
class Served:
    """A running server with the shipped ToolSets and my-tools, and what pushing the latter said."""

    registry: serving.Registry
    key: str
    pushed: str

    @property
    def environment(self) -> dict[str, str]:
        return {**self.registry.environment, "JINBA_URL": self.registry.url, "JINBA_API_KEY": self.key}

    def runs(self, **filters: str) -> list[Any]:
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return list(self.registry.ask(self.key, f"/orgs/default/runs?{query}")["data"])

    def call(self, tool: str, **arguments: Any) -> Any:
        return self.registry.ask(
            self.key, f"/orgs/default/toolsets/my-tools/tools/{tool}/run", method="POST", body=arguments
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("registry")
    with serving.served(folder / "data", programs.FOLDER.parent / "toolsets") as registry:
        pushed = programs.run(programs.command("my-tools"), registry.environment)
        yield Served(registry, registry.issue_key("read", "execute"), pushed.stdout + pushed.stderr)


@pytest.fixture
def here(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The server, with the variables of the examples set in this process."""
    monkeypatch.setenv("JINBA_URL", served.registry.url + "/")
    monkeypatch.setenv("JINBA_API_KEY", served.key)
    return served


def lines_of(file: str, served: Served) -> list[str]:
    """What the example says when all is well."""
    ended = programs.run(programs.command(file), served.environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_mcp_client_shows_tools_an_answer_an_error_and_progress(served: Served) -> None:
    lines = lines_of("mcp_client.py", served)
    assert lines[0].startswith(f"Connected to {served.registry.url}, speaking MCP 2026-07-28.")
    assert {"  greeting-tools__greet", "  my-tools__swatch", "  time-tools__now"} <= set(lines)
    assert "A call, and its structured content: {'message': 'Hello, Alice!'}" in lines
    (refused,) = (line for line in lines if line.startswith("A wrong call"))
    assert "is_error is True" in refused
    assert '"name" is a required property' in refused
    shown = lines.index("A call that says how far it is:")
    assert lines[shown + 1 :] == [
        "  10000 of 50000: 1229 so far",
        "  20000 of 50000: 2262 so far",
        "  30000 of 50000: 3245 so far",
        "  40000 of 50000: 4203 so far",
        "  {'count': 5133, 'largest': 49999}",
    ]


def test_the_rest_client_shows_an_answer_its_record_and_a_problem(served: Served) -> None:
    answer, record, problem = lines_of("rest_client.py", served)
    assert answer == "The tool answered: {'message': 'Hello, Alice!'}"
    assert any(f"It is on record as {run['runId']}: success at " in record for run in served.runs(source="rest"))
    assert problem.startswith("A wrong call is refused with arguments.invalid: The arguments do not fit")


def test_the_python_client_shows_an_answer_the_latest_run_and_an_error(served: Served) -> None:
    answer, latest, error = lines_of("python_client.py", served)
    assert answer == "The tool answered: {'message': 'Hello, Alice!'}"
    shown = [run["runId"] for run in served.runs(source="rest") if run["client"] == "jinba-mcp-client"]
    assert any(latest == f"The latest run of that ToolSet is {run_id}: success, by key 'test'." for run_id in shown)
    assert error.startswith("A wrong call is refused with arguments.invalid: The arguments do not fit")


def test_the_python_client_with_a_wrong_key_says_what_the_server_says(served: Served) -> None:
    environment = {**served.environment, "JINBA_API_KEY": WRONG_KEY}
    ended = programs.run(programs.command("python_client.py"), environment)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "This is not a Jinba key: the checksum does not fit. Was it copied whole?\n"


@NEEDS_CURL
def test_the_shell_script_shows_an_answer_and_finds_it_on_record(served: Served) -> None:
    first, answer, second, listed = lines_of("rest.sh", served)
    made = json.loads(answer)
    assert (first, second) == ("A run:", "The latest two runs of that ToolSet:")
    assert made["output"] == {"message": "Hello, Alice!"}
    assert json.loads(listed)["data"][0]["runId"] == made["runId"]


def test_the_stdio_client_calls_the_local_registry(served: Served) -> None:
    before = served.runs(source="stdio")
    lines = lines_of("stdio_client.py", served)
    assert lines[0].endswith("jinba-mcp, speaking MCP 2026-07-28. Its tools:")
    assert lines[1:] == ["  greet: Greet someone", "The tool answered: {'message': 'Bonjour, Alice !'}"]
    assert [run["input"] for run in served.runs(source="stdio")[: -len(before) or None]] == [
        {"name": "Alice", "language": "fr"}
    ]


@pytest.mark.parametrize("file", ["mcp_client.py", "rest_client.py"])
def test_a_program_with_a_wrong_key_says_what_the_server_says(
    file: str, here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_API_KEY", WRONG_KEY)
    said = str(said_at_exit(file))
    assert said.startswith(f"{here.registry.url} refused")
    assert "This is not a Jinba key" in said


@pytest.mark.parametrize("file", ["mcp_client.py", "rest_client.py"])
def test_a_program_at_a_wrong_address_does_not_end_in_a_traceback(
    file: str, here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_URL", f"{here.registry.url}/elsewhere")
    assert str(said_at_exit(file)).startswith(f"{here.registry.url}/elsewhere refused")


@NEEDS_CURL
def test_the_shell_script_with_a_wrong_key_shows_the_problem_and_fails(served: Served) -> None:
    ended = programs.run(programs.command("rest.sh"), {**served.environment, "JINBA_API_KEY": WRONG_KEY})
    assert ended.returncode == 1
    assert json.loads(ended.stdout.splitlines()[1])["code"] == "key.malformed"
    assert ended.stderr == f"{served.registry.url} refused; what it said stands above.\n"


def test_the_stdio_client_with_a_wrong_key_says_so_and_fails(served: Served) -> None:
    ended = programs.run(programs.command("stdio_client.py"), {**served.environment, "JINBA_API_KEY": WRONG_KEY})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        "Error: This is not a Jinba key: the checksum does not fit. Was it copied whole?",
        "jinba-mcp stdio did not answer; it says why above.",
    ]


def test_a_key_that_may_not_use_my_tools_gets_a_hint_in_place_of_progress(
    here: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    narrowed = here.registry.run("keys", "create", "--name", "narrow", "--toolset", "greeting-tools")["key"]
    monkeypatch.setenv("JINBA_API_KEY", narrowed)
    assert said_at_exit("mcp_client.py") is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["  greeting-tools__greet", "A call, and its structured content: {'message': 'Hello, Alice!'}"]
    assert "jinba-mcp toolsets push examples/my-tools" in lines[-1]


def test_my_tools_is_pushed_by_the_command_in_the_readme(served: Served) -> None:
    assert served.pushed == "my-tools: new, 1.0.0 (active)\n"


def test_the_tools_of_my_tools_give_plain_data_and_a_picture(served: Served) -> None:
    assert served.call("add", a=2)["output"] == {"sum": 3}
    assert served.call("find-primes", limit=1)["output"] == {"count": 0, "largest": None}
    swatch = served.call("swatch", colour="#3366cc")
    assert swatch["output"] == {"red": 51, "green": 102, "blue": 204}
    assert [(block["type"], block.get("mimeType")) for block in swatch["content"]] == [
        ("text", None),
        ("image", "image/png"),
    ]


def test_the_readmes_run_of_my_tools_answers_what_it_says(served: Served) -> None:
    assert served.registry.run("tools", "run", "my-tools/add", "a=2", "b=3")["output"] == {"sum": 5}


@pytest.mark.parametrize("file", ["cursor_mcp.json", "vscode_mcp.json"])
def test_a_printed_configuration_is_the_one_in_the_file(file: str, served: Served) -> None:
    ended = programs.run(programs.command(file), served.registry.environment)
    assert json.loads(ended.stdout) == programs.configuration(file)


def test_the_printed_configuration_for_claude_desktop_has_the_whole_path_of_the_command(served: Served) -> None:
    ended = programs.run(programs.command("claude_desktop_config.json"), served.registry.environment)
    expected = programs.configuration("claude_desktop_config.json")
    expected["mcpServers"]["jinba"]["command"] = serving.COMMAND
    assert json.loads(ended.stdout) == expected


def entry(file: str, served: Served) -> dict[str, Any]:
    """The one server in a configuration file, with a real address and key in place of the written ones."""
    written = json.dumps(programs.configuration(file))
    real = written.replace(URL_IN_FILES, served.registry.url).replace(KEY_PLACEHOLDER, served.key)
    ((_, servers),) = json.loads(real).items()
    return dict(servers["jinba"])


async def greeting(client: Client) -> object:
    return (await client.call_tool("greeting-tools__greet", {"name": "Alice"})).structured_content


@pytest.mark.parametrize("file", ["claude_desktop_config.json", "stdio_mcp.json"])
async def test_what_a_stdio_configuration_starts_serves_the_tools(file: str, served: Served) -> None:
    server = entry(file, served)
    data_dir = served.registry.environment["JINBA_DATA_DIR"]
    environment = {"PATH": programs.PROGRAMS, "JINBA_DATA_DIR": data_dir, **server.get("env", {})}
    process = StdioServerParameters(command=server["command"], args=server["args"], env=environment)
    with anyio.fail_after(DEADLINE_S):
        async with Client(process) as client:
            assert await greeting(client) == {"message": "Hello, Alice!"}


@pytest.mark.parametrize("file", ["cursor_mcp.json", "vscode_mcp.json"])
async def test_what_an_http_configuration_names_serves_the_tools(file: str, served: Served) -> None:
    server = entry(file, served)
    with anyio.fail_after(DEADLINE_S):
        async with (
            httpx2.AsyncClient(headers=server["headers"], timeout=DEADLINE_S) as http,
            Client(streamable_http_client(server["url"], http_client=http)) as client,
        ):
            assert await greeting(client) == {"message": "Hello, Alice!"}
