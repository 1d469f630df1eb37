"""A tool that raises."""


def run() -> str:
    raise ValueError("There is nothing to do here.")
