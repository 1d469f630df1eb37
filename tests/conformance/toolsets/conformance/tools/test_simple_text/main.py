"""One text, returned as plain data."""


def run() -> str:
    return "Plain text from an ordinary tool."
