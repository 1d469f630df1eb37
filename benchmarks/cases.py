"""One kind of call to one server, measured in several rounds between which others are, and what came of it."""

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import load
from load import Request, Result
from servers import Server

WARM_UP_S = 0.3


@dataclass
class Case:
    """A request to a server over so many connections. Figures are medians of the rounds."""

    server: Server
    request: Request
    connections: int
    rounds: list[Result] = field(default_factory=list)
    memory_mb: float = 0.0
    """Of the server, after the last round."""
    _cpu_s: float = 0.0

    def measure(self, seconds: float) -> None:
        """Another round."""
        load.measure(self.server.port, self.request, connections=self.connections, seconds=WARM_UP_S)
        before = self.server.cpu_s()
        self.rounds.append(load.measure(self.server.port, self.request, connections=self.connections, seconds=seconds))
        self._cpu_s += self.server.cpu_s() - before
        self.memory_mb = self.server.memory_mb()

    @property
    def per_second(self) -> float:
        return self._median(lambda result: result.per_second)

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` of the calls did not exceed."""
        return self._median(lambda result: result.percentile_ms(share))

    @property
    def cpu_us(self) -> float:
        """Processor time of a call in the server, in microseconds; of all rounds, as its clock ticks every 10 ms."""
        return self._cpu_s / max(sum(result.count for result in self.rounds), 1) * 1e6

    @property
    def wrong_count(self) -> int:
        return sum(result.wrong_count for result in self.rounds)

    @property
    def busy_share(self) -> float:
        """The most of its core that the load generator used."""
        return max(result.busy_share for result in self.rounds)

    def ratio_to(self, other: "Case") -> float:
        """This rate divided by the other's, round by round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(own.per_second / (theirs.per_second or 1.0) for own, theirs in pairs)

    def samples(self) -> Iterator[str]:
        """Wrong answers, or their beginnings: one of each round that had any."""
        for result in self.rounds:
            if result.wrong_count:
                yield result.sample.decode(errors="replace")

    def _median(self, figure: Callable[[Result], float]) -> float:
        return statistics.median(figure(result) for result in self.rounds)


@dataclass(frozen=True)
class Pair:
    """The same call to two servers, or to one in two ways, whose ratio is what counts."""

    name: str
    one: Case
    other: Case


def measure_in_turn(pairs: Sequence[Pair], round_count: int, seconds: float) -> None:
    """Measure both sides of each in rounds, and in each round the other one first."""
    for number in range(round_count):
        for pair in pairs:
            for case in (pair.one, pair.other)[:: -1 if number % 2 else 1]:
                case.measure(seconds)


def print_pairs(pairs: Sequence[Pair], one: str, other: str) -> None:
    """Print a table whose ratios are of the other to the one: of rates, and of calls that fit into processor time."""
    columns = (f"{one}/s", f"{other}/s", "ratio", f"p50 ms {one}", f"p50 ms {other}")
    print(f"| what | {' | '.join(columns)} | CPU µs {one} | CPU µs {other} | by CPU | wrong |")
    print(f"|---|{'---:|' * 9}")
    for pair in pairs:
        cells = [
            f"{pair.one.per_second:,.0f}",
            f"{pair.other.per_second:,.0f}",
            f"{pair.other.ratio_to(pair.one):.2f}",
            f"{pair.one.percentile_ms(0.5):.2f}",
            f"{pair.other.percentile_ms(0.5):.2f}",
            f"{pair.one.cpu_us:,.0f}",
            f"{pair.other.cpu_us:,.0f}",
            f"{pair.one.cpu_us / (pair.other.cpu_us or 1.0):.2f}",
            f"{pair.one.wrong_count + pair.other.wrong_count:,}",
        ]
        print(f"| {pair.name} | {' | '.join(cells)} |")
        for sample in (*pair.one.samples(), *pair.other.samples()):
            print(f"WRONG: {sample}", file=sys.stderr)
