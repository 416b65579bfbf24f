"""Look at everything that Loquent needs on this machine, and try it; shows nothing."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from loquent.accounting.standing import KeyState
from loquent.cli.findings import Finding, State, good
from loquent.cli.machine import gigabytes, memory_bytes, n_cores, processor, software
from loquent.cli.trials import speak, understand, word_error_rate
from loquent.domain.accounts import OPERATOR
from loquent.domain.errors import LoquentError
from loquent.settings import NO_LEDGER, Settings, SettingsError
from loquent.wiring import LocalPlatform, open_administration, open_ledger
from loquent.wiring.ledger import LEDGER_FILE
from loquent.wiring.ray import is_ray_up, listeners_beyond, require_ray

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it sleeps in the warm sun."
SPEECH_MODEL = "tts-1"

MOST_WORD_ERRORS = 0.2
"""Of what our smallest models mishear in a sentence that others of ours speak."""

_LITTLE_DISK_BYTES, _NO_DISK_BYTES = 3_000_000_000, 300_000_000
_LITTLE_MEMORY_BYTES, _NO_MEMORY_BYTES = 1_500_000_000, 400_000_000
_ASK_TIMEOUT_S = 5.0

_Check = Callable[["Patient"], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True)
class Patient:
    """What is examined.

    Attributes:
        is_online: whether providers may be asked if they are there.
    """

    settings: Settings
    platform: LocalPlatform
    is_online: bool = False


async def examine(patient: Patient) -> AsyncIterator[Sequence[Finding]]:
    """Yield what each check finds; one that fails is a finding, and the others go on."""
    wrong_settings: set[str] = set()
    for subject, check in _CHECKS:
        try:
            yield await check(patient)
        except LoquentError as error:
            yield [_broken(subject, error.message)]
        except SettingsError as error:
            if str(error) in wrong_settings:
                continue
            wrong_settings.add(str(error))
            yield [_broken(subject, str(error), "correct that setting")]
        except OSError as error:
            yield [_broken(subject, error.strerror or str(error), _WRITABLE)]


def _broken(subject: str, found: str, advice: str = "") -> Finding:
    return Finding(subject, State.BROKEN, found, advice or "do what it says, then try again")


async def _software(_patient: Patient) -> Sequence[Finding]:
    return [good("software", software())]


async def _machine(patient: Patient) -> Sequence[Finding]:
    settings = patient.settings
    threads = settings.n_threads or "as many"
    found = f"{processor()}, {n_cores()} cores; threads: {threads}; {settings.device}"
    if settings.n_threads > n_cores():
        advice = f"lower the setting n_threads to {n_cores()} at most, or leave it 0"
        return [Finding("cores", State.NOTE, found, advice), *_memory()]
    return [good("cores", f"{found} in {settings.compute_type}"), *_memory()]


def _memory() -> Iterator[Finding]:
    known = memory_bytes()
    if known is None:
        return
    total, free = known
    state = _by_amount(free, _LITTLE_MEMORY_BYTES, _NO_MEMORY_BYTES)
    found = f"{gigabytes(free)} free of {gigabytes(total)}"
    yield Finding(
        "memory", state, found, _advice(state, "end other programs, or use a smaller model")
    )


async def _disk(patient: Patient) -> Sequence[Finding]:
    folder = patient.settings.data_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    with tempfile.TemporaryFile(dir=existing):
        free = shutil.disk_usage(existing).free
    state = _by_amount(free, _LITTLE_DISK_BYTES, _NO_DISK_BYTES)
    advice = _advice(state, "free some space, or move data_dir to another disk")
    return [Finding("disk", state, f"{gigabytes(free)} free in {folder}", advice)]


def _by_amount(n_bytes: int, little: int, none: int) -> State:
    if n_bytes < none:
        return State.BROKEN
    return State.NOTE if n_bytes < little else State.OK


def _advice(state: State, advice: str) -> str:
    return "" if state is State.OK else advice


async def _port(patient: Patient) -> Sequence[Finding]:
    settings = patient.settings
    place = f"{settings.host} port {settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.create_server((settings.host, settings.port), family=family):
            return [good("port", f"{place} is free")]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return [_broken("port", f"{place}: {error.strerror}", _OTHER_PORT)]
    if await _is_answered(settings):
        return [good("port", f"a server answers on {place}")]
    return [_broken("port", f"another program listens on {place}", _OTHER_PORT)]


async def _is_answered(settings: Settings) -> bool:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_cert else "http"
    try:
        async with httpx2.AsyncClient(timeout=_ASK_TIMEOUT_S) as client:
            answer = await client.get(f"{scheme}://{host}:{settings.port}/healthz")
            return answer.is_success and "x-request-id" in answer.headers
    except httpx2.HTTPError:
        return False


async def _models(patient: Patient) -> Sequence[Finding]:
    store, directory = patient.platform.store, patient.platform.directory
    findings = []
    names = []
    for model in store.installed():
        try:
            await asyncio.to_thread(store.locate, model.id)
            names.append(model.id)
        except LoquentError as error:
            advice = f"loquent models pull {model.id}"
            findings.append(_broken(f"model {model.id}", error.message, advice))
    try:
        directory.find(patient.settings.default_model)
    except LoquentError as error:
        findings.append(_broken("default model", error.message, "loquent models pull --defaults"))
    return [good("models", f"{len(names)} verified: {', '.join(names)}"), *findings]


async def _ledger(patient: Patient) -> Sequence[Finding]:
    settings = patient.settings
    if settings.ledger == NO_LEDGER:
        return [good("ledger", "off: nothing is written down")]
    if not _has_ledger(settings):
        return [good("ledger", "none yet; the first start makes it")]
    async with open_ledger(settings):
        kind = "PostgreSQL" if settings.ledger.startswith("postgres") else "SQLite"
        return [good("ledger", f"{kind}, can be written")]


async def _keys(patient: Patient) -> Sequence[Finding]:
    settings = patient.settings
    if settings.api_key:
        return [good("keys", "the key of the settings is asked for")]
    if settings.ledger != NO_LEDGER and _has_ledger(settings):
        async with open_administration(settings) as offices:
            assert offices is not None
            keys = (await offices.accounts.list_keys(OPERATOR)).data
        if keys:
            n_open = sum(key.state in (KeyState.OPEN, KeyState.ROTATING) for key in keys)
            return [_about_keys(len(keys), n_open)]
    if settings.is_private:
        return [good("keys", "none: everybody on this machine is let in, and nobody else")]
    return [good("keys", "none yet; the first start makes one and shows it")]


def _about_keys(n_keys: int, n_open: int) -> Finding:
    if n_open:
        return good("keys", f"{n_keys}, of which {n_open} open")
    advice = "loquent keys create --name NAME"
    return Finding("keys", State.NOTE, f"{n_keys}, of which none opens: nobody is let in", advice)


def _has_ledger(settings: Settings) -> bool:
    """Tell whether there is a database, which looking for it must not make."""
    return bool(settings.ledger) or (settings.data_dir / LEDGER_FILE).is_file()


async def _providers(patient: Patient) -> Sequence[Finding]:
    configured = patient.platform.providing.configured
    if not configured:
        return [good("providers", "none: nothing leaves this machine")]
    if not patient.is_online:
        names = ", ".join(provider.access.id for provider in configured)
        return [good("providers", f"{names}; --online asks whether they can be reached")]
    async with httpx2.AsyncClient(timeout=_ASK_TIMEOUT_S) as client:
        return [await _reached(client, p.access.id, p.access.base_url) for p in configured]


async def _reached(client: httpx2.AsyncClient, name: str, url: str) -> Finding:
    """Tell whether anything answers there; the key stays here."""
    subject = f"provider {name}"
    try:
        await client.get(url)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        advice = "see whether this machine reaches the network, and the base_url of its table"
        return _broken(subject, f"not reached ({type(error).__name__})", advice)
    return good(subject, "can be reached")


async def _cluster(patient: Patient) -> Sequence[Finding]:
    settings = patient.settings
    if settings.engine != "ray":
        return []
    require_ray(settings)
    return [_reachable(settings), *_open_ports(settings)]


def _reachable(settings: Settings) -> Finding:
    if is_ray_up(settings):
        return good("cluster", f"Ray answers at {settings.ray_address}, and asks for a token")
    found = f"nobody answers at {settings.ray_address}"
    advice = "loquent ray up starts one here; else see to the one that ray_address names"
    if settings.ray_fallback == "local":
        return Finding("cluster", State.NOTE, f"{found}; models run here meanwhile", advice)
    return _broken("cluster", found, advice)


def _open_ports(settings: Settings) -> Iterator[Finding]:
    beyond = listeners_beyond(settings)
    if beyond:
        listed = ", ".join(f"{each.host} port {each.port} ({each.program})" for each in beyond)
        yield _broken("cluster ports", f"open to others: {listed}", _FIREWALL)


async def _round_trip(patient: Patient) -> Sequence[Finding]:
    platform, model = patient.platform, patient.settings.default_model
    async with platform.running():
        try:
            spoken = await speak(platform, SPEECH_MODEL, SENTENCE)
        except LoquentError as error:
            unheard = Finding("recognition", State.NOTE, "not tried: there was nothing to hear")
            return [_broken("speech", error.message, "loquent models pull --defaults"), unheard]
        found = f"{spoken.model}: {spoken.duration_s:.1f} s of sound in {spoken.took_s:.1f} s"
        with tempfile.TemporaryDirectory() as folder:
            recording = Path(folder) / "sentence.wav"
            await asyncio.to_thread(recording.write_bytes, spoken.as_wav())
            understood = await understand(platform, model, recording)
    errors = word_error_rate(SENTENCE, understood.text)
    heard = f"{understood.model}: in {understood.took_s:.1f} s, {errors:.0%} of words wrong"
    if errors <= MOST_WORD_ERRORS:
        return [good("speech", found), good("recognition", heard)]
    advice = "loquent models pull --defaults mends models; else try compute_type = 'float32'"
    return [good("speech", found), _broken("recognition", f"{heard}: {understood.text!r}", advice)]


_WRITABLE = "see that this folder can be written, or choose another data_dir"
_OTHER_PORT = "end that program, or choose another port with --port or LOQUENT_PORT"

_FIREWALL = (
    "let a firewall keep them for the machines of the cluster; a cluster of one machine needs none"
    " if `loquent ray up` starts it"
)

_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("software", _software),
    ("machine", _machine),
    ("disk", _disk),
    ("port", _port),
    ("providers", _providers),
    ("cluster", _cluster),
    ("models", _models),
    ("ledger", _ledger),
    ("keys", _keys),
    ("recognition", _round_trip),
)
