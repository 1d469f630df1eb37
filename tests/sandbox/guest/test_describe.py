"""Signatures: how arguments reach the function, and the schemas of what goes in and out."""

import textwrap
from typing import Any

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.sandbox.guest import describe
from jinba_mcp.sandbox.guest.faults import CodeFault
from jinba_mcp.sandbox.guest.source import MODULE_PREFIX


def entrypoint(code: str, name: str = "run") -> describe.Entrypoint:
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(textwrap.dedent(code), "<tool>", "exec", dont_inherit=True), namespace)  # noqa: S102  as the engine does
    return describe.entrypoint(namespace, name)


def signature(code: str) -> describe.Described:
    found = entrypoint(code).describe()
    Validator(found["input_schema"])
    if found["output_schema"] is not None:
        Validator(found["output_schema"])
    return found


def bound_call(code: str, arguments: dict[str, Any]) -> Any:
    found = entrypoint(code)
    args, kwargs = found.binding.bind(arguments)
    return found.function(*args, **kwargs)


def refusal(code: str) -> str:
    with pytest.raises(CodeFault) as caught:
        entrypoint(code).describe()
    return caught.value.message


def test_a_plain_function_is_an_object_of_its_parameters() -> None:
    said = signature(
        '''
        from typing import Annotated, Literal
        from pydantic import Field

        def run(
            channel: str,
            n: Annotated[int, Field(ge=1, description="How often.")] = 3,
            *,
            mode: Literal["a", "b"] = "a",
            tags: list[str] | None = None,
            size: int = Field(10, description="In bytes."),
        ) -> dict:
            """
            Posts.

            To a channel.
            """
        '''
    )

    assert said["description"] == "Posts.\n\nTo a channel."
    assert said["output_schema"] is None
    assert said["input_schema"] == {
        "type": "object",
        "properties": {
            "channel": {"title": "Channel", "type": "string"},
            "n": {"title": "N", "type": "integer", "minimum": 1, "default": 3, "description": "How often."},
            "mode": {"title": "Mode", "type": "string", "enum": ["a", "b"], "default": "a"},
            "tags": {
                "title": "Tags",
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "default": None,
            },
            "size": {"title": "Size", "type": "integer", "default": 10, "description": "In bytes."},
        },
        "required": ["channel"],
        "additionalProperties": False,
    }


def test_arguments_reach_the_right_parameters() -> None:
    code = """
        from datetime import date
        from pydantic import Field
        def run(a: int, /, b: date, *, c: set[str] = frozenset(), d: int = Field(7)) -> dict:
            return (a, b.year, c, d)
    """

    assert bound_call(code, {"a": 1, "b": "2024-01-31"}) == (1, 2024, frozenset(), 7)
    assert bound_call(code, {"a": 1, "b": "2024-01-31", "c": ["x"], "d": 2}) == (1, 2024, {"x"}, 2)


def test_a_default_is_never_shared_between_calls() -> None:
    found = entrypoint("def run(items: list[int] = []) -> list[int]:\n    items.append(1)\n    return items")

    for _ in range(2):
        args, kwargs = found.binding.bind({})
        assert found.function(*args, **kwargs) == [1]


def test_parameters_may_have_names_that_models_cannot() -> None:
    code = "def run(json: str, copy: int, model_config: str, _x: int, schema: str = '') -> dict:\n    return (json, _x)"

    assert bound_call(code, {"json": "j", "copy": 1, "model_config": "m", "_x": 2}) == ("j", 2)


def test_a_parameter_may_have_an_alias() -> None:
    code = """
        from typing import Annotated
        from pydantic import Field
        def run(user_id: Annotated[int, Field(alias="userId")], page_size: int = Field(5, alias="pageSize")) -> dict:
            return (user_id, page_size)
    """

    assert bound_call(code, {"userId": 1, "pageSize": 2}) == (1, 2)
    properties = signature(code)["input_schema"]["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["userId", "pageSize"]


def test_arguments_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValidationError) as caught:
        entrypoint("def run(n: int) -> dict: ...").binding.bind({"n": "x", "m": 1})

    assert {error["loc"] for error in caught.value.errors()} == {("n",), ("m",)}


MODELS = """
    from pydantic import BaseModel, Field

    class Input(BaseModel):
        first_name: str = Field(alias="firstName")

    class Output(BaseModel):
        shouted: str = Field(serialization_alias="shoutedName")
        at: int = 1
"""


@pytest.mark.parametrize(
    "function",
    [
        "def run(input: Input) -> Output: ...",
        "async def run(input: Input) -> Output: ...",
        "def run(params: Input) -> Output: ...",
        "def run(*, input: Input) -> Output: ...",
        "def run(input): ...",
        "def run(input: Input) -> dict: ...",
    ],
)
def test_models_are_described_under_their_aliases(function: str) -> None:
    said = signature(textwrap.dedent(MODELS) + function)

    assert said["input_schema"]["properties"] == {"firstName": {"title": "Firstname", "type": "string"}}
    assert said["output_schema"] is not None
    assert said["output_schema"]["required"] == ["shoutedName"]


