"""Build the object graph from settings; the only room that names a concrete part."""

from loquent.domain.stock import Phase, PullEvent
from loquent.models.store import InstalledModel, ModelStore
from loquent.wiring.accounts import Entry, prepare_accounts
from loquent.wiring.administering import Offices, open_administration
from loquent.wiring.app import build_app
from loquent.wiring.ledger import open_ledger, prepare_ledger
from loquent.wiring.platform import LocalPlatform
from loquent.wiring.store import build_store, package_mirror, sample_recording

__all__ = [
    "Entry",
    "InstalledModel",
    "LocalPlatform",
    "ModelStore",
    "Offices",
    "Phase",
    "PullEvent",
    "build_app",
    "build_store",
    "open_administration",
    "open_ledger",
    "package_mirror",
    "prepare_accounts",
    "prepare_ledger",
    "sample_recording",
]
