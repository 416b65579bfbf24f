"""Change accounts and deployments, within what whoever does it may do; keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from loquent.accounting.deployment_acts import (
    DeploymentEdit,
    changed_deployment,
    closed_deployment,
    created_deployment,
)
from loquent.accounting.deployment_wishes import DeploymentWish
from loquent.accounting.desk import Act, Desk, ResultT, changed_book, widest_admin
from loquent.accounting.key_acts import (
    DEFAULT_OVERLAP_S,
    KeyEdit,
    changed_key,
    created_key,
    revoked_key,
    rotated_key,
)
from loquent.accounting.keyring import KeyRing
from loquent.accounting.keys import KeyHasher, KeyText, new_key
from loquent.accounting.places import (
    OrganisationEdit,
    ProjectEdit,
    changed_organisation,
    changed_project,
    closed_organisation,
    closed_project,
    created_organisation,
    created_project,
    erased_project,
)
from loquent.accounting.wishes import KeyWish, MintedKey, OrganisationWish, ProjectWish
from loquent.domain.accounts import (
    OPERATOR,
    AuditEntry,
    Caller,
    Key,
    Organisation,
    Project,
    Reach,
)
from loquent.domain.deployments import Deployment
from loquent.domain.errors import ConflictError, PermissionDeniedError
from loquent.ports import AccountStore

__all__ = ["KeyWish", "MintedKey", "OrganisationWish", "ProjectWish", "Registry"]

MAX_TRIES: Final = 5
"""How often others may come first before whoever asks is told."""

_N_READ: Final = 500


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """What may be done to accounts, and by whom.

    Every method looks up anew what the actor may do. All of them raise PermissionDeniedError if
    that is too little, NotFoundError for what lies beyond its reach, InvalidRequestError for what
    nobody may, ConflictError if others change the accounts all the time, LedgerUnavailableError.

    Args:
        now: UTC.
    """

    def __init__(
        self,
        store: AccountStore,
        keyring: KeyRing,
        hasher: KeyHasher,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._hasher = hasher
        self._now = now

    async def desk(self, actor: Caller) -> Desk:
        """Return the accounts as `actor` sees them."""
        return Desk.of(actor, await self._keyring.book(), self._now())

    async def create_key(self, actor: Caller, wish: KeyWish) -> MintedKey:
        """Make a key that has no more than `actor`; nobody else ever learns its secret."""

        def made(desk: Desk) -> Act[MintedKey]:
            return created_key(desk, wish, _unheard_of(desk), self._hasher)

        return await self._done(actor, made)

    async def create_first_key(self, wish: KeyWish) -> MintedKey | None:
        """Make a key if there never was one with its scopes, however many servers start at once."""

        def made(desk: Desk) -> Act[MintedKey | None]:
            if any(wish.scopes <= key.scopes for key in desk.book.keys.values()):
                return Act(None)
            act = created_key(desk, wish, _unheard_of(desk), self._hasher)
            return Act(act.result, act.change, act.action, act.subject, act.details)

        return await self._done(OPERATOR, made)

    async def change_key(self, actor: Caller, key_id: str, edit: KeyEdit) -> Key:
        """Change a key to what `edit` makes of it; called again if others came first."""
        return await self._done(actor, lambda desk: changed_key(desk, key_id, edit))

    async def rotate_key(
        self, actor: Caller, key_id: str, overlap_s: int = DEFAULT_OVERLAP_S
    ) -> MintedKey:
        """Give a key another secret; the present one opens for `overlap_s` more."""

        def made(desk: Desk) -> Act[MintedKey]:
            secret = new_key().secret
            return rotated_key(desk, key_id, KeyText(key_id, secret), self._hasher, overlap_s)

        return await self._done(actor, made)

    async def revoke_key(self, actor: Caller, key_id: str, *, keep_children: bool = False) -> Key:
        """End a key, and all those it made.

        Args:
            keep_children: these go on, with what bounded it as their own.
        """
        return await self._done(
            actor, lambda desk: revoked_key(desk, key_id, keep_children=keep_children)
        )

    async def create_project(self, actor: Caller, wish: ProjectWish) -> Project:
        """Make a project."""
        return await self._done(actor, lambda desk: created_project(desk, wish))

    async def change_project(self, actor: Caller, project_id: str, edit: ProjectEdit) -> Project:
        """Change a project to what `edit` makes of it; called again if others came first."""
        return await self._done(actor, lambda desk: changed_project(desk, project_id, edit))

    async def close_project(self, actor: Caller, project_id: str) -> Project:
        """End a project, its keys and its deployments."""
        return await self._done(actor, lambda desk: closed_project(desk, project_id))

    async def note_erasure(self, actor: Caller, project_id: str) -> Project:
        """Write down that `actor` erases from a project's usage what points to persons."""
        return await self._done(actor, lambda desk: erased_project(desk, project_id))

    async def create_deployment(self, actor: Caller, wish: DeploymentWish) -> Deployment:
        """Make a deployment; raises AlreadyExistsError, too."""
        return await self._done(actor, lambda desk: created_deployment(desk, wish))

    async def change_deployment(
        self, actor: Caller, deployment_id: str, edit: DeploymentEdit
    ) -> Deployment:
        """Change a deployment to what `edit` makes of it; called again if others came first."""
        return await self._done(actor, lambda desk: changed_deployment(desk, deployment_id, edit))

    async def close_deployment(self, actor: Caller, deployment_id: str) -> Deployment:
        """End a deployment."""
        return await self._done(actor, lambda desk: closed_deployment(desk, deployment_id))

    async def create_organisation(self, actor: Caller, wish: OrganisationWish) -> Organisation:
        """Make an organisation."""
        return await self._done(actor, lambda desk: created_organisation(desk, wish))

    async def change_organisation(
        self, actor: Caller, organisation_id: str, edit: OrganisationEdit
    ) -> Organisation:
        """Change an organisation to what `edit` makes of it; called again if others came first."""
        return await self._done(
            actor, lambda desk: changed_organisation(desk, organisation_id, edit)
        )

    async def close_organisation(self, actor: Caller, organisation_id: str) -> Organisation:
        """End an organisation, its projects, their keys and deployments."""
        return await self._done(actor, lambda desk: closed_organisation(desk, organisation_id))

    async def audit(
        self, actor: Caller, *, before: datetime | None = None, n_most: int = 100
    ) -> Sequence[AuditEntry]:
        """Return what was done to what `actor` may see, the latest first."""
        desk = await self.desk(actor)
        if desk.actor.reach is Reach.SERVER:
            return await self._store.audit(before=before, n_most=n_most)
        seen, n_read = desk.subjects(), _N_READ
        while True:
            page = await self._store.audit(before=before, n_most=n_read)
            found = [entry for entry in page if entry.subject in seen]
            if len(found) >= n_most or len(page) < n_read:
                return found[:n_most]
            n_read *= 4

    async def _done(self, actor: Caller, make: Callable[[Desk], Act[ResultT]]) -> ResultT:
        """Work out what is to be done, and do it, again if somebody came first."""
        for _ in range(MAX_TRIES):
            self._keyring.expire()
            desk = await self.desk(actor)
            act = make(desk)
            if act.change is None:
                return act.result
            _ensure_way_back(desk, act)
            who = OPERATOR.key_id if desk.rights is None else desk.actor.key_id
            entry = AuditEntry(desk.now, who, act.action, act.subject, act.details)
            try:
                await self._store.change(act.change, entry, base=desk.book.version)
            except ConflictError:
                continue
            finally:
                self._keyring.expire()
            return act.result
        raise ConflictError(
            "Others change the accounts all the time. Look at what they did, and try again.",
            retry_after_s=1,
        )


def _ensure_way_back(desk: Desk, act: Act[ResultT]) -> None:
    """Raises: PermissionDeniedError: if no key could administer as much as one could before."""
    if desk.rights is None or act.change is None:
        return
    after = changed_book(desk.book, act.change)
    if widest_admin(after, desk.now) < widest_admin(desk.book, desk.now):
        raise PermissionDeniedError(
            "After this no key could administer what this one does. Make another such key first,"
            " or do this at the machine with `loquent keys`.",
            param="scopes",
        )


def _unheard_of(desk: Desk) -> KeyText:
    text = new_key()
    while text.id in desk.book.keys:
        text = new_key()
    return text
