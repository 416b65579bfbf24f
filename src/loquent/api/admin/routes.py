"""Answer administrators over HTTP; decides nothing about accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request

from loquent.accounting.registry import Registry
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
from loquent.api.live.openai_fields import StrictPart
from loquent.api.openapi import described_body, error_answers
from loquent.api.usage_report import kept
from loquent.domain import errors
from loquent.domain.accounts import Caller
from loquent.domain.errors import NotFoundError
from loquent.ports import Ledger, Treasury

ORGANISATIONS: Final = "/admin/organisations"
PROJECTS: Final = "/admin/projects"
KEYS: Final = "/admin/keys"
AUDIT: Final = "/admin/audit"

_ERRORS: Final = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.LedgerUnavailableError,
)
_ERRORS_OF_CHANGES: Final = (*_ERRORS, errors.ConflictError)
_ERRORS_OF_BODIES: Final = (
    *_ERRORS_OF_CHANGES,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
)


@dataclass(frozen=True, slots=True)
class _Address:
    """One method of one address.

    Attributes:
        body: what has to be sent, if anything.
    """

    method: str
    path: str
    endpoint: Callable[..., Any]
    body: type[StrictPart] | None = None

    @property
    def errors(self) -> tuple[type[errors.LoquentError], ...]:
        if self.body:
            return _ERRORS_OF_BODIES
        return _ERRORS if self.method == "GET" else _ERRORS_OF_CHANGES


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
    for address in AdminEndpoints(office, ledger).addresses():
        for prefix, dialect in DIALECTS.items():
            app.add_api_route(
                prefix + address.path,
                address.endpoint,
                methods=[address.method],
                responses=error_answers(address.errors, dialect.error_style),
                openapi_extra=described_body(address.body) if address.body else None,
            )


class AdminEndpoints:
    """The endpoints over one administration."""

    def __init__(self, office: Administration | None, ledger: Ledger | None) -> None:
        self._there = office
        self._ledger = ledger

    def addresses(self) -> tuple[_Address, ...]:
        """Return all there is."""
        organisation = f"{ORGANISATIONS}/{{organisation_id}}"
        project, key = f"{PROJECTS}/{{project_id}}", f"{KEYS}/{{key_id}}"
        return (
            _Address("GET", ORGANISATIONS, self.list_organisations),
            _Address("POST", ORGANISATIONS, self.create_organisation, NewOrganisation),
            _Address("GET", organisation, self.show_organisation),
            _Address("PATCH", organisation, self.change_organisation, OrganisationPatch),
            _Address("DELETE", organisation, self.close_organisation),
            _Address("GET", PROJECTS, self.list_projects),
            _Address("POST", PROJECTS, self.create_project, NewProject),
            _Address("GET", project, self.show_project),
            _Address("PATCH", project, self.change_project, ProjectPatch),
            _Address("DELETE", project, self.close_project),
            _Address("DELETE", f"{project}/personal-data", self.erase_personal_data),
            _Address("GET", KEYS, self.list_keys),
            _Address("POST", KEYS, self.create_key, NewKey),
            _Address("GET", key, self.show_key),
            _Address("PATCH", key, self.change_key, KeyPatch),
            _Address("DELETE", key, self.revoke_key),
            _Address("POST", f"{key}/rotate", self.rotate_key, Rotation),
            _Address("GET", AUDIT, self.show_audit),
        )

    @property
    def _office(self) -> Administration:
        """Raises: NotFoundError: if there are no accounts."""
        if self._there is None:
            raise NotFoundError(
                "There are no accounts here: they are kept in the ledger, and that is off. To"
                " begin, take `off` out of the setting `ledger`."
            )
        return self._there

    async def list_organisations(self, request: Request) -> OrganisationList:
        """List the organisations that the key administers."""
        return await self._office.list_organisations(_actor(request))

    async def create_organisation(self, request: Request) -> OrganisationAnswer:
        """Make an organisation."""
        office, body = self._office, await read_body(request, NewOrganisation)
        return await office.create_organisation(_actor(request), body)

    async def show_organisation(self, request: Request, organisation_id: str) -> OrganisationAnswer:
        """Show an organisation, and what is left of its budget."""
        return await self._office.show_organisation(_actor(request), organisation_id)

    async def change_organisation(
        self, request: Request, organisation_id: str
    ) -> OrganisationAnswer:
        """Change what is named of an organisation; null clears it."""
        office, body = self._office, await read_body(request, OrganisationPatch)
        return await office.change_organisation(_actor(request), organisation_id, body)

    async def close_organisation(self, request: Request, organisation_id: str) -> Ended:
        """Close an organisation with its projects; their keys end."""
        return await self._office.close_organisation(_actor(request), organisation_id)

    async def list_projects(
        self, request: Request, question: Annotated[ProjectsQuestion, Query()]
    ) -> ProjectList:
        """List the projects that the key administers."""
        return await self._office.list_projects(_actor(request), question.organisation)

    async def create_project(self, request: Request) -> ProjectAnswer:
        """Make a project."""
        office, body = self._office, await read_body(request, NewProject)
        return await office.create_project(_actor(request), body)

    async def show_project(self, request: Request, project_id: str) -> ProjectAnswer:
        """Show a project, and what is left of its budget."""
        return await self._office.show_project(_actor(request), project_id)

    async def change_project(self, request: Request, project_id: str) -> ProjectAnswer:
        """Change what is named of a project; null clears it."""
        office, body = self._office, await read_body(request, ProjectPatch)
        return await office.change_project(_actor(request), project_id, body)

    async def close_project(self, request: Request, project_id: str) -> Ended:
        """Close a project; its keys end."""
        return await self._office.close_project(_actor(request), project_id)

    async def erase_personal_data(self, request: Request, project_id: str) -> Erased:
        """Erase what points to persons from the usage of a project; sums stay."""
        ledger = kept(self._ledger)
        return await self._office.erase(_actor(request), project_id, ledger)

    async def list_keys(
        self, request: Request, question: Annotated[KeysQuestion, Query()]
    ) -> KeyList:
        """List the keys that the key administers, never a secret."""
        return await self._office.list_keys(_actor(request), question.project)

    async def create_key(self, request: Request) -> NewKeyAnswer:
        """Make a key; this answer alone holds it."""
        office, body = self._office, await read_body(request, NewKey)
        return await office.create_key(_actor(request), body)

    async def show_key(self, request: Request, key_id: str) -> KeyAnswer:
        """Show a key without its secret, and what is left of its budget."""
        return await self._office.show_key(_actor(request), key_id)

    async def change_key(self, request: Request, key_id: str) -> KeyAnswer:
        """Change what is named of a key; null clears it."""
        office, body = self._office, await read_body(request, KeyPatch)
        return await office.change_key(_actor(request), key_id, body)

    async def revoke_key(
        self, request: Request, key_id: str, question: Annotated[RevokeQuestion, Query()]
    ) -> Ended:
        """End a key and, unless told otherwise, the keys that it made."""
        keep = question.keep_children
        return await self._office.revoke_key(_actor(request), key_id, keep_children=keep)

    async def rotate_key(self, request: Request, key_id: str) -> NewKeyAnswer:
        """Give a key another secret; the one before still opens for a while."""
        office, body = self._office, await read_body(request, Rotation)
        return await office.rotate_key(_actor(request), key_id, body.overlap_seconds)

    async def show_audit(
        self, request: Request, question: Annotated[AuditQuestion, Query()]
    ) -> AuditPage:
        """List what administrators did, the latest first."""
        return await self._office.audit(_actor(request), question)


def _actor(request: Request) -> Caller:
    actor: Caller = request.scope["loquent.caller"]
    return actor
