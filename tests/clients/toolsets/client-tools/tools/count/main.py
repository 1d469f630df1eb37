"""A tool that says how far it is."""

from jinba_mcp.authoring import progress


def run(to: int) -> str:
    for step in range(1, to + 1):
        progress(step, total=to, message=f"step {step}")
    return f"Counted to {to}."
