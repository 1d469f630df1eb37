"""Counters in Redis, by the `limits` library, so that several server processes keep one limit together."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.errors import StorageError
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from jinba_mcp.domain.errors import Invalid, LimitsUnavailable
from jinba_mcp.domain.limits import Standing, Window
from jinba_mcp.storage.counters import LEASE_S

logger = logging.getLogger(__name__)

_ANSWER_S = 1.0
_PREFIX = "jinba-limits"
_RENEWED_AT_ONCE = 1_000
_ENTER = """
local time = redis.call('TIME')
local now, lease = time[1] + time[2] / 1000000, tonumber(ARGV[2])
for i, name in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', name, '-inf', now)
    if redis.call('ZCARD', name) >= tonumber(ARGV[i + 2]) then return i end
end
for _, name in ipairs(KEYS) do
    redis.call('ZADD', name, now + lease, ARGV[1])
    redis.call('PEXPIRE', name, math.ceil(lease * 1000))
end
return 0
"""
"""A name is a set of places, each with the time at which its lease is over; by the clock of the server alone."""
_RENEW = """
local time = redis.call('TIME')
local now, lease = time[1] + time[2] / 1000000, tonumber(ARGV[1])
for i, name in ipairs(KEYS) do
    redis.call('ZADD', name, 'XX', now + lease, ARGV[i + 1])
    redis.call('PEXPIRE', name, math.ceil(lease * 1000))
end
"""
"""A place that is left meanwhile, or whose lease was over, does not come back (XX)."""


class RedisCounters:
    """Each take, and each place, is a script or two on the server, which see no other in between."""

    def __init__(self, url: str, *, lease_s: float = LEASE_S) -> None:
        """`redis://[:password@]host:port[/database]`, or `rediss://`; connects at the first take.

        Raises:
            Invalid: it is no such URL.
        """
        if not url.startswith(("redis://", "rediss://")):
            # The URL itself may hold a password, so it is not repeated.
            raise Invalid("JINBA_LIMITS_URL must be redis://host:port or rediss://host:port.")
        try:
            self._pool = ConnectionPool.from_url(url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S)
            # Made but not connected, for options that no connection has are not looked at before.
            self._pool.connection_class(**self._pool.connection_kwargs)
        except (ValueError, TypeError, RedisError):
            # It quotes what it could not read, which may be a part of the password.
            raise Invalid("JINBA_LIMITS_URL cannot be used: it must be redis://host:port.") from None
        # The library's type has no place for a pool among the options that it hands on, but its documentation does.
        pool: Any = self._pool
        # What stands behind the scheme is not used where there is a pool, but read, and less well than by redis.
        self._storage = RedisStorage(
            "async+redis://", wrap_exceptions=True, implementation="redispy", key_prefix=_PREFIX, connection_pool=pool
        )
        self._moving = MovingWindowRateLimiter(self._storage)
        self._fixed = FixedWindowRateLimiter(self._storage)
        self._redis = Redis(connection_pool=self._pool)
        self._enter = self._redis.register_script(_ENTER)
        self._renew = self._redis.register_script(_RENEW)
        self._lease_s = lease_s
        self._held: dict[str, list[str]] = {}

    async def take(self, name: str, window: Window) -> Standing:
        limiter = self._moving if window.is_moving else self._fixed
        item = RateLimitItemPerSecond(window.count, window.seconds)
        try:
            is_taken = await limiter.hit(item, name)
            reset_at, remaining = await limiter.get_window_stats(item, name)
        except StorageError as error:
            raise LimitsUnavailable from error
        reset_s = min(max(0.0, reset_at - time.time()), float(window.seconds))
        return Standing(is_taken=is_taken, remaining=max(0, remaining), reset_s=reset_s)

    async def enter(self, place: str, caps: Mapping[str, int]) -> str | None:
        names = list(caps)
        try:
            full: int = await self._enter([_key(name) for name in names], [place, self._lease_s, *caps.values()])
        except RedisError as error:
            raise LimitsUnavailable from error
        if full:
            return names[full - 1]
        self._held[place] = names
        return None

    async def leave(self, place: str, names: Sequence[str]) -> None:
        self._held.pop(place, None)
        try:
            async with self._redis.pipeline(transaction=False) as commands:
                for name in names:
                    commands.zrem(_key(name), place)
                await commands.execute()
        except RedisError:
            logger.warning("places stay held until their lease is over", extra={"event": "limits.unreleased"})

    async def renew(self) -> None:
        held = [(_key(name), place) for place, names in self._held.items() for name in names]
        try:
            for first in range(0, len(held), _RENEWED_AT_ONCE):
                some = held[first : first + _RENEWED_AT_ONCE]
                await self._renew([key for key, _ in some], [self._lease_s, *(place for _, place in some)])
        except RedisError as error:
            raise LimitsUnavailable from error

    async def close(self) -> None:
        await self._pool.aclose()


def _key(name: str) -> str:
    return f"{_PREFIX}:held:{name}"
