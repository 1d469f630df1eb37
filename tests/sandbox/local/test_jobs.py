"""What a worker is ordered with and told: secrets go one way only."""

import json
import marshal
from typing import Any

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.sandbox.guest.channel import HEADER, SETUP
from jinba_mcp.sandbox.local import jobs
from jinba_mcp.sandbox.local.jobs import Command, Job

from .conftest import MakeSetup

CODE = "def run() -> None: ..."


def unmarshalled(raw: bytes) -> Any:
    return marshal.loads(raw)  # noqa: S302  made by the test


def told(job: Job, code: bytes | None = None) -> bytes:
    frames = job.frames(code)
    kind, length = HEADER.unpack_from(frames)
    assert (kind, length) == (SETUP, len(frames) - HEADER.size)
    return frames[HEADER.size :]


def test_env_and_code_are_told_to_the_worker_and_never_ordered(setup: MakeSetup) -> None:
    job = Job(setup(CODE, env=Env({"TOKEN": "s3cret"}, ["TOKEN"])), variables={"HOME": "/home", "TOKEN": "x"})

    assert b"s3cret" not in job.order()
    assert CODE.encode() not in job.order()
    assert unmarshalled(told(job)) == ({"HOME": "/home", "TOKEN": "s3cret"}, CODE, None)
    assert unmarshalled(told(job, b"compiled"))[2] == b"compiled"


def test_a_worker_that_is_only_read_gets_nothing_of_a_caller(setup: MakeSetup) -> None:
    job = Job(setup(CODE, env=Env({"TOKEN": "s3cret"})), variables={}, is_described=True)

    assert unmarshalled(told(job))[0] == {}
    assert json.loads(job.order())["terms"]["is_traced"] is True


def test_a_program_is_told_in_json_and_gets_room_for_itself(setup: MakeSetup) -> None:
    given = setup(CODE, env=Env({"TOKEN": "s3cret"}), memory_bytes=1000, process_count=2)
    command = Command(lambda: ("/opt/program",), {"HOME": "/home"}, thread_count=3, reserved_bytes=500)
    job = Job(given, variables={}, command=command)

    order, said = json.loads(job.order()), json.loads(told(job))

    assert (order["program"], order["space_bytes"]) == ([["/opt/program"], {"HOME": "/home"}], None)
    assert (order["memory_bytes"], order["process_count"]) == (1500, 5)
    assert (said["env"], said["code"], said["shown"]) == ({"TOKEN": "s3cret"}, CODE, given.program.shown)


def test_orders_of_one_job_are_equal_unless_something_is_one_workers_own(setup: MakeSetup) -> None:
    job = Job(setup(CODE), variables={})

    assert job.order() is job.order()
    assert json.loads(job.order({"folder": "/x"}))["folder"] == "/x"


def test_setups_share_workers_only_if_nothing_tells_them_apart(setup: MakeSetup) -> None:
    given = setup(CODE, tenant="a")
    others = [
        setup(CODE + " ", tenant="a"),
        setup(CODE, tenant="a", env=Env({"A": "1"})),
        setup(CODE, tenant="a", log_bytes=1),
        setup(CODE, tenant="a", bundle={"digest": "sha256:2"}),
        setup(CODE, tenant="a", bundle={"toolset": "other-tools"}),
        setup(CODE, tenant="a", bundle={"network": "on"}),
        setup(CODE, tenant="a", bundle={"mode": "reuse"}),
    ]

    assert jobs.key(given) == jobs.key(setup(CODE, tenant="b"))
    assert jobs.key(given) not in map(jobs.key, others)
    assert jobs.key(setup(CODE, tenant="a", bundle={"mode": "reuse"})) != jobs.key(
        setup(CODE, tenant="b", bundle={"mode": "reuse"})
    )


def test_jobs_make_room_for_each_other_by_what_they_hold(setup: MakeSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Job(setup(CODE, env=Env({"KEY": f"{number}" * 400})), variables={}) for number in range(3)]
    monkeypatch.setattr(jobs, "MAX_BYTES", 1_000)
    kept = jobs.Jobs()

    gone = [kept.keep(number, job) for number, job in enumerate(made)]

    assert gone == [[], [], [made[0]]]
    assert [kept.get(number) for number in (2, 0, 1)] == [made[2], None, made[1]]
    assert kept.keep(0, made[0]) == [made[2]]
    kept.discard(made[0].setup.program.bundle.digest)
    assert kept.keep(3, made[0]) == []
    monkeypatch.setattr(jobs, "MAX_COUNT", 1)
    assert kept.keep(4, Job(setup(CODE), variables={})) == [made[0]]


def test_what_is_told_is_kept_only_while_it_is_short(setup: MakeSetup) -> None:
    short, long = (Job(setup(CODE, env=Env({"KEY": "x" * length})), variables={}) for length in (10, 100_000))

    assert short.frames(None) is short.frames(None)
    assert long.frames(None) is not long.frames(None)
    assert long.frames(None) == long.frames(None)


def test_the_text_of_code_tells_what_it_surely_imports(setup: MakeSetup) -> None:
    assert jobs.expected_modules(setup(CODE).program) == set()
    assert jobs.expected_modules(setup("from pydantic import BaseModel").program) == {"pydantic"}
    assert jobs.expected_modules(setup("async def run() -> None: ...").program) == {"asyncio"}
    assert "jinba_mcp.authoring" in jobs.expected_modules(setup("from jinba_mcp.authoring import Text").program)
