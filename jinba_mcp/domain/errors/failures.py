"""The request is fine and we cannot, for now or through our own fault."""

from jinba_mcp.domain.errors.base import JinbaError


class LimitExceeded(JinbaError):
    """Too many at once or in a period; try again later."""

    code = "limit.exceeded"


class RateExceeded(LimitExceeded):
    """A limit on requests or runs in a time is reached; `retryAfter` says for how many seconds."""

    code = "limit.rate"

    def __init__(self, whose: str, allowed: int, period_s: int, retry_after_s: int) -> None:
        period = {60: "minute", 86_400: "day"}.get(period_s, f"{period_s} seconds")
        super().__init__(
            f"The limit of this {whose} is reached: {allowed} a {period}. Try again in {retry_after_s} seconds.",
            limit=whose,
            allowed=allowed,
            periodSeconds=period_s,
            retryAfter=retry_after_s,
        )


class ConcurrencyExceeded(LimitExceeded):
    """As many runs are in flight as may be at once; the next may begin when one of them ends."""

    code = "limit.concurrency"

    def __init__(self, whose: str, allowed: int) -> None:
        super().__init__(
            f"The limit of this {whose} is reached: {allowed} runs at once. Try again when one of them has ended.",
            limit=whose,
            allowed=allowed,
            retryAfter=1,
        )


class Unavailable(JinbaError):
    """Not possible at the moment, through no fault of the request."""

    code = "unavailable"


class SandboxUnavailable(Unavailable):
    """No engine of this server may run this code; untrusted code is never run without a sandbox."""

    code = "sandbox.unavailable"


class EnvironmentFailed(Unavailable):
    """The packages of this version cannot be installed at the moment; the message has the installer's last words."""

    code = "environment.failed"


class SecretsUnreadable(Unavailable):
    """Secrets are stored that the server's secret key does not open."""

    code = "secrets.unreadable"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} does not open with the server's secret key. The operator restores the key "
            "(file 'secret.key' in the data directory, or JINBA_SECRET_KEY), or it is set anew."
        )


class ShuttingDown(Unavailable):
    """The server is going down and takes no new calls."""

    code = "server.shutting_down"

    def __init__(self) -> None:
        super().__init__("The server is shutting down. Send the request again in a moment.")


class LimitsUnavailable(Unavailable):
    """The counters behind the limits cannot be reached, and without them nothing is let in (`JINBA_LIMITS_FAIL`)."""

    code = "limits.unavailable"

    def __init__(self) -> None:
        super().__init__("Limits cannot be checked at the moment. Try again shortly.")


class Internal(JinbaError):
    """Our fault. The cause is in the log under the request id, never in the answer."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. The request id helps to find it in the log.")
