"""The files of the console: what is sent, how, what they load, and that they are what they were."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from loquent.api.app import ApiOptions, create_app
from loquent.api.console import content_security_policy
from tests.assets import ROOT
from tests.console.node_tools import node_modules, run
from tests.fakes.services import fake_services
from tests.vendors.server import serving

CONSOLE = ROOT / "src" / "loquent" / "console"
MAX_BYTES = 400_000
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SENT = sorted(
    path.relative_to(CONSOLE).as_posix() for path in CONSOLE.rglob("*") if path.suffix in TYPES
)
OURS = [name for name in SENT if not name.startswith("vendor/")]


@asynccontextmanager
async def _console(options: ApiOptions | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(fake_services(), options or ApiOptions(api_key="lq_files"))
    async with serving(app) as url, httpx2.AsyncClient(base_url=url) as client:
        yield client


def _read(name: str) -> str:
    return (CONSOLE / name).read_text()


def _policy(response: httpx2.Response) -> dict[str, list[str]]:
    policy = response.headers["content-security-policy"]
    parts = (part.split() for part in policy.split(";"))
    return {name: values for name, *values in parts}


async def test_the_console_is_at_the_root_without_a_key() -> None:
    async with _console() as client:
        page = await client.get("/")
        head = await client.head("/")
        api = await client.get("/v1/models")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text == _read("index.html")
    assert (head.status_code, head.content) == (200, b"")
    assert api.status_code == 401


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v0", "/v0/", "/console", "/console/"])
async def test_no_other_address_becomes_a_page(path: str) -> None:
    async with _console(ApiOptions()) as client:
        assert (await client.get(path)).status_code == 404


async def test_every_file_is_sent_as_what_it_is() -> None:
    async with _console() as client:
        for name in SENT:
            answer = await client.get(f"/console/{name}")
            assert answer.content == (CONSOLE / name).read_bytes(), name
            assert answer.headers["content-type"] == TYPES[Path(name).suffix]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"]


async def test_a_file_that_did_not_change_is_not_sent_twice() -> None:
    async with _console() as client:
        first = await client.get("/console/js/app.js")
        tag = first.headers["etag"]
        again = await client.get("/console/js/app.js", headers={"if-none-match": f'"x", W/{tag}'})
        other = await client.get("/console/js/dom.js", headers={"if-none-match": tag})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "js/none.js",
        "index.html",
        "__init__.py",
        "vendor/vendor.json",
        "vendor/wavesurfer.esm.d.ts",
        "../settings.py",
        "js/../../settings.py",
        "%2e%2e/settings.py",
        "..%2fsettings.py",
        "js%2f..%2f..%2fsettings.py",
        "..%5csettings.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "js/app.js%00",
        "js//app.js",
        "./js/app.js",
        "JS/APP.JS",
        "js",
    ],
)
async def test_what_is_not_in_the_table_is_not_found(path: str) -> None:
    async with _console(ApiOptions()) as client:
        status = await _status_of(client.base_url, f"/console/{path}")
    assert status == 404


async def _status_of(base: httpx2.URL, path: str) -> int:
    """Ask for a path exactly as it stands, which no client would send."""
    reader, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    status = (await reader.readline()).split()[1]
    writer.close()
    return int(status)


async def test_the_console_can_be_switched_off() -> None:
    async with _console(ApiOptions(console=False)) as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.get("/console/js/app.js")).status_code == 404


async def test_the_policy_lets_nothing_foreign_in() -> None:
    async with _console() as client:
        page = await client.get("/")
    policy, host = _policy(page), client.base_url.netloc.decode()
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["connect-src"] == ["'self'", f"ws://{host}", f"wss://{host}"]
    assert policy["media-src"] == ["'self'", "blob:"]
    for name in ("frame-ancestors", "base-uri", "form-action"):
        assert policy[name] == ["'none'"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["", "evil; script-src *", "a b", "a\tb", "*", "x/y", "[::1"])
def test_a_strange_host_gets_no_word_into_the_policy(host: str) -> None:
    assert "connect-src 'self';" in content_security_policy(host)


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "speech.example.com"])
def test_sockets_go_to_the_host_itself(host: str) -> None:
    assert f"connect-src 'self' ws://{host} wss://{host};" in content_security_policy(host)


def test_vendored_files_are_what_they_were() -> None:
    listed = json.loads(_read("vendor/vendor.json"))
    sums = {name: sha for package in listed.values() for name, sha in package["files"].items()}
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (CONSOLE / "vendor").iterdir()
        if path.name != "vendor.json" and not path.name.endswith(".d.ts")
    }
    assert there == sums
    for package in listed.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert any(name.endswith("LICENSE") for name in package["files"])


def test_all_that_the_console_loads_is_light() -> None:
    n_bytes = sum((CONSOLE / name).stat().st_size for name in ("index.html", *SENT))
    assert n_bytes <= MAX_BYTES, n_bytes


@pytest.mark.parametrize("name", ["index.html", *OURS])
def test_no_file_names_a_foreign_place_or_holds_code_in_markup(name: str) -> None:
    text = _read(name).replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+", text)
    assert not re.findall(r"<[^>]+\son\w+=", text)
    assert not re.findall(r"<[^>]+\sstyle=", text)
    assert not re.findall(r"<script>|<style>|javascript:", text)


@pytest.mark.parametrize("name", [name for name in OURS if name.endswith(".js")])
def test_no_module_takes_markup_from_a_text(name: str) -> None:
    text = _read(name)
    sinks = r"\.(?:innerHTML|outerHTML)\b|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.findall(sinks, text)
    assert len(text.splitlines()) <= 650


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r'(?:href|src)="console/([^"]+)"', _read("index.html")))
    for name in OURS:
        for found in re.findall(r'(?:from |import\(|url\()"(\.[^"]+)"', _read(name)):
            resolved = (CONSOLE / name).parent.joinpath(found).resolve()
            named.add(resolved.relative_to(CONSOLE).as_posix())
    assert named <= set(SENT)


def test_the_types_of_the_console_hold() -> None:
    done = run([str(node_modules() / ".bin" / "tsc"), "-p", "tsconfig.json"])
    assert done.returncode == 0, done.stdout
