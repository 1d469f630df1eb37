"""`jinba-mcp webhooks`, here and on a server."""

from tests.cli.conftest import Jinba

URL = "https://hooks.example.invalid/"


def created(jinba: Jinba) -> str:
    return str(jinba("webhooks", "create", URL, "--event", "member.added", "--json").json["id"])


def test_a_created_webhook_is_listed_and_its_secret_printed_once(either: Jinba) -> None:
    wanted = ["--event", "member.added", "--event", "tool.run.failed", "--event", "member.added"]
    made = either("webhooks", "create", URL, *wanted, "--json").json
    assert made["events"] == ["tool.run.failed", "member.added"]
    assert made["secret"].startswith("whsec_")
    listed = either("webhooks", "list", "--json")
    assert [each["id"] for each in listed.json["data"]] == [made["id"]]
    assert "whsec_" not in listed.out
    assert made["id"] in either("webhooks", "list").out


def test_people_get_the_secret_alone_on_standard_output(jinba: Jinba) -> None:
    made = jinba("webhooks", "create", URL, "--event", "member.added")
    assert made.out.startswith("whsec_")
    assert "not shown again" in made.err
    webhook_id = jinba("webhooks", "list", "--json").json["data"][0]["id"]
    rotated = jinba("webhooks", "rotate", webhook_id)
    assert rotated.out.startswith("whsec_")
    assert rotated.out != made.out
    assert jinba("webhooks", "rotate", webhook_id, "--json").json["secret"] != rotated.out.strip()


def test_a_private_url_and_an_unknown_event_are_refused(jinba: Jinba) -> None:
    ended = jinba("webhooks", "create", "https://127.0.0.1/", "--event", "member.added")
    assert (ended.code, ended.out) == (1, "")
    assert "private network" in ended.err
    assert jinba("webhooks", "create", URL, "--event", "webhook.test").code == 2


def test_a_webhook_is_turned_off_and_on_and_deleted(jinba: Jinba) -> None:
    webhook_id = created(jinba)
    assert jinba("webhooks", "disable", webhook_id).out == f"{webhook_id} is off.\n"
    assert jinba("webhooks", "enable", webhook_id, "--json").json["enabled"] is True
    assert jinba("webhooks", "delete", webhook_id).out == f"Deleted {webhook_id}.\n"
    another = created(jinba)
    assert jinba("webhooks", "delete", another, "--json").json == {"id": another, "deleted": True}
    ended = jinba("webhooks", "enable", webhook_id)
    assert (ended.code, ended.out) == (1, "")


def test_a_test_says_what_came_of_it_and_is_logged_and_repeated(either: Jinba) -> None:
    webhook_id = created(either)
    tested = either("webhooks", "test", webhook_id, "--json").json
    assert (tested["event"], tested["status"]) == ("webhook.test", "failed")
    listed = either("webhooks", "deliveries", webhook_id, "--json").json["data"]
    assert listed == [tested]
    table = either("webhooks", "deliveries", webhook_id).out
    assert tested["id"] in table
    again = either("webhooks", "redeliver", webhook_id, tested["id"]).out
    assert again.startswith(f"{tested['id']} failed: ")
