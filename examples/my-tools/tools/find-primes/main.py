"""A plain typed function; its schemas come from the types, and it says how far it is."""

from typing import Annotated

from pydantic import BaseModel, Field

from jinba_mcp.authoring import progress

STEPS = 5


class Primes(BaseModel):
    count: int
    largest: int | None = Field(description="None when there is no prime below the limit.")


def run(limit: Annotated[int, Field(ge=1, le=1_000_000, description="Where to stop looking.")]) -> Primes:
    is_multiple = bytearray(limit)
    primes = []
    for number in range(2, limit):
        if number % max(1, limit // STEPS) == 0:
            progress(number, limit, f"{len(primes)} so far")
        if not is_multiple[number]:
            primes.append(number)
            for multiple in range(number * number, limit, number):
                is_multiple[multiple] = True
    return Primes(count=len(primes), largest=primes[-1] if primes else None)
