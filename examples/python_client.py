"""Runs a tool with the Python client, finds the run in the history, and reads an error by its class."""

import sys

from jinba_mcp.client import ClientError, Invalid, Jinba


def main() -> None:
    # Where the server is and the key to call with come from JINBA_URL and JINBA_API_KEY, unless they are given here.
    with Jinba() as jinba:
        # A call that is cut off, or put off by the server, is repeated by itself, and still runs once.
        result = jinba.run("greeting-tools", "greet", {"name": "Alice"})
        # A tool that fails is an answer too, so success is what to look at.
        print(f"The tool answered: {result['output']}" if result["success"] else f"The tool failed: {result['error']}")

        # Lists are fetched page by page, as far as one reads.
        latest = next(jinba.runs.list(toolset="greeting-tools"))
        print(f"The latest run of that ToolSet is {latest['runId']}: {latest['status']}, by key {latest['keyName']!r}.")

        try:
            jinba.run("greeting-tools", "greet", {"nam": "Alice"})
        except Invalid as refused:
            # The code never changes, so programs decide by it; the text is for people.
            print(f"A wrong call is refused with {refused.code}: {refused}")


if __name__ == "__main__":
    try:
        main()
    except (ClientError, ValueError) as error:
        sys.exit(str(error))
