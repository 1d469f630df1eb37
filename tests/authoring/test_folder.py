"""A ToolSet folder becomes records, or an error that names file, field and fault."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from jinba_mcp.authoring.folder import find_folders, read_folder
from jinba_mcp.domain import toolsets
from jinba_mcp.domain.env import EnvDeclaration
from jinba_mcp.domain.errors import FolderInvalid
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.toolsets import Visibility

CODE = "def run(name: str) -> str:\n    return f'Hello {name}'\n"

# When compiled, each takes 7 MB.
HEAVY_PATTERNS = "inputSchema:\n  prefixItems:\n" + "".join(rf"  - pattern: \pL{{180}}{n}" + "\n" for n in range(99))

Write: TypeAlias = Callable[[dict[str, str | bytes]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes the folder `greeting-tools` of the given files and returns its path."""

    def make(contents: dict[str, str | bytes]) -> Path:
        root = tmp_path / "greeting-tools"
        for name, content in contents.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return make


def minimal(**changes: str | bytes) -> dict[str, str | bytes]:
    return {
        "toolset.yml": changes.get("toolset", b"name: Greetings\n"),
        "tools/greet/tool.yml": changes.get("tool", b"description: Greets.\n"),
        "tools/greet/main.py": changes.get("code", CODE),
    }


def refusal(path: Path) -> str:
    with pytest.raises(FolderInvalid) as caught:
        read_folder(path)
    return caught.value.message


def test_a_full_folder_becomes_records(write: Write) -> None:
    path = write(
        {
            "toolset.yml": """
name: {default: Greetings, ja: 挨拶}
description: Says hello.
language: python
packages: [{name: httpx, version: "0.28.1"}, {name: attrs}]
env: [{key: TOKEN, secret: true}, {key: PORT, value: "80"}]
sandbox: {provider: inprocess, timeout: 5, memory: 128, network: true}
visibility: public
mcpEnabled: true
tags: [text, demo]
""",
            "tools/wave/tool.yml": "name: Wave\n",
            "tools/wave/main.py": CODE,
            "tools/greet/tool.yml": """
name: {ja: 挨拶, en: Greet}
description: {default: Greets one person., ja: 挨拶する}
entrypoint: hello
inputSchema: {type: object, properties: {name: {type: string}}, required: [name]}
outputSchema: {type: object}
annotations: {readOnlyHint: true}
""",
            "tools/greet/main.py": CODE,
        }
    )

    read = read_folder(path)

    assert (read.slug, read.name, read.description, read.language) == (
        "greeting-tools",
        "Greetings",
        "Says hello.",
        "python",
    )
    assert read.packages == (Package(name="httpx", version="0.28.1"), Package(name="attrs"))
    assert read.sandbox == Sandbox(provider="inprocess", timeout_s=5, memory_mb=128, network=True)
    assert read.listing.visibility is Visibility.PUBLIC
    assert read.listing.mcp_enabled
    assert read.listing.tags == ("text", "demo")
    assert read.listing.env == (EnvDeclaration(key="TOKEN", secret=True), EnvDeclaration(key="PORT", value="80"))
    assert [tool.slug for tool in read.tools] == ["greet", "wave"]
    greet, wave = read.tools
    assert (greet.name, greet.description, greet.entrypoint) == ("挨拶", "Greets one person.", "hello")
    assert greet.input_schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    }
    assert greet.output_schema == {"type": "object"}
    assert greet.annotations.readOnlyHint is True
    assert (wave.name, wave.entrypoint, wave.code, wave.input_schema) == ("Wave", "run", CODE, None)


def test_what_is_not_said_has_its_default(write: Write) -> None:
    read = read_folder(write(minimal(toolset=b"description: d\n", tool=b"description: d\n")))

    assert read.name == "greeting-tools"
    assert read.tools[0].name == "greet"
    assert read.listing.visibility is Visibility.PRIVATE
    assert not read.listing.mcp_enabled
    assert read.sandbox == Sandbox()


def test_typescript_reads_main_ts(write: Write) -> None:
    path = write(
        {
            "toolset.yml": "language: typescript\n",
            "tools/greet/tool.yml": "name: Greet\n",
            "tools/greet/main.ts": "export const x = 1;\n",
        }
    )

    assert read_folder(path).tools[0].code == "export const x = 1;\n"


