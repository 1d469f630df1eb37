"""The client's documents are what REST answers with, field by field."""

from enum import StrEnum
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel

from jinba_mcp.client import documents, public_documents
from jinba_mcp.domain.credits import CreditKind
from jinba_mcp.domain.deliveries import DeliveryStatus
from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.webhooks import EventName
from jinba_mcp.faces.rest import (
    audit_schemas,
    credit_schemas,
    env_schemas,
    explore_schemas,
    key_schemas,
    member_schemas,
    retention_schemas,
    run_schemas,
    schemas,
    statistics_schemas,
    user_schemas,
    webhook_schemas,
)

PAIRS: dict[type[Any], type[BaseModel]] = {
    documents.OrganizationName: schemas.OrganizationName,
    documents.Organization: schemas.OrganizationOut,
    documents.Retention: retention_schemas.RetentionOut,
    documents.UserName: schemas.UserName,
    documents.User: user_schemas.UserOut,
    documents.Member: member_schemas.MemberOut,
    documents.Invitation: member_schemas.InvitationOut,
    documents.IssuedInvitation: member_schemas.IssuedInvitationOut,
    documents.Offer: member_schemas.OfferOut,
    documents.Key: key_schemas.KeyOut,
    documents.IssuedKey: key_schemas.IssuedKeyOut,
    documents.Me: schemas.MeOut,
    documents.Tool: schemas.ToolOut,
    documents.ToolDetail: schemas.ToolDetailOut,
    documents.ToolSet: schemas.ToolSetOut,
    documents.ToolSetDetail: schemas.ToolSetDetailOut,
    documents.Version: schemas.VersionOut,
    documents.VersionDetail: schemas.VersionDetailOut,
    documents.Diff: schemas.DiffOut,
    documents.Variable: env_schemas.EnvOut,
    documents.RunError: run_schemas.RunErrorOut,
    documents.RunLogs: run_schemas.RunLogsOut,
    documents.RunResult: run_schemas.RunResultOut,
    documents.Run: run_schemas.RunOut,
    documents.Statistics: statistics_schemas.StatisticsOut,
    documents.AuditEntry: audit_schemas.AuditEntryOut,
    documents.Webhook: webhook_schemas.WebhookOut,
    documents.IssuedWebhook: webhook_schemas.IssuedWebhookOut,
    documents.Attempt: webhook_schemas.AttemptOut,
    documents.Delivery: webhook_schemas.DeliveryOut,
    documents.Balance: credit_schemas.CreditsOut,
    documents.CreditTransaction: credit_schemas.CreditTransactionOut,
    public_documents.Publisher: explore_schemas.PublisherOut,
    public_documents.PublicToolSet: explore_schemas.PublicToolSetOut,
    public_documents.PublicToolSetDetail: explore_schemas.PublicToolSetDetailOut,
    public_documents.PublicToolSetList: explore_schemas.PublicToolSetList,
    public_documents.Tag: explore_schemas.TagOut,
}
WORDS: dict[Any, type[StrEnum]] = {
    documents.Role: Role,
    documents.EventName: EventName,
    documents.DeliveryStatus: DeliveryStatus,
    documents.CreditKind: CreditKind,
    documents.RunStatus: RunStatus,
}


@pytest.mark.parametrize(("document", "schema"), PAIRS.items(), ids=lambda each: each.__name__)
def test_a_document_has_the_fields_of_its_schema(document: type[Any], schema: type[BaseModel]) -> None:
    sent = {field.alias or name for name, field in schema.model_fields.items()}
    assert get_type_hints(document).keys() - {"etag"} == sent


def defined_in(module: ModuleType) -> set[type[Any]]:
    """The documents of a module."""
    return {each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__}


def test_every_document_is_held_against_a_schema() -> None:
    assert defined_in(documents) | defined_in(public_documents) == PAIRS.keys()


def test_a_word_is_one_of_those_that_the_server_knows() -> None:
    assert {words: list(get_args(words)) for words in WORDS} == {words: list(enum) for words, enum in WORDS.items()}
