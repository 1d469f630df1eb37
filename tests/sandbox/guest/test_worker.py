"""What a worker has, and what it may use."""

import asyncio
import io
import json
import os
import resource
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from jinba_mcp.sandbox.guest import channel, worker
from jinba_mcp.sandbox.guest.channel import framed
from jinba_mcp.sandbox.guest.worker import NO_WALLS, Streams, limits
from jinba_mcp.sandbox.local import zygotes
from jinba_mcp.sandbox.local.jobs import Command, Job
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.zygotes import Ended
from tests.sandbox.guest.conftest import MakeBlueprint
from tests.sandbox.guest.hosting import Hosted, let_go
from tests.sandbox.local.conftest import MakeSetup, Running

ORDER = {
    "cpu_s": 3,
    "memory_bytes": 1000,
    "space_bytes": 2000,
    "process_count": 4,
    "tmp_bytes": 500,
    "terms": {"is_reused": False},
}


async def test_a_worker_has_four_descriptors_and_its_limits(running: Running, setup: MakeSetup) -> None:
    look = setup(
        """
        import os, resource
        def run() -> list:
            fds = []
            for fd in range(300):
                try:
                    os.fstat(fd)
                    fds.append(fd)
                except OSError:
                    pass
            names = ("RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_CPU")
            return [fds, *[resource.getrlimit(getattr(resource, name))[0] for name in names], os.read(0, 1).decode()]
        """,
        process_count=9,
        tmp_bytes=1_000_000,
        cpu_s=7,
    )

    async with running() as engine:
        outcome = await engine.run(look, {})

    assert outcome.output == [[0, 1, 2, 3], 9, 1_000_000, 0, worker.OPEN_FILES, 7, ""]


def test_limits_follow_the_order() -> None:
    once = dict(limits(ORDER))
    again = dict(limits(ORDER | {"space_bytes": None, "process_count": None, "terms": {"is_reused": True}}))

    assert once[resource.RLIMIT_AS] == (2000, 2000)
    assert once[resource.RLIMIT_CPU] == (3, 4)
    assert again[resource.RLIMIT_CPU] == (3, resource.RLIM_INFINITY)
    assert resource.RLIMIT_AS not in again
    assert resource.RLIMIT_NPROC not in again


def test_streams_take_no_more_than_fits_and_never_stop_the_tool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: "os.PathLike[str]"
) -> None:
    path = os.path.join(tmp_path, "out")  # noqa: PTH118  a descriptor's file
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    log = worker._Log(fd)
    log.room = 5
    text = io.TextIOWrapper(io.BufferedWriter(log), "utf-8", line_buffering=True)

    for _ in range(1000):
        print("abc", file=text)

    text.flush()
    with open(path, "rb") as file:  # noqa: PTH123  as above
        assert file.read() == b"abc\na"
    monkeypatch.undo()
    text.close()
    os.close(fd)


def test_what_the_tool_has_closed_is_not_flushed() -> None:
    streams = Streams()
    for text in streams._texts:
        text.detach()

    streams.flush()


async def test_a_worker_answers_and_ends_by_itself(blueprint: MakeBlueprint, setup: MakeSetup) -> None:
    zygote = await zygotes.start(blueprint(), lambda _zygote: None)
    job = Job(setup("print('loaded')\ndef run(n: int) -> int:\n    return n + 1"), variables={"KEY": "value"})
    worker = Hosted(zygote, job)

    answers = await worker.said(job.frames(None), framed(channel.CALL, b'{"n":1}'))

    assert [kind for kind, _payload in answers] == [channel.HELLO, channel.COMPILED, channel.READY, channel.RESULT]
    assert json.loads(answers[-1][1])["output"] == 2
    assert worker.printed() == (b"loaded\n", b"")
    await let_go(zygote)
    assert worker.ended.result() == Ended()  # nobody was left to say how


async def test_a_worker_whose_host_has_gone_ends_without_a_word(blueprint: MakeBlueprint, setup: MakeSetup) -> None:
    zygote = await zygotes.start(blueprint(), lambda _zygote: None)
    worker = Hosted(zygote, Job(setup("def run() -> None: ..."), variables={}))

    assert await worker.said() == [(channel.HELLO, b"")]
    assert worker.printed() == (b"", b"")
    await let_go(zygote)


async def test_what_a_worker_cannot_read_of_its_host_ends_it_with_the_reason(
    blueprint: MakeBlueprint, setup: MakeSetup
) -> None:
    zygote = await zygotes.start(blueprint(), lambda _zygote: None)
    worker = Hosted(zygote, Job(setup("def run() -> None: ..."), variables={}))

    await worker.said(framed(channel.SETUP, b"nonsense"))

    assert (await asyncio.wait_for(worker.ended, 60)).status == NO_WALLS << 8
    assert b"Error: bad marshal data" in worker.printed()[1]
    await let_go(zygote)


async def test_a_worker_without_a_namespace_has_a_folder_and_a_user(
    blueprint: MakeBlueprint, setup: MakeSetup, tmp_path: Path
) -> None:
    drawn = replace(blueprint(Tier.LANDLOCK, network="on"), writable=[str(tmp_path)])
    zygote = await zygotes.start(drawn, lambda _zygote: None)
    code = (
        "import os\ndef run() -> list:\n    return [os.getcwd(), os.environ['HOME'], os.environ['TMPDIR'], os.getuid()]"
    )
    job = Job(setup(code), variables={})
    # The same user: another could not reach an interpreter that lies in this one's home.
    user_id = 0 if os.geteuid() == 0 else None
    worker = Hosted(zygote, job, {"folder": str(tmp_path), "user_id": user_id, "process_count": None})

    answers = await worker.said(job.frames(None), framed(channel.CALL, b"{}"))

    assert worker.printed()[1] == b""
    assert json.loads(answers[-1][1])["output"] == [*[str(tmp_path)] * 3, os.geteuid()]
    await let_go(zygote)


@pytest.mark.parametrize(("program", "status"), [("/usr/bin/true", 0), ("/nowhere", 127)])
@pytest.mark.parametrize("tier", [Tier.NAMESPACES, Tier.NONE])
async def test_a_worker_may_become_a_program(
    blueprint: MakeBlueprint, setup: MakeSetup, tier: Tier, program: str, status: int
) -> None:
    unfiltered = replace(blueprint(tier), is_python=False, zygote_filter=b"", worker_filter=b"")
    zygote = await zygotes.start(unfiltered, lambda _zygote: None)
    job = Job(setup(""), variables={}, command=Command(lambda: (program,), variables={"A": "b"}))
    worker = Hosted(zygote, job)

    assert await worker.said() == [(channel.HELLO, b"")]

    if status:
        assert (await asyncio.wait_for(worker.ended, 60)).status == status << 8
    assert worker.printed()[1].startswith(b"/nowhere: " if status else b"")
    await let_go(zygote)


def test_a_rehearsal_leaves_nothing_behind() -> None:
    """In a process of its own, as it is in a zygote: it closes what descriptors there are above its own."""
    code = f"""
        import os, sys
        sys.path.insert(0, {str(Path(worker.__file__).parents[1])!r})
        from guest import session, worker
        def seen():
            return set(sys.modules), os.listdir("/proc/self/fd"), os.getcwd(), dict(os.environ)
        before = seen()
        worker.rehearse()
        print(seen() == before, session.reporter.send is None, sys.stdout is sys.__stdout__)
    """
    command = [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]

    said = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout

    assert said == "True True True\n"