@pytest.mark.parametrize(("word", "network"), [("on", "on"), ("'on'", "on"), ("off", "off"), ("'off'", "off")])
def test_network_may_be_said_in_words(write: Write, word: str, network: str) -> None:
    path = write(minimal(toolset=f"sandbox: {{network: {word}}}\n"))

    assert read_folder(path).sandbox.network == network


def test_hidden_and_cache_directories_are_not_tools(write: Write) -> None:
    files = minimal() | {"tools/.git/x": b"", "tools/__pycache__/x.pyc": b"", "tools/README.md": b""}

    assert [tool.slug for tool in read_folder(write(files)).tools] == ["greet"]


def test_a_folder_without_tools_is_empty(write: Write) -> None:
    assert read_folder(write({"toolset.yml": "name: Empty\n"})).tools == ()


def test_the_reader_never_runs_the_code(write: Write) -> None:
    read_folder(write(minimal(code=b"raise SystemExit('ran')\n")))


@pytest.mark.parametrize(
    ("toolset", "words"),
    [
        ("nmae: x\n", ["greeting-tools/toolset.yml", "'nmae'", "'name'"]),
        ("zzzz: x\n", ["toolset.yml", "'zzzz'", "known are"]),
        ("name: 5\n", ["toolset.yml: name:", "quotes"]),
        ("name: {}\n", ["toolset.yml: name:", "default"]),
        ("name: {default: 5}\n", ["toolset.yml: name:"]),
        ("description: [a]\n", ["toolset.yml: description:"]),
        ("language: ruby\n", ["toolset.yml: language:", "python"]),
        ("visibility: secret\n", ["toolset.yml: visibility:", "private"]),
        ("mcpEnabled: 1\n", ["toolset.yml: mcpEnabled:"]),
        ("tags: [1]\n", ["toolset.yml: tags.0:"]),
        ("tags: text\n", ["toolset.yml: tags:"]),
        ("sandbox: {timout: 5}\n", ["toolset.yml: sandbox:", "'timout'", "'timeout'"]),
        ("sandbox: {timeout: 5000}\n", ["toolset.yml: sandbox: timeout:", "900"]),
        ("sandbox: {memory: 1.5}\n", ["toolset.yml: sandbox: memory:"]),
        ("sandbox: fast\n", ["toolset.yml: sandbox:", "mapping", "text"]),
        ("sandbox: {network: maybe}\n", ["toolset.yml: sandbox: network:"]),
        ("packages: httpx\n", ["toolset.yml: packages:", "list"]),
        ("packages: [httpx]\n", ["toolset.yml: packages.0:", "mapping"]),
        ("packages: [{name: httpx, version: 1.0}]\n", ["toolset.yml: packages.0: version:", "quotes"]),
        ("packages: [{version: '1'}]\n", ["toolset.yml: packages.0: name: required"]),
        ("env: [{key: lower, value: x}]\n", ["toolset.yml: env.0: key:"]),
        ("env: [{key: A}]\n", ["toolset.yml: env.0:", "'A'", "secret: true"]),
        ("env: [{key: A, value: x, secret: true}]\n", ["toolset.yml: env.0:", "a secret has no value"]),
        ("env: [{key: A, value: x}, {key: A, value: y}]\n", ["toolset.yml: env.1: key:", "twice"]),
    ],
)
def test_a_fault_in_toolset_yml_is_named(write: Write, toolset: str, words: list[str]) -> None:
    message = refusal(write(minimal(toolset=toolset)))

    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("inputschema: {}\n", ["tools/greet/tool.yml", "'inputschema'", "'inputSchema'"]),
        ("inputSchema: text\n", ["tools/greet/tool.yml: inputSchema:", "mapping"]),
        ("inputSchema: {type: strnig}\n", ["tools/greet/tool.yml: inputSchema:", "JSON Schema"]),
        ("inputSchema: {type: array}\n", ["tools/greet/tool.yml: inputSchema:", "'object'"]),
        ("inputSchema: {type: object, $ref: 'http://x.test/y'}\n", ["tools/greet/tool.yml: inputSchema:"]),
        (HEAVY_PATTERNS, ["tools/greet/tool.yml: inputSchema:", "share of what a schema's patterns may take"]),
        ("outputSchema: {type: 5}\n", ["tools/greet/tool.yml: outputSchema:"]),
        ("entrypoint: 'no-dash'\n", ["tools/greet/tool.yml: entrypoint:"]),
        ("annotations: {readonly: true}\n", ["tools/greet/tool.yml: annotations:", "'readOnlyHint'"]),
        ("annotations: {readOnlyHint: 'yes'}\n", ["tools/greet/tool.yml: annotations: readOnlyHint:"]),
        ("", ["tools/greet/tool.yml:", "empty"]),
    ],
)
def test_a_fault_in_tool_yml_is_named(write: Write, tool: str, words: list[str]) -> None:
    message = refusal(write(minimal(tool=tool)))

    assert [word for word in words if word not in message] == [], message


