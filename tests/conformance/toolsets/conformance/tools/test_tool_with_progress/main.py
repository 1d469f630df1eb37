"""Reports 0, 50 and 100 of 100."""

import time

from jinba_mcp.authoring import progress


def run() -> str:
    for done in (0, 50, 100):
        progress(done, total=100, message=f"{done} of 100")
        time.sleep(0.05)
    return "Done, with three reports on the way."
