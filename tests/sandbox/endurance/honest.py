"""Tools that do as they should, each with what to call it with and what it must answer then."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jinba_mcp.domain.env import NO_ENV, Env
from jinba_mcp.domain.records import JsonObject


@dataclass(frozen=True)
class Honest:
    """One of them; `arguments` and `answer` are functions of the run's number, so that no two runs are alike."""

    name: str
    code: str
    arguments: Callable[[int], JsonObject]
    answer: Callable[[int], Any]
    prints: Callable[[int], tuple[str, ...]] = lambda _number: ()
    env: Env = NO_ENV
    is_reused: bool = False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _secretive(token: str) -> Honest:
    code = """
        import os
        def run(number: int) -> list:
            return [number, os.environ.get("TOKEN")]
        """
    return Honest(f"secretive {token}", code, lambda n: {"number": n}, lambda n: [n, token], env=Env({"TOKEN": token}))


ALL = (
    Honest(
        "adds",
        "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}",
        lambda n: {"a": n, "b": 7},
        lambda n: {"sum": n + 7},
    ),
    Honest(
        "reads back",
        """
        import hashlib, os
        def run(text: str, times: int) -> str:
            path = os.path.join(os.environ["TMPDIR"], "same-name")
            assert not os.path.exists(path)
            with open(path, "w") as file:
                file.write(text * times)
            with open(path) as file:
                return hashlib.sha256(file.read().encode()).hexdigest()
        """,
        lambda n: {"text": f"{n},", "times": 5_000},
        lambda n: _digest(f"{n}," * 5_000),
    ),
    Honest(
        "speaks",
        "def run(number: int) -> None:\n    for line in range(50): print(number, line)",
        lambda n: {"number": n},
        lambda _n: None,
        lambda n: tuple(f"{n} {line}" for line in range(50)),
    ),
    Honest(
        "returns much",
        "def run(number: int) -> list:\n    return [number] * 100_000",
        lambda n: {"number": n},
        lambda n: [n] * 100_000,
    ),
    Honest(
        "is typed",
        """
        from pydantic import BaseModel
        class Input(BaseModel):
            number: int
        class Output(BaseModel):
            double: int
        async def run(input: Input) -> Output:
            return Output(double=2 * input.number)
        """,
        lambda n: {"number": n},
        lambda n: {"double": 2 * n},
    ),
    Honest(
        "is used again",
        "def run(number: int) -> int:\n    return -number",
        lambda n: {"number": n},
        lambda n: -n,
        is_reused=True,
    ),
    _secretive("first"),
    _secretive("second"),
)
