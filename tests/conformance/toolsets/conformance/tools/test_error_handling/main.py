"""A tool that raises."""


def run() -> str:
    raise RuntimeError("This tool fails on purpose.")