def test_a_missing_file_is_named(write: Write) -> None:
    files = minimal()
    del files["tools/greet/main.py"]

    assert refusal(write(files)) == "greeting-tools/tools/greet/main.py: missing."


def test_a_directory_that_is_no_slug_is_an_error(write: Write, tmp_path: Path) -> None:
    assert "tools/Bad_Name" in refusal(write(minimal() | {"tools/Bad_Name/tool.yml": b""}))
    (tmp_path / "Bad ToolSet").mkdir()
    assert "Bad ToolSet" in refusal(tmp_path / "Bad ToolSet")


def test_code_over_its_limit_is_refused(write: Write) -> None:
    assert "main.py: longer than 512 KB" in refusal(write(minimal(code=b"#" * (512 * 1024 + 1))))


def test_yml_over_its_limit_is_refused(write: Write) -> None:
    assert "toolset.yml: longer than 512 KB" in refusal(write(minimal(toolset=b"#" * (512 * 1024 + 1))))


def test_too_many_tools_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolsets, "MAX_TOOLS", 1)
    files = minimal() | {"tools/wave/tool.yml": b"name: W\n", "tools/wave/main.py": CODE}

    assert "more than 1 tools" in refusal(write(files))


@pytest.mark.parametrize("link", ["tools", "tools/greet", "tools/greet/main.py", "toolset.yml"])
def test_symbolic_links_are_refused(write: Write, tmp_path: Path, link: str) -> None:
    path = write(minimal())
    target = tmp_path / "elsewhere"
    (path / link).rename(target)
    (path / link).symlink_to(target)

    message = refusal(path)

    assert "symbolic links" in message
    assert f"greeting-tools/{link}" in message


def test_a_linked_folder_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(write(minimal()))

    assert "symbolic links" in refusal(tmp_path / "linked")


def test_find_folders_lists_toolsets_in_order(tmp_path: Path) -> None:
    for name in ("b-tools", "a-tools", "notes", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("b-tools", "a-tools", ".hidden"):
        (tmp_path / name / "toolset.yml").write_text("name: x\n")

    assert find_folders(tmp_path) == [tmp_path / "a-tools", tmp_path / "b-tools"]
    assert find_folders(tmp_path / "a-tools") == [tmp_path / "a-tools"]


def test_find_folders_misses_a_forgotten_toolset_yml(tmp_path: Path) -> None:
    (tmp_path / "a-tools" / "tools").mkdir(parents=True)

    with pytest.raises(FolderInvalid, match=r"a-tools: has tools/ but no toolset\.yml"):
        find_folders(tmp_path)


def test_find_folders_says_when_the_root_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FolderInvalid, match="missing"):
        find_folders(tmp_path / "nowhere")


def test_a_relative_path_has_its_real_name(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(minimal()))

    assert read_folder(Path(os.curdir)).slug == "greeting-tools"


def test_a_tool_may_have_underscores_and_a_toolset_not(write: Write, tmp_path: Path) -> None:
    path = write(minimal() | {"tools/say_it-now/tool.yml": b"name: Say\n", "tools/say_it-now/main.py": CODE})
    assert [tool.slug for tool in read_folder(path).tools] == ["greet", "say_it-now"]
    (tmp_path / "greeting_tools").mkdir()
    assert "inner hyphens" in refusal(tmp_path / "greeting_tools")
