"""Code is compiled and its module run once; what was used last stays."""

import builtins
import inspect
import linecache
import sys
import threading
import traceback

import pytest

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.sandbox.guest.tools import CodeFault, Tool
from jinba_mcp.sandbox.loading import Library, refused

from .conftest import MakeProgram

COUNTS = """
    import sys
    module = sys.modules[__name__]
    def run() -> dict:
        return {}
"""


def called(tool: Tool) -> object:
    return tool.entrypoint.function()


def test_a_module_runs_once(program: MakeProgram) -> None:
    library = Library(10)

    assert library.get(program(COUNTS)) is library.get(program(COUNTS))


@pytest.mark.parametrize("field", ["digest", "toolset", "tool"])
def test_anything_that_differs_is_loaded_by_itself(program: MakeProgram, field: str) -> None:
    library = Library(10)

    assert library.get(program(COUNTS)) is not library.get(program(COUNTS, **{field: "other"}))


def test_a_draft_that_changed_is_loaded_by_itself(program: MakeProgram) -> None:
    library = Library(10)

    assert library.get(program(COUNTS)) is not library.get(program("def run() -> dict:\n    return {}"))


def test_calls_that_wait_for_the_same_module_run_it_once(program: MakeProgram) -> None:
    library = Library(10)
    code = program(
        """
        import threading
        threads = [threading.get_ident()]
        def run() -> dict:
            return {}
        """
    )
    found: list[Tool] = []
    start = threading.Barrier(4)

    def load() -> None:
        start.wait(60)
        found.append(library.get(code))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == 4
    assert len({id(tool) for tool in found}) == 1


def test_the_tool_used_longest_ago_is_forgotten(program: MakeProgram) -> None:
    library = Library(2)
    programs = [program(COUNTS, tool=name) for name in ("a", "b", "c")]
    first, second = library.get(programs[0]), library.get(programs[1])
    assert library.get(programs[0]) is first

    library.get(programs[2])

    assert library.get(programs[0]) is first
    assert second.source.filename not in linecache.cache
    assert second.entrypoint.function.__module__ not in sys.modules
    assert library.get(programs[1]) is not second
    library.clear()


def test_clearing_leaves_nothing_behind(program: MakeProgram) -> None:
    library = Library(2)
    tool = library.get(program(COUNTS))
    assert tool.source.filename in linecache.cache
    assert tool.entrypoint.function.__module__ in sys.modules

    library.clear()

    assert tool.source.filename not in linecache.cache
    assert tool.entrypoint.function.__module__ not in sys.modules


def test_discarding_a_bundle_leaves_the_others(program: MakeProgram) -> None:
    library = Library(5)
    tools = [library.get(program(COUNTS, digest=digest, tool=tool)) for digest in ("a", "b") for tool in ("x", "y")]

    library.discard("a")

    assert [tool.source.filename in linecache.cache for tool in tools] == [False, False, True, True]
    assert library.get(program(COUNTS, digest="b", tool="y")) is tools[3]
    assert library.get(program(COUNTS, digest="a", tool="y")) is not tools[1]
    library.clear()


def test_a_tool_that_is_discarded_while_it_loads_leaves_nothing_behind(program: MakeProgram) -> None:
    library = Library(5)
    builtins.library = library  # type: ignore[attr-defined]  # how a test reaches into a tool's module
    try:
        tool = library.get(program("library.discard('sha256:1')\ndef run() -> dict:\n    return {'ok': True}"))
    finally:
        del builtins.library  # type: ignore[attr-defined]  # as above

    assert called(tool) == {"ok": True}
    assert tool.source.filename not in linecache.cache
    assert tool.source.module not in sys.modules


def test_a_failure_leaves_nothing_behind_and_is_tried_again(program: MakeProgram) -> None:
    library = Library(2)
    modules, lines = set(sys.modules), set(linecache.cache)
    for _ in range(2):
        with pytest.raises(ToolCodeInvalid):
            library.get(program("raise ValueError('not today')"))

    assert set(sys.modules) == modules
    assert not [name for name in set(linecache.cache) - lines if "greeting-tools" in name]


def test_any_traceback_shows_the_tools_own_lines(program: MakeProgram) -> None:
    library = Library(2)
    tool = library.get(program("def run() -> dict:\n    return 1 / 0  # here\n"))

    with pytest.raises(ZeroDivisionError) as caught:
        called(tool)

    text = "".join(traceback.format_exception(caught.value))
    assert "greeting-tools/greet/main.py" in text
    assert "return 1 / 0  # here" in text
    assert inspect.getsource(tool.entrypoint.function) == "def run() -> dict:\n    return 1 / 0  # here\n"
    library.clear()


def test_string_annotations_of_models_and_dataclasses_work(program: MakeProgram) -> None:
    library = Library(2)
    tool = library.get(
        program(
            """
            from __future__ import annotations
            from dataclasses import dataclass, field
            from pydantic import BaseModel

            @dataclass
            class Part:
                next: Part | None = None
                names: list[str] = field(default_factory=list)

            class Input(BaseModel):
                part: Part
                others: list[Input] = []

            def run(input: Input) -> dict:
                return {}
            """
        )
    )

    args, _ = tool.entrypoint.binding.bind({"part": {"next": {"names": ["a"]}}, "others": []})
    assert args[0].part.next.names == ["a"]
    library.clear()


def test_the_tools_code_does_not_inherit_our_future(program: MakeProgram) -> None:
    library = Library(2)
    tool = library.get(program("def run(n: int) -> dict:\n    return {}"))

    assert tool.entrypoint.function.__annotations__["n"] is int
    library.clear()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\ndef run(:\n  pass", "greeting-tools/greet/main.py line 2, column 9: SyntaxError: "),
        ("def run():\n\treturn 1\n        return 2", "greeting-tools/greet/main.py line 3, column 1: TabError: "),
        ("\n\nraise ValueError('no')", "greeting-tools/greet/main.py line 3, column 1: ValueError: no."),
        ("raise SystemExit(2)", "greeting-tools/greet/main.py line 1, column 1: SystemExit: 2."),
        ("import nowhere_to_be.found", "line 1, column 1: ModuleNotFoundError: No module named 'nowhere_to_be'."),
        ("import nowhere_to_be.found", "Install the package that brings 'nowhere_to_be'"),
        ("from json import nothing", "line 1, column 1: ImportError: cannot import name 'nothing'"),
        ("import json\njson.loads('{')", "line 2, column 1: JSONDecodeError"),
        ("x = '\0'", "greeting-tools/greet/main.py"),
        ("x = '\ud800'", "UnicodeEncodeError"),
        ("x = 1", "There is no function 'run'"),
    ],
)
def test_code_that_does_not_load_says_where_and_why(program: MakeProgram, code: str, message: str) -> None:
    broken = program("x = 1").model_copy(update={"code": code})

    with pytest.raises(ToolCodeInvalid) as caught:
        Library(2).get(broken)

    assert message in caught.value.message


def test_the_details_say_where() -> None:
    assert refused(CodeFault("no", 3, 5)).details == {"line": 3, "column": 5}
    assert refused(CodeFault("no", 3)).details == {"line": 3}
    assert refused(CodeFault("no")).details == {}
