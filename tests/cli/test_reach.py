"""Where a command works: which server is reached, with which key, and what is said of it."""

import socket

import pytest

from jinba_mcp.cli import profile_file, reach
from jinba_mcp.cli.output import Failed, Misused
from jinba_mcp.cli.profile_file import Profile, Profiles
from jinba_mcp.cli.reach import Choice
from jinba_mcp.client import AsyncJinba, Refused
from jinba_mcp.client.documents import Me
from tests.cli.conftest import Jinba, Remote

WORK = Profile(url="https://work.example.com", key="jtb_work")
HOME = Profile(url="https://home.example.com", key="jtb_home")
KEPT = Profiles(profiles={"work": WORK, "home": HOME})


def reached(choice: Choice) -> tuple[str, str | None] | None:
    with reach.choosing(choice):
        found = reach.server()
    return None if found is None else (found.url, found.key)


def test_without_a_word_it_is_the_local_registry() -> None:
    assert reached(Choice()) is None


def test_the_first_that_is_given_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    profile_file.write(KEPT.using("work"))
    assert reached(Choice()) == (WORK.url, "jtb_work")
    monkeypatch.setenv("JINBA_URL", "https://env.example.com/")
    assert reached(Choice()) == ("https://env.example.com", None)
    assert reached(Choice(profile="home")) == (HOME.url, "jtb_home")
    assert reached(Choice(url="https://url.example.com")) == ("https://url.example.com", None)
    assert reached(Choice(is_local=True)) is None


def test_two_answers_to_the_same_question_are_misuse() -> None:
    with pytest.raises(Misused, match="--local, --url and --profile"):
        reached(Choice(profile="home", is_local=True))


def test_a_url_finds_the_key_of_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    profile_file.write(KEPT)
    for url in (HOME.url, HOME.url + "/", HOME.url + "/v1"):
        assert reached(Choice(url=url)) == (HOME.url, "jtb_home")
    monkeypatch.setenv("JINBA_API_KEY", "jtb_env")
    assert reached(Choice(url=HOME.url)) == (HOME.url, "jtb_env")


def test_a_profile_that_is_named_comes_with_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    profile_file.write(KEPT)
    monkeypatch.setenv("JINBA_API_KEY", "jtb_env")
    assert reached(Choice(profile="home")) == (HOME.url, "jtb_home")


def test_what_is_of_the_machine_says_so_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    reach.require_local("--user")
    monkeypatch.setenv("JINBA_URL", WORK.url)
    with pytest.raises(Misused, match=f"--user works on the registry of this machine only, not on {WORK.url}"):
        reach.require_local("--user")


@pytest.mark.parametrize(
    ("url", "is_warned_of"),
    [
        ("http://tools.example.com", True),
        ("http://10.0.0.1:8700", True),
        ("http://127.0.0.1:8700", False),
        ("http://[::1]:8700", False),
        ("http://localhost:8700", False),
        ("https://tools.example.com", False),
    ],
)
def test_a_key_in_the_clear_is_warned_of(url: str, capsys: pytest.CaptureFixture[str], *, is_warned_of: bool) -> None:
    reach.warn_if_open(url)
    assert ("not https" in capsys.readouterr().err) is is_warned_of


@pytest.mark.parametrize(
    ("code", "detail", "sentence"),
    [
        ("request.invalid", "It is wrong.", "It is wrong. /a: too odd; limit: too even"),
        ("request.invalid", "It is wrong, /a: too odd.", "It is wrong, /a: too odd. limit: too even"),
        ("arguments.invalid", "It is wrong.", "It is wrong."),
    ],
)
def test_a_refusal_is_told_with_each_fault_once(code: str, detail: str, sentence: str) -> None:
    faults = [{"pointer": "/a", "detail": "too odd"}, {"parameter": "limit", "detail": "too even"}]
    assert reach.explained(Refused(detail, status=422, code=code, details={"errors": faults})) == sentence


def test_what_the_core_refuses_locally_is_one_sentence(jinba: Jinba) -> None:
    ended = jinba("env", "list", "nothing")
    assert (ended.code, ended.out, ended.err) == (1, "", "Error: There is no ToolSet 'nothing' here.\n")
    ended = jinba("env", "list", "..")
    assert (ended.code, ended.err) == (2, "Error: '..' cannot be a name.\n")
    assert jinba("env", "list", "x", "--org", "nobody").code == 1


def test_a_fault_of_ours_is_not_dressed_up(jinba: Jinba) -> None:
    async def ask(_: AsyncJinba) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        reach.on_server("default", ask)


def test_without_a_key_nothing_is_sent(jinba: Jinba) -> None:
    ended = jinba("env", "list", "x", "--url", "http://127.0.0.1:9")
    assert (ended.code, "Set JINBA_API_KEY, or run: jinba-mcp login http://127.0.0.1:9" in ended.err) == (2, True)


def test_an_address_that_is_none_is_misuse(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_API_KEY", "jtb_key")
    ended = jinba("env", "list", "x", "--url", "tools.example.com")
    assert (ended.code, "no address of a server" in ended.err, "jtb_key" in ended.err) == (2, True, False)


@pytest.mark.parametrize("command", [("env", "list", "x"), ("env", "rotate"), ("login",)])
@pytest.mark.parametrize("url", ["http://[::1", "http://h:65536", "http://u:hunter2@h", "http://u:hunter2/@h"])
def test_an_address_that_leads_nowhere_or_has_a_password_is_misuse_and_not_repeated(
    jinba: Jinba, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], url: str
) -> None:
    monkeypatch.setenv("JINBA_URL", url)
    ended = jinba(*command, stdin=b"jtb_key\n")
    assert (ended.code, ended.out, "hunter2" in ended.err) == (2, "", False)
    assert len(ended.err.splitlines()) == 1


def test_a_server_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("JINBA_API_KEY", "jtb_key")

    async def ask(client: AsyncJinba) -> Me:
        return await client.me()

    with reach.choosing(Choice(url=url)), pytest.raises(Failed, match=url):
        reach.on_server("default", ask, timeout_s=0.2)


@pytest.mark.slow  # starts a server
def test_a_profile_in_use_is_told_but_not_to_scripts(run_jinba: Jinba, remote: Remote) -> None:
    profile_file.write(Profiles().having("far", Profile(url=remote.url, key=remote.key)))
    said = f"On {remote.url} (profile far).\n"
    named = ("env", "list", "greeting-tools", "--org", remote.org)
    assert run_jinba(*named).err.startswith(said)
    assert run_jinba(*named, "--json").err == ""
    assert said not in run_jinba(*named, "--profile", "far").err
    assert run_jinba("env", "rotate").err == f"On the registry of this machine, not on {remote.url}.\n"


@pytest.mark.slow  # starts a server
def test_a_refusal_of_the_server_is_one_sentence(far: Jinba) -> None:
    ended = far("env", "list", "nothing")
    assert (ended.code, ended.err) == (1, "Error: There is no ToolSet 'nothing' here.\n")
