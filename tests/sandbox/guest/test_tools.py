"""A tool is loaded and called: JSON in, JSON out, and never an exception."""

import asyncio
import json
import linecache
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.authoring import progress
from jinba_mcp.sandbox import guest
from jinba_mcp.sandbox.guest import tools
from jinba_mcp.sandbox.guest.describe import Fields
from jinba_mcp.sandbox.guest.tools import CodeFault, Tool

SHOWN = "greeting-tools/greet/main.py"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    yield
    sys.modules.pop("jinba_tool_0", None)


def loaded(code: str) -> Tool:
    return tools.load(textwrap.dedent(code), shown=SHOWN, entrypoint="run")


def answered(code: str, arguments: object = None, max_bytes: int = MIB) -> dict[str, Any]:
    raw = loaded(code).call(json.dumps({} if arguments is None else arguments).encode(), max_bytes)
    answer = json.loads(raw)
    assert isinstance(answer, dict)
    return answer


def error(code: str, arguments: object = None) -> dict[str, Any]:
    answer = answered(code, arguments)
    assert answer["ok"] is False
    assert isinstance(answer["error"], dict)
    return answer["error"]


def test_a_plain_tool_is_called() -> None:
    code = "def run(a: int, b: int = 2, *, c: list[str] = []) -> dict:\n    return {'sum': a + b, 'c': c + ['é']}"

    assert answered(code, {"a": 1}) == {"ok": True, "output": {"sum": 3, "c": ["é"]}, "content": None}


def test_a_tool_with_models_is_called_and_described() -> None:
    tool = loaded(
        """
        from __future__ import annotations
        from pydantic import BaseModel, Field
        class Input(BaseModel):
            first_name: str = Field(alias="firstName")
        class Output(BaseModel):
            shouted: str = Field(serialization_alias="shoutedName")
        def run(input: Input) -> Output:
            "Shouts."
            return Output(shouted=input.first_name.upper())
        """
    )

    said = tool.describe()

    assert json.loads(tool.call(b'{"firstName":"a"}', MIB))["output"] == {"shoutedName": "A"}
    assert (said["description"], list(said["input_schema"]["properties"])) == ("Shouts.", ["firstName"])
    assert said["output_schema"] is not None
    assert said["output_schema"]["required"] == ["shoutedName"]


def test_an_async_tool_is_run_to_its_end() -> None:
    assert answered("import asyncio\nasync def run() -> int:\n    await asyncio.sleep(0)\n    return 1")["output"] == 1


