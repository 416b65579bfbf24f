"""What each address needs of those who ask: one table; knows no key and reads no request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from starlette.routing import BaseRoute, Route, WebSocketRoute

from loquent.api.dialects import DIALECTS
from loquent.domain.accounts import Caller, Reach, Scope
from loquent.domain.errors import PermissionDeniedError


@dataclass(frozen=True, slots=True)
class Access:
    """What an address needs.

    Attributes:
        scope: that the caller's key must have; None where every key will do.
        reach: how far that key must speak.
        is_public: nobody is asked for a key.
        takes_secrets: a client secret opens sockets here, too.
    """

    scope: Scope | None = None
    reach: Reach = Reach.PROJECT
    is_public: bool = False
    takes_secrets: bool = False

    @property
    def is_of_models(self) -> bool:
        """Whether this is about models: keys that are bound to some deployments stay there."""
        return self.scope in {None, Scope.INFERENCE}

    def check(self, caller: Caller) -> None:
        """Raises: PermissionDeniedError: saying what the caller's key lacks."""
        if self.scope is not None and self.scope not in caller.scopes:
            raise PermissionDeniedError(
                f"This needs a key with the scope '{self.scope}', and yours has"
                f" {_listed(caller.scopes)}. `loquent keys create` makes keys of every scope."
            )
        if not caller.reach.covers(self.reach):
            raise PermissionDeniedError(
                f"This needs a key of the reach '{self.reach}', and yours is of '{caller.reach}'."
            )


PUBLIC: Final = Access(is_public=True)
ANY_KEY: Final = Access()
INFERENCE: Final = Access(Scope.INFERENCE)
SESSION: Final = Access(Scope.INFERENCE, takes_secrets=True)
USAGE: Final = Access(Scope.USAGE)
USAGE_OF_ALL: Final = Access(Scope.USAGE, Reach.SERVER)
ADMIN: Final = Access(Scope.ADMIN)
ADMIN_OF_ALL: Final = Access(Scope.ADMIN, Reach.SERVER)


def declared(*, open_lists: bool) -> Mapping[str, Access]:
    """Return what each address needs, by its template without the prefix of a dialect.

    A method before the template speaks of that one alone.

    Args:
        open_lists: some clients send no key where they ask for models and voices.
    """
    listed = PUBLIC if open_lists else ANY_KEY
    return {
        "/": PUBLIC,  # the console: files alone, without anything of anybody
        "/console/{path:path}": PUBLIC,
        "/healthz": PUBLIC,
        "/readyz": PUBLIC,
        "/metrics": USAGE_OF_ALL,  # counts what everybody does
        "/openapi.json": ANY_KEY,
        "/status": ANY_KEY,
        "/models": ANY_KEY,
        "/models/{id:model}": ANY_KEY,
        "DELETE /models/{id:model}": ADMIN_OF_ALL,
        "/models/{id:model}/pull": ADMIN_OF_ALL,
        "/models/{id:model}/unload": ADMIN_OF_ALL,
        "/catalog": ANY_KEY,
        "/audio/models": listed,
        "/audio/voices": listed,
        "/pricing": ANY_KEY,
        "/route": INFERENCE,
        "/audio/transcriptions": INFERENCE,
        "/speech/transcriptions": INFERENCE,
        "/audio/translations": INFERENCE,
        "/audio/diarization": INFERENCE,
        "/audio/speech": INFERENCE,
        "/audio/speech/captions": INFERENCE,
        "/subtitles": INFERENCE,
        "/audio/transcriptions-realtime": INFERENCE,
        "/realtime": SESSION,
        "/realtime/client_secrets": INFERENCE,
        "/usage": USAGE,
        "/usage/rows": USAGE,
        "/admin/organisations": ADMIN,
        "/admin/organisations/{organisation_id}": ADMIN,
        "/admin/projects": ADMIN,
        "/admin/projects/{project_id}": ADMIN,
        "/admin/projects/{project_id}/personal-data": ADMIN,
        "/admin/keys": ADMIN,
        "/admin/keys/{key_id}": ADMIN,
        "/admin/keys/{key_id}/rotate": ADMIN,
        "/admin/audit": ADMIN,
        "/deployments": ADMIN,
        "/deployments/{deployment_id}": ADMIN,
        "/deployments/{deployment_id}/events": ADMIN,
    }


class _Entrance(NamedTuple):
    """One method of one address."""

    pattern: re.Pattern[str]
    method: str
    access: Access


class Entrances:
    """What each address of one application needs.

    Args:
        declared: by templates without prefix, some with a method before them.
    """

    def __init__(self, declared: Mapping[str, Access]) -> None:
        self._declared = declared
        self._exact: dict[str, Access] = {}
        self._patterns: list[_Entrance] = []

    def add(self, routes: Iterable[BaseRoute]) -> None:
        """Take in every route there is.

        Raises: RuntimeError: if nothing is declared for one of them.
        """
        for route in routes:
            path = route.path if isinstance(route, Route | WebSocketRoute) else repr(route)
            methods = (route.methods if isinstance(route, Route) else None) or {""}
            for method in methods:
                access = self._declared_for(method, path)
                if access is None or not isinstance(route, Route | WebSocketRoute):
                    raise RuntimeError(f"{path}: say in api/access.py what it needs")
                self._patterns.append(_Entrance(route.path_regex, method, access))
                if not route.param_convertors:
                    self._exact[path] = access

    def at(self, path: str, method: str = "") -> Access:
        """Return what is needed at `path`; a key of any kind where there is nothing.

        Args:
            method: of HTTP, empty for sockets. One that the address does not have needs what any
                other of its methods needs.
        """
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        # By the router's own patterns, which take "/usage\n" for "/usage", and in its order: the
        # first that has the method, too, else the first.
        found = [entrance for entrance in self._patterns if entrance.pattern.match(path)]
        fitting = (entrance.access for entrance in found if entrance.method == method)
        return next(fitting, found[0].access if found else ANY_KEY)

    def _declared_for(self, method: str, path: str) -> Access | None:
        template = _without_prefix(path)
        return self._declared.get(f"{method} {template}", self._declared.get(template))

    @property
    def public_paths(self) -> frozenset[str]:
        """What is open to everybody."""
        return frozenset(path for path, access in self._exact.items() if access.is_public)


def _without_prefix(path: str) -> str:
    prefix = "/" + path.removeprefix("/").partition("/")[0]
    return path.removeprefix(prefix) if prefix in DIALECTS else path


def _listed(scopes: Iterable[Scope]) -> str:
    return ", ".join(f"'{scope}'" for scope in sorted(scopes)) or "none"
