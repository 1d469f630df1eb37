"""One worker, served in this process."""

import os
import threading
from pathlib import Path

import httpx2
import pytest

from jinba_mcp.cli import server, worker
from tests.cli.conftest import AddTool, Jinba

WITHIN_S = 60


@pytest.mark.parametrize("is_loading", [True, False])
def test_it_says_when_it_answers_and_serves_for_as_long_as_its_parent_lives(
    jinba: Jinba, add_tool: AddTool, tmp_path: Path, *, is_loading: bool
) -> None:
    add_tool()
    assert jinba("toolsets", "list", "--json").code == 0
    life, parent = os.pipe()
    told, ready = os.pipe()
    answers: list[httpx2.Response] = []

    with server.listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def ask_and_let_go() -> None:
            if os.read(told, 1):
                answers.append(httpx2.get(f"{url}/readyz", timeout=WITHIN_S))
            os.close(parent)

        asking = threading.Thread(target=ask_and_let_go)
        asking.start()
        fd = os.dup(listener.fileno())
        worker.main(worker.Post(fd, life, ready, "127.0.0.1", str(tmp_path), is_loading))
        asking.join(WITHIN_S)

    for each in (life, told, ready):
        os.close(each)
    assert [answer.status_code for answer in answers] == [200]
