"""Which refusals of well-formed requests are right: those for what a request means, which no schema can say.

Everything else that schemathesis finds is a fault, of the server or of the document.
"""

import json
import re

EXPECTED_STATUSES = ("2xx", "3xx", "401", "402", "403", "404", "409", "412", "413", "429")
"""Of well-formed requests: the last ones depend on who asks, what is there, what state it is in and how much it is."""

REFUSALS = ("400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "428", "429", "5xx")
"""Of requests that break a rule: schemathesis' own, and those for what may be wrong beside it, such as the size."""

CODES = {
    "archive.invalid": "bytes may be anything but the archive that they claim to be",
    "arguments.invalid": "which arguments fit is the tool's to say, not this document's",
    "confirmation.invalid": "tokens are opaque",
    "cursor.invalid": "cursors are opaque",
    "environment.failed": "the packages that were asked for are nowhere, or nowhere that can be reached",
    "folder.invalid": "an archive may hold anything",
    "packages.unresolvable": "which packages there are is their registry's to say",
    "reset.invalid": "tokens are opaque",
    "sandbox.unavailable": "a sandbox that this server does not have may be asked for",
    "schema.invalid": "what makes a JSON Schema is more than a schema of it says",
    "tool.code_invalid": "code is text until it is read",
}
DETAILS = {
    r"^must be https|^must have no user name|^Invalid IPv6 URL|^is no |^has no port|^leads ": "where a URL leads",
    r"not an IP network": "more than its characters",
    r"this time has passed already": "time goes on",
    r"it must be before `until`": "two parameters together",
    r"at most \d+ days before `until`": "two parameters together",
    r"a time within the years 1 to 9999": "in UTC, where the day may be another",
    r"not the code of this moment": "codes are opaque",
    r"not the version that the query names": "query and body together",
    r"a test runs the draft, which has no version": "a tool may have an argument called `version`",
    r"from \d+ to \d+ characters": "counted after normalization",
    r"too (repetitive|close|easy|common)|guess": "what is easy to guess has no pattern",
    r"a new account needs a name and a password": "unless someone is signed in",
    r"a key stands here twice|'.*' stands here twice": "a schema tells equal items, not equal keys",
    r"1 to 8 words of letters or digits": "letters of every script have no pattern that all languages share",
    r"^at most \d+: this server keeps no": "how long runs are kept is a setting",
    r"^there is no organization ": "which organizations there are is no schema's to say",
    r"^A schema holds no NUL": "JSON Schemas nest, and the document cannot say this of every text in one",
    r"is reserved": "names that stand in URLs already",
}


def is_right(status: int, body: bytes) -> bool:
    """Whether a refusal with `status` and problem `body` is for what a well-formed request means."""
    if status not in (400, 503):
        return False
    try:
        problem = json.loads(body)
    except ValueError:
        return False
    if problem.get("code") in CODES:
        return True
    if problem.get("code") != "request.invalid":
        return False
    faults = [str(fault.get("detail")) for fault in problem.get("errors", ())]
    return bool(faults) and all(any(re.search(known, fault) for known in DETAILS) for fault in faults)
