"""Answer administrators over HTTP; decides nothing about accounts."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import FastAPI, Query, Request

from loquent.accounting.registry import Registry
from loquent.api.admin.addresses import Address, actor_of, add_addresses, no_accounts
from loquent.api.admin.administration import Administration
from loquent.api.admin.bodies import (
    KeyPatch,
    NewKey,
    NewOrganisation,
    NewProject,
    OrganisationPatch,
    ProjectPatch,
    Rotation,
    read_body,
)
from loquent.api.admin.schemas import (
    AuditPage,
    AuditQuestion,
    Ended,
    Erased,
    KeyAnswer,
    KeyList,
    KeysQuestion,
    NewKeyAnswer,
    OrganisationAnswer,
    OrganisationList,
    ProjectAnswer,
    ProjectList,
    ProjectsQuestion,
    RevokeQuestion,
)
from loquent.api.dialects import DIALECTS
from loquent.api.usage_report import kept
from loquent.ports import Ledger, Treasury

ORGANISATIONS: Final = "/admin/organisations"
PROJECTS: Final = "/admin/projects"
KEYS: Final = "/admin/keys"
AUDIT: Final = "/admin/audit"


def add_admin_routes(
    app: FastAPI,
    registry: Registry | None,
    treasury: Treasury | None,
    ledger: Ledger | None,
    currency: str,
) -> None:
    """Add organisations, projects, keys and the audit, under every prefix.

    Args:
        registry: None where there are no accounts; the routes say so.
        ledger: from which personal data is erased.
        currency: of all budgets.
    """
    office = Administration(registry, treasury, currency) if registry else None
    add_addresses(app, AdminEndpoints(office, ledger).addresses(), DIALECTS)


class AdminEndpoints:
    """The endpoints over one administration."""

    def __init__(self, office: Administration | None, ledger: Ledger | None) -> None:
        self._there = office
        self._ledger = ledger

    def addresses(self) -> tuple[Address, ...]:
        """Return all there is."""
        organisation = f"{ORGANISATIONS}/{{organisation_id}}"
        project, key = f"{PROJECTS}/{{project_id}}", f"{KEYS}/{{key_id}}"
        return (
            Address("GET", ORGANISATIONS, self.list_organisations),
            Address("POST", ORGANISATIONS, self.create_organisation, NewOrganisation),
            Address("GET", organisation, self.show_organisation),
            Address("PATCH", organisation, self.change_organisation, OrganisationPatch),
            Address("DELETE", organisation, self.close_organisation),
            Address("GET", PROJECTS, self.list_projects),
            Address("POST", PROJECTS, self.create_project, NewProject),
            Address("GET", project, self.show_project),
            Address("PATCH", project, self.change_project, ProjectPatch),
            Address("DELETE", project, self.close_project),
            Address("DELETE", f"{project}/personal-data", self.erase_personal_data),
            Address("GET", KEYS, self.list_keys),
            Address("POST", KEYS, self.create_key, NewKey),
            Address("GET", key, self.show_key),
            Address("PATCH", key, self.change_key, KeyPatch),
            Address("DELETE", key, self.revoke_key),
            Address("POST", f"{key}/rotate", self.rotate_key, Rotation),
            Address("GET", AUDIT, self.show_audit),
        )

    @property
    def _office(self) -> Administration:
        """Raises: NotFoundError: if there are no accounts."""
        if self._there is None:
            raise no_accounts()
        return self._there

    async def list_organisations(self, request: Request) -> OrganisationList:
        """List the organisations that the key administers."""
        return await self._office.list_organisations(actor_of(request))

    async def create_organisation(self, request: Request) -> OrganisationAnswer:
        """Make an organisation."""
        office, body = self._office, await read_body(request, NewOrganisation)
        return await office.create_organisation(actor_of(request), body)

    async def show_organisation(self, request: Request, organisation_id: str) -> OrganisationAnswer:
        """Show an organisation, and what is left of its budget."""
        return await self._office.show_organisation(actor_of(request), organisation_id)

    async def change_organisation(
        self, request: Request, organisation_id: str
    ) -> OrganisationAnswer:
        """Change what is named of an organisation; null clears it."""
        office, body = self._office, await read_body(request, OrganisationPatch)
        return await office.change_organisation(actor_of(request), organisation_id, body)

    async def close_organisation(self, request: Request, organisation_id: str) -> Ended:
        """Close an organisation with its projects; their keys end."""
        return await self._office.close_organisation(actor_of(request), organisation_id)

    async def list_projects(
        self, request: Request, question: Annotated[ProjectsQuestion, Query()]
    ) -> ProjectList:
        """List the projects that the key administers."""
        return await self._office.list_projects(actor_of(request), question.organisation)

    async def create_project(self, request: Request) -> ProjectAnswer:
        """Make a project."""
        office, body = self._office, await read_body(request, NewProject)
        return await office.create_project(actor_of(request), body)

    async def show_project(self, request: Request, project_id: str) -> ProjectAnswer:
        """Show a project, and what is left of its budget."""
        return await self._office.show_project(actor_of(request), project_id)

    async def change_project(self, request: Request, project_id: str) -> ProjectAnswer:
        """Change what is named of a project; null clears it."""
        office, body = self._office, await read_body(request, ProjectPatch)
        return await office.change_project(actor_of(request), project_id, body)

    async def close_project(self, request: Request, project_id: str) -> Ended:
        """Close a project; its keys end."""
        return await self._office.close_project(actor_of(request), project_id)

    async def erase_personal_data(self, request: Request, project_id: str) -> Erased:
        """Erase what points to persons from the usage of a project; sums stay."""
        ledger = kept(self._ledger)
        return await self._office.erase(actor_of(request), project_id, ledger)

    async def list_keys(
        self, request: Request, question: Annotated[KeysQuestion, Query()]
    ) -> KeyList:
        """List the keys that the key administers, never a secret."""
        return await self._office.list_keys(actor_of(request), question.project)

    async def create_key(self, request: Request) -> NewKeyAnswer:
        """Make a key; this answer alone holds it."""
        office, body = self._office, await read_body(request, NewKey)
        return await office.create_key(actor_of(request), body)

    async def show_key(self, request: Request, key_id: str) -> KeyAnswer:
        """Show a key without its secret, and what is left of its budget."""
        return await self._office.show_key(actor_of(request), key_id)

    async def change_key(self, request: Request, key_id: str) -> KeyAnswer:
        """Change what is named of a key; null clears it."""
        office, body = self._office, await read_body(request, KeyPatch)
        return await office.change_key(actor_of(request), key_id, body)

    async def revoke_key(
        self, request: Request, key_id: str, question: Annotated[RevokeQuestion, Query()]
    ) -> Ended:
        """End a key and, unless told otherwise, the keys that it made."""
        keep = question.keep_children
        return await self._office.revoke_key(actor_of(request), key_id, keep_children=keep)

    async def rotate_key(self, request: Request, key_id: str) -> NewKeyAnswer:
        """Give a key another secret; the one before still opens for a while."""
        office, body = self._office, await read_body(request, Rotation)
        return await office.rotate_key(actor_of(request), key_id, body.overlap_seconds)

    async def show_audit(
        self, request: Request, question: Annotated[AuditQuestion, Query()]
    ) -> AuditPage:
        """List what administrators did, the latest first."""
        return await self._office.audit(actor_of(request), question)
