"""Redis counters when the server is not there, or its URL is none; `test_counters.py` has them at work."""

import traceback

import pytest

from jinba_mcp.domain.errors import Invalid, LimitsUnavailable
from jinba_mcp.domain.limits import Window, per_day, per_minute
from jinba_mcp.storage.redis_counters import RedisCounters


@pytest.mark.parametrize("url", ["", "memory://", "http://127.0.0.1", "redis://127.0.0.1:port"])
def test_what_is_no_redis_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Invalid, match="JINBA_LIMITS_URL") as caught:
        RedisCounters(url)
    assert not url or url not in caught.value.message.replace("redis://host:port", "")


@pytest.mark.parametrize("host", ["127.0.0.1:1?hunter2=1", "127.0.0.1:1?ssl_cert_reqs=hunter2"])
def test_options_that_no_connection_has_are_refused_without_repeating_them(host: str) -> None:
    with pytest.raises(Invalid, match="JINBA_LIMITS_URL") as caught:
        RedisCounters(f"rediss://{host}")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["redis://:hunter@2:3@127.0.0.1:1/0", "redis://127.0.0.1/0"])
async def test_the_password_of_a_redis_may_hold_anything_and_the_port_may_be_left_out(url: str) -> None:
    await RedisCounters(url).close()


@pytest.mark.parametrize("window", [per_minute(1), per_day(1)], ids=["minute", "day"])
async def test_a_server_that_is_gone_is_an_error_of_ours(window: Window) -> None:
    counters = RedisCounters("redis://127.0.0.1:1")
    with pytest.raises(LimitsUnavailable):
        await counters.take("name", window)
    await counters.close()


async def test_without_the_server_no_place_is_held_or_renewed_and_leaving_says_nothing_worse() -> None:
    counters = RedisCounters("redis://127.0.0.1:1")
    with pytest.raises(LimitsUnavailable):
        await counters.enter("place", {"name": 1})
    await counters.renew()
    counters._held["place"] = ["name"]
    with pytest.raises(LimitsUnavailable):
        await counters.renew()
    await counters.leave("place", ["name"])
    assert counters._held == {}
    await counters.close()