def test_compiled_code_is_loaded_without_its_text_being_read_again() -> None:
    code = "def run() -> str:\n    return 1 / 0"

    tool = tools.load(code, shown=SHOWN, entrypoint="run", compiled=tools.compiled(code, SHOWN))

    fault = json.loads(tool.call(b"{}", MIB))["error"]
    assert fault["traceback"] == (
        f'Traceback (most recent call last):\n  File "{SHOWN}", line 2, in run\n    return 1 / 0\n'
        "ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize("code", ["def run(:\n  pass", "x = '\0'", "x = '\ud800'", "(" * 10_000])
def test_code_that_is_not_python_is_not_compiled(code: str) -> None:
    with pytest.raises(CodeFault, match=SHOWN):
        tools.compiled(code, SHOWN)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def run(:", f"{SHOWN} line 1, column 9: SyntaxError: "),
        ("raise SystemExit(3)", f"{SHOWN} line 1, column 1: SystemExit: 3."),
        ("raise KeyboardInterrupt", f"{SHOWN} line 1, column 1: KeyboardInterrupt: ."),
        ("def f(): f()\nf()", "RecursionError"),
        ("class E(BaseException):\n    def __str__(self): raise SystemExit\nraise E", "its message cannot be read"),
        ("x = 1", "There is no function 'run'"),
    ],
)
def test_code_that_does_not_load_is_a_fault_and_leaves_nothing_behind(code: str, message: str) -> None:
    with pytest.raises(CodeFault) as caught:
        loaded(code)

    assert message in caught.value.message
    assert "jinba_tool_0" not in sys.modules


def test_types_that_refuse_to_be_described_are_a_fault() -> None:
    tool = loaded(
        """
        from pydantic import BaseModel
        class Input(BaseModel):
            @classmethod
            def __get_pydantic_json_schema__(cls, schema, handler):
                raise SystemExit(1)
        def run(input: Input) -> dict:
            return {}
        """
    )

    with pytest.raises(CodeFault, match="SystemExit: 1"):
        tool.describe()


HOSTILE = {
    "an exit": "raise SystemExit(3)",
    "an interrupt": "raise KeyboardInterrupt",
    "a generator's exit": "raise GeneratorExit",
    "no end of calls": "return run()",
    "no memory": "raise MemoryError",
    "an error without words": """
        class E(BaseException):
            def __str__(self):
                raise KeyboardInterrupt
        raise E
    """,
    "an error with false words": """
        class Words(str):
            def encode(self, *args, **kwargs):
                raise SystemExit
            def __len__(self):
                return -1
        class E(Exception):
            def __str__(self):
                return Words("x" * 10_000)
        raise E
    """,
    "an error whose class has no name": """
        class Meta(type):
            __name__ = property(lambda cls: 1 / 0)
        class E(Exception, metaclass=Meta):
            __traceback__ = property(lambda self: 1 / 0)
        raise E
    """,
    "an error that looks like pydantic's": """
        from pydantic_core import ValidationError
        import pydantic_core
        class E(Exception):
            def errors(self, **options):
                raise SystemExit
        pydantic_core.ValidationError = E
        raise E
    """,
    "a result that lies about its class": """
        class R:
            @property
            def __class__(self):
                raise SystemExit
        return R()
    """,
    "a result of a class that cannot be hashed": """
        class Meta(type):
            def __hash__(cls):
                raise SystemExit
        class R(metaclass=Meta):
            pass
        return [R()]
    """,
    "a result that never ends": """
        import itertools
        return itertools.count()
    """,
    "a result that contains itself": """
        r = []
        r.extend([r, r])
        return r
    """,
    "a result that is deep": """
        r = []
        for _ in range(100_000):
            r = [r]
        return r
    """,
    "an awaitable that is none": """
        class R:
            def __await__(self):
                raise SystemExit
        return R()
    """,
    "no room for calls": """
        import sys
        sys.setrecursionlimit(sys.getrecursionlimit() // 2)
        raise ValueError
    """,
    "no modules": """
        import sys
        sys.modules = None
        raise ValueError
    """,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_whatever_a_tool_does_is_an_answer(kind: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pydantic_core  # noqa: PLC0415  one of the tools replaces what it holds

    monkeypatch.setattr(pydantic_core, "ValidationError", pydantic_core.ValidationError)
    modules, depth = sys.modules, sys.getrecursionlimit()
    body = textwrap.indent(textwrap.dedent(body), "    ")
    if kind == "async def":
        body = body.replace("return run()", "return await run()")
    tool = loaded(f"{kind} run():\n{body}")
    try:
        answer = json.loads(tool.call(b"{}", MIB))
    finally:
        sys.modules = modules
        sys.setrecursionlimit(depth)

    assert answer["ok"] is False
    assert answer["error"].keys() == {"name", "message", "traceback"}


def test_a_tool_that_replaces_json_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dumps", "loads", "JSONEncoder", "JSONDecoder"):
        monkeypatch.setattr(json, name, getattr(json, name))
    tool = loaded(
        """
        import json
        json.dumps = json.loads = json.JSONEncoder = json.JSONDecoder = None
        def run(a: int) -> dict:
            return {"a": a}
        """
    )

    raw = tool.call(b'{"a":1}', MIB)

    assert raw == b'{"ok":true,"output":{"a":1},"content":null}'


@pytest.mark.parametrize("arguments", [b"", b"[1]", b"nonsense", b"\xff", b"1" * 5000, b"[" * 100_000])
def test_whatever_comes_as_arguments_is_an_answer(arguments: bytes) -> None:
    answer = json.loads(loaded("def run(a: int = 1) -> dict:\n    return {}").call(arguments, MIB))

    assert answer["ok"] is False


def test_arguments_that_do_not_fit_are_named() -> None:
    said = error("def run(n: int) -> dict:\n    return {}", {"n": "x", "m": 1})

    assert said["name"] == "ValidationError"
    assert said["message"].startswith("The arguments do not fit: n: Input should be a valid integer")
    assert "m: Extra inputs are not permitted" in said["message"]
    assert said["traceback"] is None


def test_a_validator_of_the_tool_may_fail_in_its_own_way() -> None:
    code = """
        from typing import Annotated
        from pydantic import AfterValidator
        def check(value):
            raise KeyError(value)
        def run(n: Annotated[int, AfterValidator(check)]) -> dict:
            return {}
    """

    assert error(code, {"n": 1})["name"] == "KeyError"


@pytest.mark.parametrize(
    ("result", "name"),
    [("object()", "OutputInvalid"), ("float('nan')", "OutputInvalid"), ("'x' * 2_000_000", "OutputLimit")],
)
def test_a_result_that_cannot_be_used_is_an_error(result: str, name: str) -> None:
    assert error(f"def run() -> dict:\n    return {result}")["name"] == name


def test_rich_content_comes_as_blocks() -> None:
    code = (
        "from jinba_mcp.authoring import Image\ndef run() -> list[Image | str]:\n    return ['a', Image(data=b'png')]"
    )
    blocks = [{"type": "text", "text": "a"}, {"type": "image", "data": "cG5n", "mimeType": "image/png"}]

    assert answered(code) == {"ok": True, "output": blocks, "content": blocks}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.just(10**4000)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "1"]), inner, max_size=3),
    max_leaves=6,
)
TYPES = ["str", "int", "float | None", "bool", "list[int]", "dict[str, float]", "list", "dict | None", "Any"]


