"""An answer that takes a moment."""

import time


def run() -> str:
    time.sleep(0.1)
    return "Answered on the stream that the call opened."
