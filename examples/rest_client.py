"""Runs a tool over REST, looks the run up in the history, and reads what the server says about a wrong call."""

import os
import sys
from typing import Any

import httpx2

URL = os.environ.get("JINBA_URL", "http://127.0.0.1:8700").rstrip("/")
KEY = os.environ.get("JINBA_API_KEY", "")
GREET = "/toolsets/greeting-tools/tools/greet/run"


class Refused(Exception):
    """The server said no, in a document of the form application/problem+json (RFC 9457)."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.problem = problem


def main() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=f"{URL}/v1/orgs/default", headers=headers, timeout=httpx2.Timeout(10, read=60)) as http:
        result = ask(http, "POST", GREET, {"name": "Alice"})
        # A tool that fails is still an answer with status 200, so success is what to look at.
        print(f"The tool answered: {result['output']}" if result["success"] else f"The tool failed: {result['error']}")

        run = ask(http, "GET", f"/runs/{result['runId']}")
        print(f"It is on record as {run['runId']}: {run['status']} at {run['createdAt']}, by key {run['keyName']!r}.")

        try:
            ask(http, "POST", GREET, {"nam": "Alice"})
        except Refused as refused:
            # The code never changes, so programs decide by it; the detail is for people.
            print(f"A wrong call is refused with {refused.problem['code']}: {refused}")


def ask(http: httpx2.Client, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = http.request(method, path, json=body)
    if answer.headers.get("Content-Type") == "application/problem+json":
        raise Refused(answer.json())
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


if __name__ == "__main__":
    if not KEY or not KEY.isascii():
        sys.exit("Set JINBA_API_KEY to a key, such as 'jinba-mcp keys create --name example' prints.")
    try:
        main()
    except (httpx2.TransportError, httpx2.InvalidURL):
        sys.exit(f"There is no answer from {URL}. Start the server with 'make run', or set JINBA_URL to where it is.")
    except (httpx2.HTTPStatusError, ValueError):
        sys.exit(f"What answers at {URL} is no Jinba server. Set JINBA_URL to where it is.")
    except Refused as refused:
        sys.exit(f"{URL} refused with {refused.problem['code']}: {refused}")
