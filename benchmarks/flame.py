"""A flame graph of the server under load, as SVG in .cache/bench: `make flame`."""

import argparse
import subprocess
import threading
from pathlib import Path

import load
import messages
import peers
import servers
from servers import CACHE


def main() -> None:
    """Load a server, look at it meanwhile, and say where the picture is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--kind", choices=messages.KINDS, default=messages.KINDS[0])
    parser.add_argument("--toolset", default="bench-tools", help="of those in benchmarks/toolsets")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--per-second", type=int, default=200, help="samples; py-spy holds the server for each")
    parser.add_argument("--waiting", action="store_true", help="also what does not hold the interpreter's lock")
    parser.add_argument("--native", action="store_true", help="with functions of C libraries")
    parser.add_argument("--out", type=Path, default=CACHE / "flame.svg")
    options = parser.parse_args()
    spy = peers.environment("py-spy") / "py-spy"
    servers.begin()
    with servers.jinba() as server:
        request = messages.ours(options.toolset, server.headers)[options.kind]
        command = [str(spy), "record", "--pid", str(server.pid), "--output", str(options.out)]
        command += ["--duration", str(options.seconds), "--rate", str(options.per_second)]
        # Without it py-spy takes threads that wait for work for busy.
        command += [] if options.waiting else ["--gil"]
        command += ["--native"] if options.native else []
        looking = threading.Timer(1.0, subprocess.run, [command], {"timeout": options.seconds + 120, "check": False})
        looking.start()
        result = load.measure(server.port, request, connections=options.connections, seconds=options.seconds + 3.0)
        looking.join()
    print(f"{result.per_second:,.0f} calls/s while it was looked at, {result.wrong_count} wrong: {options.out}")


if __name__ == "__main__":
    main()
