"""A ToolSet from nothing to a server and back, as its author goes about it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Jinba, Remote

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("walls")
def test_a_new_folder_is_pushed_to_a_server_run_there_changed_and_pulled(
    run_jinba: Jinba, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JINBA_API_KEY", remote.key)
    there = ("--url", remote.url, "--org", remote.org)
    assert run_jinba("toolsets", "init", "weather-tools").code == 0

    pushed = run_jinba("toolsets", "push", "weather-tools", *there)
    assert (pushed.code, pushed.out) == (0, "weather-tools: new, 1.0.0 (active)\n"), pushed.err
    ran = run_jinba("tools", "run", "weather-tools/greet", "name=Al", *there)
    assert (ran.code, '"message": "Hello, Al!"' in ran.out) == (0, True), ran.err

    # What was just pushed says the same, so that its comments stay; elsewhere it is written whole.
    text = (tmp_path / "weather-tools" / "toolset.yml").read_text()
    assert run_jinba("toolsets", "pull", "weather-tools", *there, "--json").code == 0
    assert (tmp_path / "weather-tools" / "toolset.yml").read_text() == text
    assert run_jinba("toolsets", "pull", "weather-tools", "back/weather-tools", *there).code == 0
    again = run_jinba("toolsets", "push", "back/weather-tools", *there)
    assert again.out == "weather-tools: unchanged, 1.0.0 (active)\n", again.err

    code = tmp_path / "back" / "weather-tools" / "tools" / "greet" / "main.py"
    code.write_text(code.read_text().replace("Hello", "Welcome"))
    tested = run_jinba("toolsets", "push", "back/weather-tools", "--draft", *there)
    assert tested.out == "weather-tools: draft saved\n", tested.err
    assert "Welcome, Al!" in run_jinba("toolsets", "test", "weather-tools", "greet", "name=Al", *there).out
    assert run_jinba("toolsets", "diff", "weather-tools", "1.0.0", "draft", *there).out == "~ greet (code)\n"
    assert run_jinba("toolsets", "pull", "weather-tools", *there).code == 1, "the first folder says something else"
    assert run_jinba("toolsets", "pull", "weather-tools", "--force", *there).code == 0
    assert "Welcome" in (tmp_path / "weather-tools" / "tools" / "greet" / "main.py").read_text()
    assert run_jinba("toolsets", "list", "--local", "--json").json["data"] == [], "the machine's own was touched"
