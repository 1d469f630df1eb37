"""What a tool prints goes to the record of its run, never into the protocol."""


def run() -> str:
    print("printed by the tool")  # noqa: T201  what the tool is for
    return "Printed a line."