@given(
    accepts=st.sampled_from(TYPES),
    returns=st.sampled_from(TYPES),
    arguments=st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON),
)
def test_the_short_way_and_pydantics_give_the_same_answer(
    accepts: str, returns: str, arguments: dict[str, Any]
) -> None:
    code = f"from typing import Any\ndef run(a: {accepts}, b: {accepts} = None) -> {returns}:\n    return a"
    short, long = loaded(code), loaded(code)
    assert isinstance(long.entrypoint.binding, Fields)
    long.entrypoint.binding._readers = None
    if long.entrypoint.promise is not None:
        long.entrypoint.promise._reader = None

    answers = [tool.call(json.dumps(arguments).encode(), 4500) for tool in (short, long)]

    assert answers[0] == answers[1]


def test_an_error_that_lies_about_its_class_is_an_answer() -> None:
    # Not as a coroutine: asyncio waits for ever for a task that fails like this, and the time limit ends it.
    assert (
        error("class E(Exception):\n    __class__ = property(lambda self: 1 / 0)\ndef run():\n    raise E")["name"]
        == "E"
    )


def test_an_error_that_cannot_be_told_is_still_an_answer_in_parts() -> None:
    tool = loaded("class E(Exception):\n    __traceback__ = property(lambda self: 1 / 0)\ndef run():\n    raise E")

    answer = tool.answer(b"{}", MIB, asyncio.run)

    assert answer.error == {
        "name": "Unreadable",
        "message": "The tool ended with an error that cannot be told.",
        "traceback": None,
    }


def test_progress_reaches_whoever_asked() -> None:
    reports: list[tuple[float, float | None, str | None]] = []

    async def run() -> None:
        tools.reporting(lambda done, total, message: reports.append((done, total, message)))
        progress(1, 2, "half")

    asyncio.run(run())
    progress(2)

    assert reports == [(1, 2, "half")]


