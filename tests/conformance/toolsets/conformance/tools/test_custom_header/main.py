"""Its schema says that the argument travels in a header, too; the server compares both."""


def run(name: str) -> str:
    return f"Hello, {name}!"