@pytest.mark.parametrize("function", ["def run(input: Input): return input", "def run(*, input: Input): return input"])
def test_a_model_is_bound_whole(function: str) -> None:
    assert bound_call(textwrap.dedent(MODELS) + function, {"firstName": "Alice"}).first_name == "Alice"


def test_a_model_by_another_name_is_bound_whole_where_it_is_called_input() -> None:
    code = """
        from pydantic import BaseModel
        class Person(BaseModel):
            name: str
        def run(input: Person) -> dict:
            return input
    """

    assert bound_call(code, {"name": "Alice"}).name == "Alice"
    assert bound_call(code.replace("input", "person"), {"person": {"name": "Alice"}}).name == "Alice"


def test_a_model_that_contains_itself_is_written_out_at_the_top() -> None:
    said = signature(
        """
        from typing import Optional
        from pydantic import BaseModel
        class Input(BaseModel):
            child: Optional["Input"] = None
        Input.model_rebuild(_types_namespace={"Input": Input, "Optional": Optional})
        def run(input: Input) -> dict: ...
        """
    )

    assert said["input_schema"]["type"] == "object"
    assert "$ref" not in said["input_schema"]
    assert Validator(said["input_schema"]).faults({"child": {"child": 5}}) != []


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        "-> dict",
        "-> None",
        "-> Any",
        "-> object",
        "-> dict[str, Any]",
        "-> Image",
        "-> Content",
        "-> list[Image | str]",
        "-> Optional[Text]",
        "-> Annotated[tuple[Text, ...], 1]",
    ],
)
def test_a_return_type_that_promises_nothing_has_no_schema(annotation: str) -> None:
    imports = "from typing import *\nfrom jinba_mcp.authoring import *\n"

    assert signature(f"{imports}def run() {annotation}: ...")["output_schema"] is None


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("list[int]", {"type": "array", "items": {"type": "integer"}}),
        ("dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}),
        ("'datetime'", {"type": "string", "format": "date-time"}),
    ],
)
def test_other_return_types_have_their_schema(annotation: str, schema: object) -> None:
    assert signature(f"from datetime import datetime\ndef run() -> {annotation}: ...")["output_schema"] == schema


def test_models_of_one_name_get_the_same_schema_in_every_process() -> None:
    code = """
        from pydantic import BaseModel
        class A:
            class Item(BaseModel):
                a: int
        class B:
            class Item(BaseModel):
                b: int
        def run(a: A.Item, b: B.Item) -> dict: ...
    """
    namespaces: list[dict[str, Any]] = [{"__name__": f"{MODULE_PREFIX}{n * 32}"} for n in ("a", "b")]
    schemas = []
    for namespace in namespaces:
        exec(textwrap.dedent(code), namespace)  # noqa: S102  as the engine does it
        schemas.append(describe.entrypoint(namespace, "run").describe()["input_schema"])

    assert schemas[0] == schemas[1]
    definitions = schemas[0]["$defs"]
    assert isinstance(definitions, dict)
    assert set(definitions) == {"A__Item", "B__Item"}


def test_a_decorated_function_is_described_as_itself() -> None:
    code = """
        import functools
        def twice(function):
            @functools.wraps(function)
            def inner(*args, **kwargs):
                return function(*args, **kwargs) * 2
            return inner
        @twice
        def run(text: str) -> str:
            return text
    """

    assert bound_call(code, {"text": "a"}) == "aa"
    assert signature(code)["input_schema"]["required"] == ["text"]


def test_a_long_docstring_is_cut() -> None:
    assert len(signature(f'def run() -> dict:\n    """{"x" * 30_000}"""')["description"]) == 20_000


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "There is no function 'run'"),
        ("run = 5", "'run' is not a function but int"),
        ("class run: ...", "'run' is not a function but type"),
        ("def run(a, b: int) -> dict: ...", "The parameter 'a' of 'run' has no annotation"),
        ("def run(input) -> dict: ...", "The parameter 'input' of 'run' has no annotation"),
        ("def run(*args: int) -> dict: ...", "'run' takes *args"),
        ("def run(**input: int) -> dict: ...", "'run' takes **input"),
        ("def run(a: 'Nowhere') -> dict: ...", "An annotation of 'run' cannot be read: NameError: name 'Nowhere'"),
        ("class Odd: ...\ndef run(a: Odd) -> dict: ...", "The parameter 'a' of 'run' has no schema"),
        ("class Odd: ...\ndef run() -> Odd: ...", "The return type has no schema"),
        (
            "from typing import Callable\ndef run(a: Callable[[], int]) -> dict: ...",
            "The parameters have no JSON Schema",
        ),
        ("Input = list[int]\ndef run(input: Input) -> dict: ...", "must be an object"),
        ("class Odd: ...\nInput = list[Odd]\ndef run(input: Input) -> dict: ...", "The type of 'input' has no schema"),
    ],
)
def test_what_cannot_be_described_is_refused_by_name(code: str, message: str) -> None:
    assert message in refusal(code)
