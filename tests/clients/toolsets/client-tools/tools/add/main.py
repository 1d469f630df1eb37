"""Two numbers in, an object with a schema out."""

from pydantic import BaseModel


class Input(BaseModel):
    a: int
    b: int


class Output(BaseModel):
    sum: int
    note: str | None = None


def run(input: Input) -> Output:  # noqa: A002  the name that the folder format gives it
    print("adding", input.a, input.b)  # noqa: T201  over stdio this must not reach the protocol
    return Output(sum=input.a + input.b)
