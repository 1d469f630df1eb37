"""Keeps a sandbox that asks without end from taking all of the server's time."""

_BURST_S = 1.0


class Pace:
    """Lets `per_s` things happen in a second, and as many at once after a second of none."""

    def __init__(self, per_s: float) -> None:
        self._step_s = 1 / per_s
        self._due_s = float("-inf")

    def delay_s(self, now_s: float) -> float:
        """How long one that is asked for at `now_s` has to wait; it counts from now on."""
        self._due_s = max(self._due_s + self._step_s, now_s - _BURST_S)
        return max(self._due_s - now_s, 0.0)
