"""Do what administrators ask for, and answer them; knows no HTTP and keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from loquent.accounting.desk import Desk
from loquent.accounting.registry import MintedKey, Registry
from loquent.accounting.standing import KeyState, state_of
from loquent.accounting.terms import instant
from loquent.api.admin.bodies import (
    KeyPatch,
    NewKey,
    NewOrganisation,
    NewProject,
    OrganisationPatch,
    ProjectPatch,
)
from loquent.api.admin.schemas import (
    AuditPage,
    AuditQuestion,
    Ended,
    Erased,
    KeyAnswer,
    KeyList,
    NewKeyAnswer,
    OrganisationAnswer,
    OrganisationList,
    ProjectAnswer,
    ProjectList,
)
from loquent.api.admin.telling import Teller, act_answer
from loquent.domain.accounts import Caller, Key, Organisation, Project
from loquent.domain.limits import Balance, Expense, Reservation
from loquent.ports import Ledger, Treasury


class Administration:
    """What can be asked for, by a key over the network and by the operator at the machine.

    All of it raises what `Registry` does.

    Args:
        treasury: knows what is left of budgets; None where nobody does.
        currency: of all budgets.
    """

    def __init__(self, registry: Registry, treasury: Treasury | None, currency: str) -> None:
        self._registry = registry
        self._treasury = treasury
        self._teller = Teller(currency)

    async def list_organisations(self, actor: Caller) -> OrganisationList:
        """List what the actor administers."""
        desk = await self._registry.desk(actor)
        found = _by_age(desk.seen_organisations())
        return OrganisationList(data=[self._teller.organisation(each) for each in found])

    async def show_organisation(self, actor: Caller, organisation_id: str) -> OrganisationAnswer:
        """Show one, and what is left of its budget."""
        desk = await self._registry.desk(actor)
        found = desk.organisation(organisation_id)
        return self._teller.organisation(found, await self._balance(found, desk))

    async def create_organisation(self, actor: Caller, body: NewOrganisation) -> OrganisationAnswer:
        """Make one."""
        made = await self._registry.create_organisation(actor, body.wish())
        return self._teller.organisation(made)

    async def change_organisation(
        self, actor: Caller, organisation_id: str, body: OrganisationPatch
    ) -> OrganisationAnswer:
        """Change what is named."""
        changed = await self._registry.change_organisation(actor, organisation_id, body.edit)
        return self._teller.organisation(changed)

    async def close_organisation(self, actor: Caller, organisation_id: str) -> Ended:
        """End one, its projects and their keys."""
        closed = await self._registry.close_organisation(actor, organisation_id)
        return Ended(id=closed.id, object="organisation")

    async def list_projects(self, actor: Caller, organisation: str | None = None) -> ProjectList:
        """List what the actor administers."""
        desk = await self._registry.desk(actor)
        seen = _by_age(desk.seen_projects())
        found = [each for each in seen if organisation in (None, each.organisation_id)]
        if organisation is not None and not found:
            desk.organisation(organisation)  # an empty one is no mistake
        return ProjectList(data=[self._teller.project(each) for each in found])

    async def show_project(self, actor: Caller, project_id: str) -> ProjectAnswer:
        """Show one, and what is left of its budget."""
        desk = await self._registry.desk(actor)
        found = desk.project(project_id)
        return self._teller.project(found, await self._balance(found, desk))

    async def create_project(self, actor: Caller, body: NewProject) -> ProjectAnswer:
        """Make one."""
        return self._teller.project(await self._registry.create_project(actor, body.wish()))

    async def change_project(
        self, actor: Caller, project_id: str, body: ProjectPatch
    ) -> ProjectAnswer:
        """Change what is named."""
        changed = await self._registry.change_project(actor, project_id, body.edit)
        return self._teller.project(changed)

    async def close_project(self, actor: Caller, project_id: str) -> Ended:
        """End one, and its keys."""
        closed = await self._registry.close_project(actor, project_id)
        return Ended(id=closed.id, object="project")

    async def erase(self, actor: Caller, project_id: str, ledger: Ledger) -> Erased:
        """Erase what points to persons from the usage there is of a project."""
        project = await self._registry.note_erasure(actor, project_id)
        now = (await self._registry.desk(actor)).now
        return Erased(id=project.id, rows=await ledger.erase(project.id, now))

    async def list_keys(self, actor: Caller, project: str | None = None) -> KeyList:
        """List what the actor administers."""
        desk = await self._registry.desk(actor)
        if project is not None:
            desk.project(project)
        found = [each for each in _by_age(desk.seen_keys()) if project in (None, each.project_id)]
        return KeyList(data=[self._told(each, desk) for each in found])

    async def show_key(self, actor: Caller, key_id: str) -> KeyAnswer:
        """Show one, and what is left of its budget."""
        desk = await self._registry.desk(actor)
        found = desk.key(key_id)
        return self._told(found, desk, await self._balance(found, desk))

    async def create_key(self, actor: Caller, body: NewKey) -> NewKeyAnswer:
        """Make one, and tell its secret."""
        return self._minted(await self._registry.create_key(actor, body.wish()))

    async def change_key(self, actor: Caller, key_id: str, body: KeyPatch) -> KeyAnswer:
        """Change what is named."""
        changed = await self._registry.change_key(actor, key_id, body.edit)
        return self._told(changed, await self._registry.desk(actor))

    async def rotate_key(self, actor: Caller, key_id: str, overlap_s: int) -> NewKeyAnswer:
        """Give one another secret, and tell it."""
        return self._minted(await self._registry.rotate_key(actor, key_id, overlap_s))

    async def revoke_key(self, actor: Caller, key_id: str, *, keep_children: bool = False) -> Ended:
        """End one, and what it made."""
        ended = await self._registry.revoke_key(actor, key_id, keep_children=keep_children)
        return Ended(id=ended.id, object="key")

    async def audit(self, actor: Caller, question: AuditQuestion) -> AuditPage:
        """List what was done, the latest first."""
        n_most = question.limit
        entries = await self._registry.audit(actor, before=question.before, n_most=n_most + 1)
        page = entries[:n_most]
        return AuditPage(
            data=[act_answer(entry) for entry in page],
            next=instant(page[-1].at) if len(entries) > n_most else None,
        )

    def _told(self, key: Key, desk: Desk, balance: Balance | None = None) -> KeyAnswer:
        return self._teller.key(key, state_of(key, desk.book, desk.now), balance)

    def _minted(self, minted: MintedKey) -> NewKeyAnswer:
        """Word the answer from the key alone: if anything failed now, its secret would be lost."""
        state = KeyState.ROTATING if minted.key.old_until else KeyState.OPEN
        told = self._teller.key(minted.key, state)
        return NewKeyAnswer(**told.model_dump(), key=minted.text)

    async def _balance(self, account: Organisation | Project | Key, desk: Desk) -> Balance | None:
        budget = account.terms.budget
        if budget is None or self._treasury is None:
            return None
        nothing = Reservation("", desk.now, 0, (Expense(account.id, budget),))
        return (await self._treasury.balances(nothing))[0]


AgedT = TypeVar("AgedT", Organisation, Project, Key)


def _by_age(accounts: Iterable[AgedT]) -> list[AgedT]:
    return sorted(accounts, key=lambda account: (account.created_at, account.id))