def in_a_process_of_its_own(code: str, *options: str) -> str:
    """What `code` prints where the package is known as `guest`, as it is inside the sandbox."""
    root = str(Path(guest.__file__).parent.parent)
    start = f"import sys; sys.path.insert(0, {root!r})\n" + textwrap.dedent(code)
    ran = subprocess.run(
        [sys.executable, "-I", "-B", *options, "-c", start], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_after_preloading_nothing_more_is_imported() -> None:
    code = '''
        from guest import tools
        tools.preload()
        before = set(sys.modules)
        plain = "def run(a: int) -> dict: return {'a': a}"
        model = """
        from pydantic import BaseModel, Field
        class Input(BaseModel):
            a: int = Field(ge=0)
        class Output(BaseModel):
            a: int
        def run(input: Input) -> Output: return Output(a=input.a)
        """.replace("        ", "", 1).replace("\\n        ", "\\n")
        for code in (plain, model, plain.replace("return {'a': a}", "1 / 0")):
            tool = tools.load(code, shown="main.py", entrypoint="run", compiled=tools.compiled(code, "main.py"))
            tool.describe()
            for arguments in (b'{"a":1}', b'{"a":"2"}', b'{"a":"x"}'):
                tool.call(arguments, 1000)
        print(sorted(set(sys.modules) - before - {"jinba_tool_0"}))
    '''

    assert in_a_process_of_its_own(code) == "[]\n"


def test_a_plain_tool_needs_no_pydantic() -> None:
    code = """
        from guest import tools
        tools.preload()
        tool = tools.load("def run(a: int, b: list = []) -> dict: return {'b': b}", shown="main.py", entrypoint="run")
        print(tool.call(b'{"a":1}', 1000).decode())
        print(tool.call(b'{"a":"1"}', 1000).decode())
        tools.reporting(print)
        try:
            tools.load("import pydantic", shown="main.py", entrypoint="run")
        except tools.CodeFault as fault:
            print(fault.message)
    """

    fits, converts, imports = in_a_process_of_its_own(code, "-S").splitlines()

    assert json.loads(fits) == {"ok": True, "output": {"b": []}, "content": None}
    assert "No module named 'pydantic" in json.loads(converts)["error"]["message"]
    assert "Add the package that brings 'pydantic' to the packages of the ToolSet." in imports


def test_a_plain_tool_is_called_without_importing_pydantic() -> None:
    code = """
        from guest import tools
        tool = tools.load("def run(a: int, b: float = 1.5) -> list[int]: return [a]", shown="main.py", entrypoint="run")
        print(tool.call(b'{"a":1,"b":2}', 1000).decode(), "pydantic" in sys.modules)
    """

    assert in_a_process_of_its_own(code) == '{"ok":true,"output":[1],"content":null} False\n'


def test_a_plain_tool_needs_no_more_of_python_than_is_small() -> None:
    code = """
        from guest import boot, tools
        tool = tools.load("def run(a: int) -> dict: return {'a': a}", shown="main.py", entrypoint="run")
        tool.call(b'{"a":1}', 1000)
        large = ("asyncio", "dataclasses", "inspect", "linecache", "traceback", "pydantic")
        print([name for name in large if name in sys.modules])
    """

    assert in_a_process_of_its_own(code, "-S") == "[]\n"


def test_what_an_async_tool_needs_is_imported_when_it_is_loaded() -> None:
    code = """
        from guest import tools
        tool = tools.load("async def run(a: int) -> list: return [a]", shown="main.py", entrypoint="run")
        before = set(sys.modules)
        print(tool.call(b'{"a":1}', 1000).decode(), "asyncio" in before, sorted(set(sys.modules) - before))
    """

    assert in_a_process_of_its_own(code) == '{"ok":true,"output":[1],"content":null} True []\n'


def test_a_tool_that_formats_its_own_tracebacks_sees_its_lines() -> None:
    code = """
        from guest import tools
        code = "def run() -> str:\\n import traceback\\n try:\\n  1 / 0  # here\\n except ZeroDivisionError:\\n"
        tool = tools.load(code + "  return traceback.format_exc()", shown="main.py", entrypoint="run")
        print("linecache" in sys.modules, tool.call(b"{}", 1000).decode())
    """

    printed = in_a_process_of_its_own(code)

    assert printed.startswith("False ")
    assert "1 / 0  # here" in printed


def test_preloading_leaves_nothing_of_its_own_loaded() -> None:
    tools.preload()

    assert "jinba_tool_0" not in sys.modules
    assert "warm.py" not in linecache.cache


@pytest.mark.parametrize(("error", "name"), [(MemoryError, "MemoryError"), (KeyboardInterrupt, "Unreadable")])
def test_an_answer_that_cannot_be_made_is_one_that_was_made_before(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException], name: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    tool = tools.load("def run() -> None: ...", shown="t.py", entrypoint="run")
    monkeypatch.setattr(tools.Tool, "answer", fail)

    answer = json.loads(tool.call(b"{}", 1000))

    assert (answer["ok"], answer["error"]["name"]) == (False, name)


def test_a_generator_that_stands_for_a_coroutine_is_awaited() -> None:
    code = """
        import types
        @types.coroutine
        def old():
            if False:
                yield
            return 7
        def run() -> int:
            return old()
    """
    tool = tools.load(textwrap.dedent(code), shown="t.py", entrypoint="run")

    assert json.loads(tool.call(b"{}", 1000))["output"] == 7
