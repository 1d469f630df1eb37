"""The suite looks whether the stream of this answer carries requests of the server's own; ours never does."""

from jinba_mcp.authoring import progress


def run() -> str:
    progress(1, total=1)
    return "Answered without asking for anything."
