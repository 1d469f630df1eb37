"""What schemathesis runs of ours, in its own environment: archives to send, whom to spare, and what was answered."""

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import strategies

from tests.fuzz import verdicts

_TOLD: dict[str, Any] = json.loads(Path(os.environ["FUZZ_TOLD"]).read_text(encoding="utf-8"))
_ANSWERED: list[str] = []
"""What was asked and how it was answered. Appended to by several threads."""
_NOBODY = "key_00000000000000000000000000"
_SIGNED_IN: dict[str, str] = {}
_ARCHIVES = [bytes.fromhex(archive) for archive in _TOLD["archives"]]


def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Spare the key that asks, without which every answer would be a 401; or be a user, who does not sign out."""
    if case.method == "PATCH" and case.path_parameters.get("webhookId") in _TOLD["webhook_ids"]:
        _spare_address(case)
    if case.method != "GET" and case.path_parameters.get("keyId") == _TOLD["key_id"]:
        case.path_parameters["keyId"] = _NOBODY
    if "user" in _TOLD and not case.path.endswith("/sign-out"):
        case.headers.update(_SIGNED_IN or _sign_in())


def after_call(context: Any, case: Any, response: Any) -> None:
    """Count it, and sign in again after what ends the session."""
    _ANSWERED.append(f"{case.operation.label} {response.status_code}")
    # A wrong password or code is a 401 as well, and who signs in too often has to wait.
    if b'"session.unknown"' in response.content:
        _SIGNED_IN.clear()


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop what is no fault."""
    kinds = ("RejectedPositiveData", "ServerError")
    return type(failure).__name__ not in kinds or not verdicts.is_right(response.status_code, response.content)


def _spare_address(case: Any) -> None:
    """Each test of a webhook would wait ten seconds for a host that is not there; new ones have such hosts."""
    body = case.body
    if isinstance(body, dict) and str(body.get("url")).startswith("https://"):
        case.body = {**body, "url": f"http://{_TOLD['hook_host']}/"}


def _sign_in() -> dict[str, str]:
    answer = requests.post(f"{_TOLD['url']}/v1/auth/sign-in", json=_TOLD["user"], timeout=30)
    if answer.ok:
        cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        _SIGNED_IN.update({"Cookie": cookies, "X-CSRF-Token": answer.json()["csrfToken"]})
    return _SIGNED_IN


def _tell() -> None:
    Path(os.environ["FUZZ_TALLY"]).write_text(json.dumps(Counter(_ANSWERED)), encoding="utf-8")


for hook in (before_call, after_call, filter_failure):
    schemathesis.hook(hook)
schemathesis.openapi.media_type("application/zip", strategies.sampled_from(_ARCHIVES) | strategies.binary())
atexit.register(_tell)
