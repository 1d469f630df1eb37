"""What a fresh registry is filled with, so that generated requests find something to work on."""

from typing import Any

import httpx2

from tests.clients.serving import COMMAND_TIMEOUT_S, Registry

PASSWORD = "a long sentence nobody guesses"
OWNER = "owner@example.com"
HOOK_HOST = "127.0.0.1:9"
"""Nobody listens there, so that every delivery fails at once and nothing leaves the machine."""
SLUGS = ("first", "second", "third")
_CODE = 'def run(name: str) -> dict:\n    """Greet someone."""\n    return {"greeting": name}\n'
_FAILING = 'def run(name: str = "") -> dict:\n    raise ValueError(name)\n'


def sow(registry: Registry, key: str) -> dict[str, list[str]]:
    """Makes a few of everything, as an admin; returns their names and ids by parameter of a path."""
    organization = registry.organization(key)

    def made(path: str, body: Any = None, method: str = "POST") -> Any:
        return registry.ask(key, f"/orgs/{organization}{path}", method=method, body=body)

    for slug in SLUGS:
        _publish(made, slug)
    runs = [made(f"/toolsets/{slug}/tools/{tool}/run", {"name": "Ada"}) for slug in SLUGS for tool in ("greet", "fail")]
    keys = [made("/api-keys", {"name": f"Key {number}"}) for number in range(3)]
    invitations = [made("/invitations", {"email": f"guest{number}@example.com"}) for number in range(3)]
    hook = {"url": f"http://{HOOK_HOST}/", "events": ["tool.run.failed"]}
    hooks = [made("/webhooks", hook) for _ in range(2)]
    deliveries = [made(f"/webhooks/{hook['id']}/test") for hook in hooks]
    members = registry.ask(key, f"/orgs/{organization}/members")["data"]
    return {
        "org": [organization],
        "slug": list(SLUGS),
        "tool": ["greet", "fail"],
        "version": ["1.0.0", "1.0.1", "draft"],
        "otherVersion": ["1.0.0", "1.0.1", "draft"],
        "runId": [run["id"] for run in runs],
        "envKey": ["TOKEN", "PLAIN", "OTHER"],
        "keyId": [each["id"] for each in keys],
        "userId": [member["userId"] for member in members],
        "invitationId": [each["id"] for each in invitations],
        "token": [each["link"].rpartition("/")[2] for each in invitations],
        "webhookId": [hook["id"] for hook in hooks],
        "deliveryId": [delivery["id"] for delivery in deliveries],
    }


def add_owner(registry: Registry) -> None:
    """Someone who owns the organization, and may sign in."""
    token = registry.run("users", "add", OWNER, "--org", "default", "--role", "owner")["token"]
    body = {"token": token, "password": PASSWORD}
    httpx2.post(f"{registry.url}/v1/auth/password/reset", json=body, timeout=COMMAND_TIMEOUT_S).raise_for_status()


def archive(registry: Registry, key: str, slug: str) -> bytes:
    """The ToolSet as a ZIP file."""
    address = f"{registry.url}/v1/orgs/{registry.organization(key)}/toolsets/{slug}/export"
    answer = httpx2.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=COMMAND_TIMEOUT_S)
    return answer.raise_for_status().content


def _publish(made: Any, slug: str) -> None:
    """A public ToolSet with two versions and two variables."""
    tools = [{"slug": "greet", "code": _CODE}, {"slug": "fail", "code": _FAILING}]
    made("/toolsets", {"slug": slug, "visibility": "public", "mcpEnabled": True, "tags": ["demo"], "tools": tools})
    made(f"/toolsets/{slug}/versions", {})
    made(f"/toolsets/{slug}/tools/greet", {"description": "Greets by name."}, "PATCH")
    made(f"/toolsets/{slug}/versions", {"activate": True})
    made(f"/toolsets/{slug}/env/TOKEN", {"value": "something secret", "secret": True}, "PUT")
    made(f"/toolsets/{slug}/env/PLAIN", {"value": "something plain"}, "PUT")
