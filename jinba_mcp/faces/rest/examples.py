"""An example of each body that may be sent, for the OpenAPI document."""

from collections.abc import Mapping

from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.rest.credit_schemas import CreditChangeIn
from jinba_mcp.faces.rest.draft_schemas import ToolIn, ToolPatchIn, ToolSetIn, ToolSetPatchIn
from jinba_mcp.faces.rest.env_schemas import EnvIn
from jinba_mcp.faces.rest.key_schemas import KeyIn, KeyPatchIn, RotationIn
from jinba_mcp.faces.rest.member_schemas import AcceptanceIn, InvitationIn, RoleIn
from jinba_mcp.faces.rest.organization_schemas import OrganizationIn, OrganizationPatchIn
from jinba_mcp.faces.rest.retention_schemas import RetentionIn
from jinba_mcp.faces.rest.run_schemas import RunIn
from jinba_mcp.faces.rest.schemas import ActivationIn, MarksIn, PublicationIn
from jinba_mcp.faces.rest.user_schemas import (
    ConfirmationIn,
    PasswordChangeIn,
    PasswordConfirmationIn,
    ResetIn,
    ResetWantedIn,
    SignInIn,
    SignUpIn,
    TotpConfirmationIn,
    TotpRemovalIn,
    UserPatchIn,
)
from jinba_mcp.faces.rest.webhook_schemas import WebhookIn, WebhookPatchIn
from jinba_mcp.faces.rest.wire import In

_EMAIL, _PASSWORD = "ada@example.com", "a long sentence nobody guesses"
_CODE = 'def run(name: str) -> dict:\n    """Greet someone."""\n    return {"greeting": f"Hello, {name}!"}\n'

EXAMPLES: Mapping[type[In], JsonObject] = {
    AcceptanceIn: {"name": "Ada", "password": _PASSWORD},
    ActivationIn: {"version": "1.4.0"},
    ConfirmationIn: {"token": "c" * 43, "password": _PASSWORD},
    CreditChangeIn: {"kind": "grant", "amount": 100, "reference": "invoice 7"},
    EnvIn: {"value": "xoxb-…", "secret": True},
    InvitationIn: {"email": _EMAIL, "role": "member"},
    KeyIn: {"name": "Laptop", "scopes": ["read", "execute"], "toolsets": ["greeting-tools"]},
    KeyPatchIn: {"name": "Old laptop", "allowedIps": ["10.0.0.0/8"]},
    MarksIn: {"deprecated": True, "deprecationMessage": "Use 2.0.0."},
    OrganizationIn: {"slug": "acme", "name": "Acme"},
    OrganizationPatchIn: {"name": "Acme Tools"},
    PasswordChangeIn: {"currentPassword": _PASSWORD, "password": "another sentence nobody guesses"},
    PasswordConfirmationIn: {"password": _PASSWORD},
    PublicationIn: {"version": "1.4.0", "releaseNotes": "Greets in French.", "activate": True},
    ResetIn: {"token": "r" * 43, "password": _PASSWORD},
    ResetWantedIn: {"email": _EMAIL},
    RetentionIn: {"days": 30, "count": 100000},
    RoleIn: {"role": "admin"},
    RotationIn: {"overlapSeconds": 3600},
    RunIn: {"name": "Alice"},
    SignInIn: {"email": _EMAIL, "password": _PASSWORD},
    SignUpIn: {"email": _EMAIL, "name": "Ada", "password": _PASSWORD},
    ToolIn: {"slug": "greet", "code": _CODE},
    ToolPatchIn: {"description": "Greets by name.", "inputSchema": None},
    ToolSetIn: {"slug": "greeting-tools", "tags": ["demo"], "tools": [{"slug": "greet", "code": _CODE}]},
    ToolSetPatchIn: {"visibility": "public", "mcpEnabled": True},
    TotpConfirmationIn: {"code": "123456"},
    TotpRemovalIn: {"password": _PASSWORD, "code": "123456"},
    UserPatchIn: {"name": "Ada L."},
    WebhookIn: {"url": "https://example.com/hook", "events": ["tool.run.failed"]},
    WebhookPatchIn: {"enabled": True},
}
