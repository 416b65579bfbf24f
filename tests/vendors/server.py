"""Runs a stand-in for a provider as a real server, and keeps what it was asked."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp


@dataclass(frozen=True)
class Part:
    """One part of a multipart form."""

    name: str
    file_name: str | None
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    async def of(cls, request: Request) -> Asked:
        """Read a request to its end."""
        return cls(
            method=request.method,
            path=request.url.path,
            query=request.query_params.multi_items(),
            headers=dict(request.headers),
            body=await request.body(),
        )

    def json(self) -> Any:
        """Return the body, where it is JSON."""
        return json.loads(self.body)

    def parts(self) -> list[Part]:
        """Return the parts of the body, where it is a multipart form."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return [
            Part(
                name=str(part.get_param("name", header="content-disposition")),
                file_name=part.get_filename(),
                media_type=part.get_content_type(),
                content=_content(part),
            )
            for part in message.iter_parts()
        ]

    def fields(self) -> list[tuple[str, str]]:
        """Return the text fields of the form, in order."""
        return [(p.name, p.content.decode()) for p in self.parts() if p.file_name is None]

    def file(self, name: str = "file") -> Part:
        """Return the one file of the form that is called `name`."""
        (found,) = [part for part in self.parts() if part.file_name and part.name == name]
        return found


@dataclass
class Log:
    """What a stand-in was asked, in order."""

    asked: list[Asked] = field(default_factory=list)

    @property
    def last(self) -> Asked:
        return self.asked[-1]


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve `app` on a free port of the loopback; yield "http://127.0.0.1:port"."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="websockets-sansio"
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    server.force_exit = True
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        await server.startup([listener])  # without its main loop, which looks up ten times a second
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await server.shutdown([listener])


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload
