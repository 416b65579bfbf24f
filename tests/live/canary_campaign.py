"""Calls a server in every way there is, with words in all places that can be found again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from loquent.accounting.keys import new_key
from tests.live.canaries import Canaries, found_in
from tests.live.server import RunningServer
from tests.vendors.echoing_vendor import CONDUCT

LIMIT_S = 30.0
WHISPER, SPEAKER = "whisper-base", "espeak"
TRANSCRIBE, TRANSLATE = "/v1/audio/transcriptions", "/v1/audio/translations"
SPEAK, CAPTIONS = "/v1/audio/speech", "/v1/audio/speech/captions"
A15T, REALTIME = "/v1/audio/transcriptions-realtime", "/v1/realtime"
FRAME_BYTES = 6_400

Message: TypeAlias = str | bytes | dict[str, Any]
"""A frame, or what becomes one as JSON."""


@dataclass(frozen=True)
class Exchange:
    """One request and its answer.

    Attributes:
        own: of what callers say, that which this one said itself.
        answer: its head and its body.
    """

    label: str
    own: frozenset[str]
    answer: str


@dataclass
class Campaign:
    """Callers of one server, and all that they were answered.

    Attributes:
        sound: 16 kHz, mono, 16 bits.
        answered: what the stand-in for providers says in each answer.
        given_out: answers that hold a secret because they are there to give it out.
    """

    server: RunningServer
    canaries: Canaries
    recording: Path
    sound: bytes
    answered: str
    key: str
    exchanges: list[Exchange] = field(default_factory=list)
    given_out: list[Exchange] = field(default_factory=list)

    def run(self) -> None:
        """Call in every way there is."""
        self._strangers()
        self._recordings()
        self._providers()
        self._texts()
        self._idempotency()
        self._administration()
        self._questions()
        self._sockets()

    def ask(self, method: str, path: str, **sent: Any) -> requests.Response:
        """Send a request with a key, unless it brings headers of its own."""
        sent.setdefault("headers", {"Authorization": f"Bearer {self.key}"})
        answer = requests.request(
            method, self.server.url + path, timeout=LIMIT_S, allow_redirects=False, **sent
        )
        heard = answer.content.decode("utf-8", "replace")
        self._keep(f"{method} {path}", repr((path, sent)), f"{answer.headers} {heard}")
        return answer

    def _keep(self, label: str, sent: str, told: str) -> None:
        said = self.canaries.sentences | self.canaries.invented
        own = found_in(sent, said) | ({self.answered} if "from-" in sent else set())
        self.exchanges.append(Exchange(label, frozenset(own), told))

    def _upload(self, path: str, fields: Mapping[str, Any], name: str, **sent: Any) -> None:
        files = {"file": (name, self.recording.read_bytes())}
        self.ask("POST", path, data=fields, files=files, **sent)

    # Who may not come in

    def _strangers(self) -> None:
        for key in self._wrong_keys():
            for headers in _presented(key):
                self.ask("GET", "/v1/models", headers=headers)
                self.ask("POST", TRANSCRIBE, headers=headers, data={"prompt": self._say()})
            self.ask("GET", f"/v1/models?api_key={key}&key={key}", headers={})
            self._talk(f"{A15T}?model={WHISPER}&api_key={key}", [])
            with suppress(ValueError):  # some keys are no subprotocols
                self._talk(REALTIME, [], protocols=["realtime", f"openai-insecure-api-key.{key}"])

    def _wrong_keys(self) -> Iterator[str]:
        for form in ("{}", "sk-{}", "ek_{}", "lq_{}", "lq_abcdefghijklmnop_{}", "a'b\\{}\"c"):
            yield self.canaries.secret(form)
        unknown = new_key()
        yield self.canaries.keep_secret(str(unknown), unknown.secret)

    # What is said

    def _say(self, form: str = "the {} sings") -> str:
        return self.canaries.sentence(form)

    def _wordy(self, model: str) -> dict[str, Any]:
        return {
            "model": model,
            "prompt": self._say(),
            "hotwords": self._say("{}"),
            "keywords[]": [self._say("{}"), self._say("{}")],
            "language": "en",
            self._say("odd_{}"): self._say(),
        }

    def _recordings(self) -> None:
        name = self._say("{}.wav")
        diarized = {"response_format": "diarized_json", "num_speakers": "1"}
        speakers = {"known_speaker_names[]": self._say("{}"), "known_speaker_references[]": "data:"}
        for more in ({}, {"stream": "true"}, diarized, diarized | speakers):
            self._upload(TRANSCRIBE, self._wordy(WHISPER) | more, name)
        self._upload(TRANSLATE, self._wordy(WHISPER), self._say("{}.mp3"))
        self._upload("/v1/audio/diarization", {"response_format": "rttm"}, self._say("{}.flac"))
        for field_name in ("language", "response_format", "temperature", "chunking_strategy"):
            wrong = {"model": WHISPER, field_name: self._say("{}")}
            self._upload(TRANSCRIBE, wrong, name)
            self._upload(TRANSCRIBE.replace("v1", "v0"), wrong, name)
        self._upload(TRANSCRIBE, {"model": self.canaries.model()}, name)
        for body in (self._say().encode(), b"RIFF" + self._say().encode()):
            files = {"file": (self._say("{}\r\n\x1b[31m.wav"), body)}
            self.ask("POST", TRANSCRIBE, data={"model": WHISPER}, files=files)
        kind = {"Content-Type": f"multipart/form-data; boundary={self._say('{}')}"}
        self.ask("POST", TRANSCRIBE, data=self._say(), headers=kind | self._bearer())

    def _providers(self) -> None:
        for conduct in CONDUCT:
            more = {"stream": "true"} if conduct == "streams" else {}
            self._upload(TRANSCRIBE, self._wordy(f"from-{conduct}") | more, self._say("{}.wav"))
        self._upload(TRANSLATE, self._wordy("from-breaks"), self._say("{}.wav"))
        self._upload(TRANSCRIBE, self._wordy("from-far-away"), self._say("{}.wav"))
        for conduct in ("rejects", "locks-out", "garbles", "redirects"):
            spoken = {"model": f"from-{conduct}", "input": self._say(), "voice": "alloy"}
            self.ask("POST", SPEAK, json=spoken | {"instructions": self._say()})

    def _texts(self) -> None:
        for path, more in (
            (SPEAK, {"response_format": "wav"}),
            (SPEAK, {"stream_format": "sse", "timestamps": "word"}),
            (CAPTIONS, {"response_format": "srt"}),
            (SPEAK, {"voice": self._say("{}")}),
            (SPEAK, {"language": self._say("{}")}),
            (SPEAK, {"model": self.canaries.model()}),
            (SPEAK, {self._say("odd_{}"): {self._say("{}"): [self._say()]}}),
            (SPEAK, {"speed": self._say()}),
        ):
            said = {"model": SPEAKER, "input": f"{self._say()} \U0001f426", **more}
            self.ask("POST", path, json=said)
        self.ask("POST", SPEAK, data=f'{{"input": "{self._say()}', headers=self._json())

    def _idempotency(self) -> None:
        for form in ("{}", "order {}; 'odd\""):
            headers = self._bearer() | {"Idempotency-Key": self.canaries.secret(form)}
            text = self._say()
            for said in (text, text, self._say()):
                body = {"model": SPEAKER, "input": said, "response_format": "wav"}
                self.ask("POST", SPEAK, json=body, headers=headers)
        headers = self._bearer() | {"Idempotency-Key": self.canaries.secret("{}" + "x" * 300)}
        self.ask("POST", SPEAK, json={"model": SPEAKER, "input": self._say()}, headers=headers)

    # Who rules

    def _administration(self) -> None:
        made = self._made("/v1/admin/keys", {"name": "first", "scopes": ["inference"]})
        self._made(f"/v1/admin/keys/{made['id']}/rotate", {})
        headers = {"Authorization": f"Bearer {made['key']}"}
        self.ask("GET", "/v1/admin/keys", headers=headers)
        self.ask("DELETE", f"/v1/admin/keys/{made['id']}")
        self.ask("GET", "/v1/models", headers=headers)
        for wrong in (
            {"name": "second", "scopes": [self._say("{}")]},
            {"name": "second", self._say("odd_{}"): self._say()},
            {"name": [self._say()]},
            {"name": f"{self._say()}\nb"},
        ):
            self.ask("POST", "/v1/admin/keys", json=wrong)
        for place in ("keys", "projects", "organisations"):
            self.ask("PATCH", f"/v1/admin/{place}/{self._say('{}')}", json={"name": self._say()})
        self.ask("GET", f"/v1/admin/audit?limit={self._say('{}')}")

    def _made(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.ask("POST", path, json=body)
        assert answer.status_code < 300, answer.text
        made: dict[str, Any] = answer.json()
        self.given_out.append(self.exchanges.pop())
        self.canaries.keep_secret(made["key"], made["key"].rpartition("_")[2])
        return made

    def _questions(self) -> None:
        word = self._say("{}")
        self.ask("POST", "/v1/route", json={"model": self.canaries.model(), "capability": word})
        self.ask("POST", "/v1/route", json={"model": WHISPER, self._say("odd_{}"): self._say()})
        for path in ("usage", "usage/rows", "pricing", "models", "audio/voices"):
            self.ask("GET", f"/v1/{path}?since={word}&limit={word}&capability={word}&{word}=1")
        self.ask("GET", f"/v1/models/{self.canaries.model()}")
        self.ask("GET", f"/v1/{word}")
        for method in ("DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            self.ask(method, TRANSCRIBE, data=self._say())
        self.ask("POST", "/v1/admin/keys", json={"name": self._say() * 10_000})
        for request_id in (self._say("{} x"), self._say('{}"\\'), self._say("é{}")):
            self.ask("GET", "/v1/models", headers=self._bearer() | {"X-Request-Id": request_id})

    # Who listens

    def _sockets(self) -> None:
        bearer = self._bearer()
        begun = {"sample_rate": 16_000, "language": "en", "prompt": self._say()}
        done = '{"done": true}'
        self._talk(f"{A15T}?model={WHISPER}", [begun, *self._frames(), done], bearer)
        for wrong in (
            begun | {self._say("odd_{}"): self._say()},
            {"language": self._say("{}"), "sample_rate": self._say()},
            self._say(),
        ):
            self._talk(f"{A15T}?model={WHISPER}", [wrong, done], bearer)
        self._talk(f"{A15T}?model={self.canaries.model()}", [begun], bearer)
        self._talk(f"{A15T}?model={WHISPER}&preference={self._say('{}')}", [begun], bearer)
        for conduct in ("rejects", "is-odd"):
            address = f"{A15T}?model=from-{conduct}"
            self._talk(address, [begun, *self._frames(), done], bearer)
        secret, agreed = self._client_secret()
        for event in (
            {"type": self._say("{}"), self._say("{}"): self._say()},
            {"type": "conversation.item.create", "item": {"text": self._say()}},
            self._say(),
        ):
            headers = {"X-API-Key": secret}
            self._talk(REALTIME, [_update(self._say()), event], headers, agreed=agreed)

    def _client_secret(self) -> tuple[str, object]:
        """Return a secret, and what sessions with it begin with."""
        body = {"session": _update(self._say())["session"]}
        answer = self.ask("POST", "/v1/realtime/client_secrets", json=body)
        self.given_out.append(self.exchanges.pop())
        secret = answer.json()["value"]
        return self.canaries.keep_secret(secret, secret.removeprefix("ek_")), body

    def _frames(self) -> list[bytes]:
        starts = range(0, len(self.sound), FRAME_BYTES)
        return [self.sound[start : start + FRAME_BYTES] for start in starts]

    def _talk(
        self,
        path: str,
        messages: Sequence[Message],
        headers: Mapping[str, str] | None = None,
        protocols: Sequence[str] = (),
        agreed: object = None,
    ) -> None:
        """Say `messages` to a socket, and read until it is closed or says nothing more."""
        url = self.server.url.replace("http", "ws", 1) + path.replace(" ", "%20")
        offered = [Subprotocol(each) for each in protocols]
        with connect(
            url.replace('"', "%22").replace("\\", "%5C"),
            additional_headers=headers,
            subprotocols=offered or None,
            proxy=None,
        ) as socket:
            assert socket.response is not None
            told = [str(socket.response.headers)]
            with suppress(ConnectionClosed, TimeoutError):
                for message in messages:
                    socket.send(json.dumps(message) if isinstance(message, dict) else message)
                while True:
                    told.append(str(socket.recv(timeout=LIMIT_S if _ends(messages) else 0.3)))
            socket.close()
            told.append(f"{socket.close_code} {socket.close_reason}")
        self._keep(path, repr((path, messages, agreed)), " ".join(told))

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _json(self) -> dict[str, str]:
        return self._bearer() | {"Content-Type": "application/json"}


def _presented(key: str) -> list[dict[str, str]]:
    """Return every way in which a request can present a key."""
    return [
        {"Authorization": f"Bearer {key}"},
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        {"X-API-Key": key},
        {"Cookie": f"session={key}"},
    ]


def _update(prompt: str) -> dict[str, Any]:
    heard = {"transcription": {"model": WHISPER, "prompt": prompt}}
    return {
        "type": "session.update",
        "session": {"type": "transcription", "audio": {"input": heard}},
    }


def _ends(messages: Sequence[Message]) -> bool:
    """Tell whether the server closes the socket by itself after these."""
    return not messages or messages[-1] == '{"done": true}'
