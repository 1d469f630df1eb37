"""Ten thousand runs, one in ten of them hostile: is every answer right, and is anything left over? Exits 1 if not."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox.endurance.census import Census
from tests.sandbox.endurance.soaking import Soak, soaked


def main() -> None:
    """Soak one engine, print tables, exit 1 on any leak or wrong answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--warm-up", type=int, default=500, help="runs before the first count")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0, help="of the order in which honest tools are called")
    parser.add_argument("--tier", type=Tier, choices=[Tier.NAMESPACES, Tier.LANDLOCK], default=Tier.NAMESPACES)
    parser.add_argument("--python", help="the guest's interpreter; as root in tier landlock, one that anyone may start")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jinba-soak-") as place:
        cache, own = Path(place) / "cache", Path(place) / "tmp"
        for folder in (Path(place), cache, own):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        # Where the engine makes the folders of runs, in the tier that has some.
        tempfile.tempdir = str(own)
        soak = asyncio.run(
            soaked(
                lambda: LocalEngine(cache, tier=options.tier, python=options.python),
                (cache, own),
                run_count=options.runs,
                concurrency=options.concurrency,
                warm_up_count=options.warm_up,
                seed=options.seed,
            )
        )
        tempfile.tempdir = None
    _print(soak)
    sys.exit(1 if soak.problems() else 0)


def _print(soak: Soak) -> None:
    rate = soak.run_count / soak.elapsed_s
    print(f"{soak.run_count:,} runs in {soak.elapsed_s:.0f} s ({rate:.0f}/s), at most {soak.most_processes} processes.")
    print(
        f"{soak.honest_count:,} honest runs and {sum(soak.ends.values()):,} hostile ones; {soak.wrong_count} wrong.\n"
    )
    _print_leftovers(soak)
    _print_ends(soak)
    for problem in soak.problems():
        print(f"WRONG: {problem}")


def _print_leftovers(soak: Soak) -> None:
    moments = [soak.before, soak.warm or soak.before, soak.after or soak.before, soak.closed or soak.before]
    print("| what | before | after the warm-up | after the runs | engine closed |")
    print("|---|---:|---:|---:|---:|")
    for name in ("processes", "descriptors", "mounts", "files", "tasks"):
        print(f"| {name} | " + " | ".join(f"{getattr(each, name):,}" for each in moments) + " |")
    print("| memory, MB | " + " | ".join(_megabytes(each) for each in moments) + " |")
    growth = soak.growth_per_run
    print(f"\nMemory in the second half: {'too few samples' if growth is None else f'{growth:+.0f} bytes a run'}.\n")


def _megabytes(each: Census) -> str:
    return f"{each.memory_bytes / 1e6:.1f}"


def _print_ends(soak: Soak) -> None:
    print("| a run that … | ended with |")
    print("|---|---|")
    for name in sorted({name for name, _end in soak.ends}):
        ends = ", ".join(f"{end} {count}" for (each, end), count in sorted(soak.ends.items()) if each == name)
        print(f"| {name} | {ends} |")
    print()


if __name__ == "__main__":
    main()
