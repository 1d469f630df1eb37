"""What a tool raises, in words for its author."""

import pytest
from pydantic import BaseModel, ValidationError

from jinba_mcp.sandbox.guest import faults


def test_a_message_is_bounded_and_storable() -> None:
    assert faults.message_of(ValueError("a\ud800\0")) == "a\\ud800\\x00"
    assert len(faults.message_of(ValueError("x" * 100_000))) == faults.MAX_MESSAGE_CHARS


def test_a_message_that_cannot_be_read_says_so() -> None:
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise KeyError

    assert faults.message_of(Unreadable()) == "(its message cannot be read: KeyError)"


def test_a_validation_error_names_fields_without_their_values() -> None:
    class Model(BaseModel):
        values: list[int]

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"values": ["secret"] * 7})

    message = faults.message_of(caught.value)
    assert message.startswith("values.0: Input should be a valid integer")
    assert message.endswith("; and 2 more")
    assert "secret" not in message


def test_only_the_tools_own_frames_are_told() -> None:
    code = "import json\ndef run():\n    json.loads('{')\n"
    namespace: dict[str, object] = {}
    exec(compile(code, "<tool>", "exec"), namespace)  # noqa: S102  as the engine does it
    run = namespace["run"]
    assert callable(run)

    with pytest.raises(ValueError, match="Expecting") as caught:
        run()

    described = faults.described(caught.value, filename="<tool>", shown="a/b/main.py", lines=code.splitlines())
    assert described["name"] == "JSONDecodeError"
    assert described["traceback"] == (
        "Traceback (most recent call last):\n  File \"a/b/main.py\", line 3, in run\n    json.loads('{')\n"
        f"JSONDecodeError: {described['message']}"
    )
    assert faults.place(caught.value, "<tool>") == (3, 5)


def test_an_error_from_elsewhere_has_no_traceback() -> None:
    described = faults.described(ValueError("x"), filename="<tool>", shown="main.py", lines=[])

    assert described["traceback"] is None
    assert faults.place(ValueError(), "<tool>") == (None, None)


def test_a_deep_traceback_is_cut_in_its_middle() -> None:
    namespace: dict[str, object] = {}
    exec(compile("def run(): run()", "<tool>", "exec"), namespace)  # noqa: S102  as the engine does it
    run = namespace["run"]
    assert callable(run)

    with pytest.raises(RecursionError) as caught:
        run()

    traceback = faults.described(caught.value, filename="<tool>", shown="main.py", lines=["x"])["traceback"]
    assert traceback is not None
    assert "more frames …" in traceback
    assert traceback.count("in run") == 20
