"""What organizations are made, changed and deleted with."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.ids import SLUG_PATTERN
from jinba_mcp.domain.organizations import OrganizationTitle
from jinba_mcp.faces.rest.wire import In, PatchIn, Text

SlugIn = Annotated[str, Field(pattern=SLUG_PATTERN, max_length=63, examples=["acme"])]
TitleIn = Annotated[OrganizationTitle, Field(examples=["Acme Inc."])]


class OrganizationIn(In):
    """A new organization; without a name it is called like its slug."""

    slug: SlugIn
    name: TitleIn | None = None


class OrganizationPatchIn(PatchIn):
    """What to change; what is not given stays as it is."""

    slug: SlugIn | None = None
    name: TitleIn | None = None


class DeletionQuery(In):
    """The organization's slug, to show that it is meant."""

    confirm: Annotated[Text, Field(max_length=63)] | None = None
