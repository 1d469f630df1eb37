"""Compares two texts line by line, in bounded time, as `diff -u` prints it."""

import difflib
import time
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field

_MAX_LINES = 5_000
_MAX_CPU_S = 1.0


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    before: str = Field(max_length=200_000, description="The old text.", examples=["one\ntwo\n"])
    after: str = Field(max_length=200_000, description="The new text.", examples=["one\nthree\n"])
    before_label: str = Field(
        default="before", max_length=200, pattern=r"^[^\r\n]*$", description="Name of the old text in the first line."
    )
    after_label: str = Field(
        default="after", max_length=200, pattern=r"^[^\r\n]*$", description="Name of the new text in the second line."
    )
    context_lines: int = Field(default=3, ge=0, le=100, description="Unchanged lines to show around each change.")


class Output(BaseModel):
    diff: str = Field(description="The unified diff; empty when the texts are equal.")
    equal: bool = Field(description="Whether the texts are the same, character for character.")
    added_lines: int = Field(description="Lines that only the new text has.")
    removed_lines: int = Field(description="Lines that only the old text has.")
    exact: bool = Field(description="False if the time ran out and parts are shown as replaced as a whole.")


class _Matcher(difflib.SequenceMatcher[str]):
    """Finding matches is cubic at worst; when the time is over, what is left counts as replaced."""

    def __init__(self, before: list[str], after: list[str]) -> None:
        self.deadline = time.thread_time() + _MAX_CPU_S
        self.exact = True
        super().__init__(None, before, after)

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        if time.thread_time() > self.deadline:
            self.exact = False
            return difflib.Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


def run(input: Input) -> Output:
    before, after = _lines(input.before, "before"), _lines(input.after, "after")
    matcher = _Matcher(before, after)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    hunks = "".join(_hunks(matcher, before, after, input.context_lines))
    header = f"--- {input.before_label}\n+++ {input.after_label}\n" if hunks else ""
    return Output(
        diff=header + hunks,
        equal=input.before == input.after,
        added_lines=sum(last - first for _, _, _, first, last in changes),
        removed_lines=sum(last - first for _, first, last, _, _ in changes),
        exact=matcher.exact,
    )


def _lines(text: str, name: str) -> list[str]:
    # Only \n ends a line, as for diff and git; splitlines() would also split at form feeds and lose the difference.
    lines = text.split("\n")
    ends = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    if len(ends) > _MAX_LINES:
        raise ValueError(f"'{name}' has {len(ends)} lines; at most {_MAX_LINES} can be compared. Compare it in parts.")
    return ends


def _hunks(matcher: _Matcher, before: list[str], after: list[str], context: int) -> Iterator[str]:
    for group in matcher.get_grouped_opcodes(context):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for kind, old, old_end, new, new_end in group:
            if kind == "equal":
                yield from (_marked(" ", line) for line in before[old:old_end])
            else:
                yield from (_marked("-", line) for line in before[old:old_end])
                yield from (_marked("+", line) for line in after[new:new_end])


def _range(start: int, end: int) -> str:
    length = end - start
    first = start + 1 if length else start
    return f"{first}" if length == 1 else f"{first},{length}"


def _marked(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
