"""github-tools against a server that speaks GitHub's REST API (shapes from docs.github.com, API of 2022-11-28)."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.toolsets.local_server import Answer, Request, Server, serving
from tests.toolsets.packaged import caller
from tests.toolsets.running import ArgumentsRefused

TOKEN = "github_pat_not_a_real_token"
REPOSITORY = "octocat/Hello-World"
call = caller("github-tools")


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(lambda _: said({"message": "Not Found"}, 404)) as server:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        yield server


def said(answer: Any, status: int = 200, **headers: str) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8", "X-GitHub-Media-Type": "github.v3; format=json"}
    return Answer(
        json.dumps(answer).encode(), status, kind | {name.replace("_", "-"): headers[name] for name in headers}
    )


def person(login: str) -> dict[str, Any]:
    return {"login": login, "id": 1, "type": "User", "html_url": f"https://github.com/{login}"}


def issue(number: int, **other: Any) -> dict[str, Any]:
    return {
        "id": number * 10,
        "number": number,
        "url": f"https://api.github.com/repos/{REPOSITORY}/issues/{number}",
        "repository_url": f"https://api.github.com/repos/{REPOSITORY}",
        "html_url": f"https://github.com/{REPOSITORY}/issues/{number}",
        "title": "Found a bug",
        "state": "open",
        "state_reason": None,
        "user": person("octocat"),
        "labels": [{"id": 1, "name": "bug", "color": "f29513"}],
        "assignees": [person("hubot")],
        "milestone": {"number": 1, "title": "v1.0"},
        "comments": 2,
        "created_at": "2026-04-22T13:33:48Z",
        "updated_at": "2026-04-23T13:33:48Z",
        "closed_at": None,
        "body": "I'm having a problem with this.",
        **other,
    }


def comment(number: int) -> dict[str, Any]:
    url = f"https://github.com/{REPOSITORY}/issues/1347#issuecomment-{number}"
    return {"id": number, "body": "Me too", "user": None, "created_at": "2026-04-24T00:00:00Z", "html_url": url}


def test_issues_are_searched_with_githubs_own_language(github: Server) -> None:
    pull = issue(7, pull_request={"url": "https://api.github.com/repos/o/r/pulls/7"}, labels=[], user=None)
    github.respond = lambda _: said({"total_count": 40, "incomplete_results": False, "items": [issue(132), pull]})
    output = call("search-issues", query="repo:octocat/Hello-World is:open größe", sort="updated", limit=2, page=3)
    assert (output["total_count"], output["is_complete"]) == (40, True)
    assert output["results"][0] == {
        "repository": REPOSITORY,
        "number": 132,
        "title": "Found a bug",
        "is_pull_request": False,
        "state": "open",
        "author": "octocat",
        "labels": ["bug"],
        "comment_count": 2,
        "created_at": "2026-04-22T13:33:48Z",
        "updated_at": "2026-04-23T13:33:48Z",
        "url": f"https://github.com/{REPOSITORY}/issues/132",
    }
    assert (output["results"][1]["is_pull_request"], output["results"][1]["author"]) == (True, None)
    request = github.requests[0]
    assert (request.method, request.path) == ("GET", "/search/issues")
    assert request.headers["authorization"].endswith(f" {TOKEN}")
    assert request.query == {
        "q": "repo:octocat/Hello-World is:open größe",
        "sort": "updated",
        "order": "desc",
        "per_page": "2",
        "page": "3",
    }


def test_best_match_is_githubs_order_without_a_name(github: Server) -> None:
    github.respond = lambda _: said({"total_count": 0, "incomplete_results": True, "items": []})
    output = call("search-issues", query="crash")
    assert output == {"total_count": 0, "is_complete": False, "results": []}
    assert "sort" not in github.requests[0].query


def test_an_issue_is_read_with_its_comments(github: Server) -> None:
    def respond(request: Request) -> Answer:
        return said([comment(1), comment(2)] if request.path.endswith("/comments") else issue(1347, body="y" * 30_000))

    github.respond = respond
    output = call("get-issue", repository=REPOSITORY, number=1347)
    assert (output["title"], output["milestone"], output["assignees"]) == ("Found a bug", "v1.0", ["hubot"])
    assert len(output["body"]) == 20_000
    assert output["comments"][0] == {
        "author": None,
        "created_at": "2026-04-24T00:00:00Z",
        "body": "Me too",
        "url": f"https://github.com/{REPOSITORY}/issues/1347#issuecomment-1",
    }
    paths = [request.path for request in github.requests]
    assert paths == [f"/repos/{REPOSITORY}/issues/1347", f"/repos/{REPOSITORY}/issues/1347/comments"]


def test_an_issue_without_text_and_comments_takes_one_request(github: Server) -> None:
    github.respond = lambda _: said(issue(1, body=None, comments=0, milestone=None, state="closed", user=None))
    output = call("get-issue", repository=REPOSITORY, number=1)
    assert (output["body"], output["comments"], output["milestone"], output["author"]) == ("", [], None, None)
    assert len(github.requests) == 1


def test_an_issue_is_opened_once(github: Server) -> None:
    github.respond = lambda _: said(issue(1347), 201)
    output = call(
        "create-issue",
        repository=REPOSITORY,
        title=" Found a bug ",
        body="Details",
        labels=["bug"],
        assignees=["hubot"],
    )
    assert output == {
        "number": 1347,
        "title": "Found a bug",
        "url": f"https://github.com/{REPOSITORY}/issues/1347",
        "labels": ["bug"],
        "assignees": ["hubot"],
    }
    assert [(request.method, request.path) for request in github.requests] == [("POST", f"/repos/{REPOSITORY}/issues")]
    assert json.loads(github.requests[0].body) == {
        "title": "Found a bug",
        "body": "Details",
        "labels": ["bug"],
        "assignees": ["hubot"],
    }


def test_a_comment_is_written(github: Server) -> None:
    github.respond = lambda _: said(comment(9), 201)
    output = call("add-comment", repository=REPOSITORY, number=1347, body="Me too")
    assert (output["id"], output["created_at"]) == (9, "2026-04-24T00:00:00Z")
    assert json.loads(github.requests[0].body) == {"body": "Me too"}


def test_pull_requests_are_listed_with_branches_and_reviewers(github: Server) -> None:
    pull = issue(
        1347,
        draft=True,
        merged_at=None,
        head={"label": "octocat:new-topic", "ref": "new-topic", "sha": "6dcb09b"},
        base={"label": "octocat:main", "ref": "main", "sha": "6dcb09b"},
        requested_reviewers=[person("other_user")],
    )
    merged = issue(1, merged_at="2026-04-24T00:00:00Z", head={"label": None, "ref": "gone"}, base={"ref": "main"})
    github.respond = lambda _: said([pull, merged])
    output = call("list-pull-requests", repository=REPOSITORY, state="all", base="main", head="octocat:x", limit=2)
    first, second = output["pull_requests"]
    assert (first["head"], first["base"], first["is_draft"], first["is_merged"]) == (
        "octocat:new-topic",
        "main",
        True,
        False,
    )
    assert first["reviewers"] == ["other_user"]
    assert (second["head"], second["is_merged"]) == ("gone", True)
    assert output["may_have_more"] is True
    assert github.requests[0].query["state"] == "all"
    assert (github.requests[0].query["base"], github.requests[0].query["head"]) == ("main", "octocat:x")


def test_a_file_is_read_as_text_at_a_ref(github: Server) -> None:
    content = base64.encodebytes("\ufeffprint('größe')\n".encode()).decode()
    found = {
        "type": "file",
        "encoding": "base64",
        "size": 17,
        "path": "src/a b.py",
        "content": content,
        "sha": "95b966a",
    }
    github.respond = lambda _: said(found)
    output = call("get-file", repository=REPOSITORY, path="/src/a b.py", ref="v1.0", max_characters=5)
    assert (output["text"], output["truncated"], output["kind"], output["sha"]) == ("print", True, "file", "95b966a")
    assert github.requests[0].path == f"/repos/{REPOSITORY}/contents/src/a%20b.py"
    assert github.requests[0].query == {"ref": "v1.0"}


def test_a_folder_is_listed(github: Server) -> None:
    entry = {"type": "file", "size": 625, "name": "a.py", "path": "lib/a.py", "sha": "fff"}
    github.respond = lambda _: said([entry] * 300)
    output = call("get-file", repository=REPOSITORY, path="lib")
    assert (output["kind"], output["text"], output["size"], output["truncated"]) == ("dir", None, 300, True)
    assert output["entries"][0] == {"path": "lib/a.py", "kind": "file", "size": 625}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"type": "file", "encoding": "none", "size": 2_000_000, "content": ""}, "at most 1 MB"),
        (
            {"type": "file", "encoding": "base64", "content": base64.b64encode(b"\xff\xfe").decode()},
            "not text in UTF-8",
        ),
        ({"type": "submodule", "path": "vendor"}, "is a submodule, not a file"),
    ],
)
def test_what_is_no_text_is_said(github: Server, found: dict[str, Any], message: str) -> None:
    github.respond = lambda _: said(found)
    with pytest.raises(ValueError, match=message):
        call("get-file", repository=REPOSITORY, path="x")


def test_a_path_cannot_leave_the_repository(github: Server) -> None:
    with pytest.raises(ValueError, match=r"must not hold '\.\.'"):
        call("get-file", repository=REPOSITORY, path="../../../user")
    assert github.requests == []


@pytest.mark.parametrize("repository", ["octocat", "octocat/..", "a/b/c", "../x", "octocat/Hello World", "a/b?x=1"])
def test_a_repository_is_owner_and_name(github: Server, repository: str) -> None:
    with pytest.raises(ArgumentsRefused):
        call("get-issue", repository=repository, number=1)
    assert github.requests == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (said({"message": "Bad credentials"}, 401), "does not accept the token"),
        (said({"message": "Resource not accessible by personal access token"}, 403), "may not do this"),
        (said({"message": "Not Found"}, 404), "no such issue"),
        (said({"message": "This issue was deleted"}, 410), "was deleted"),
        (said({"message": "Server Error"}, 500), "status 500: Server Error"),
        (said({"message": "API rate limit exceeded for user ID 1."}, 403), "Call again in 60 seconds"),
        (said({"message": "You have exceeded a secondary rate limit"}, 403, retry_after="17"), "again in 17 seconds"),
        (said({"message": "Slow down"}, 429, x_ratelimit_remaining="0", x_ratelimit_reset="1"), "again in 1 seconds"),
        (said({"message": "Slow down"}, 429, retry_after="999999"), "again in 3600 seconds"),
    ],
)
def test_what_github_refuses_is_said_in_a_sentence(github: Server, answer: Answer, sentence: str) -> None:
    github.respond = lambda _: answer
    with pytest.raises(RuntimeError, match=sentence) as raised:
        call("get-issue", repository=REPOSITORY, number=1)
    assert TOKEN not in str(raised.value)
    assert len(github.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [Answer(b"<html>Bad gateway</html>", 502, {"Content-Type": "text/html"}), Answer(b"{not json", 200)],
    ids=["a page of a proxy", "broken JSON"],
)
def test_nonsense_from_the_server_is_a_sentence(github: Server, answer: Answer) -> None:
    github.respond = lambda _: answer
    with pytest.raises(RuntimeError, match=r"^GitHub (gave no usable answer|refuses this with status 502)"):
        call("get-issue", repository=REPOSITORY, number=1)


def test_no_connection_is_a_sentence(github: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    with pytest.raises(RuntimeError, match="GitHub gave no usable answer"):
        call("search-issues", query="x")


def test_the_token_is_asked_for_and_never_sent_in_the_clear(github: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://api.github.com")
    with pytest.raises(RuntimeError, match="must begin with https"):
        call("search-issues", query="x")
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(RuntimeError, match="Set a GitHub personal access token"):
        call("search-issues", query="x")
    assert github.requests == []
