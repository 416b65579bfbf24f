"""Seals answers so that nobody but who asked can read them again; knows no store and no route."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from loquent.accounting.keys import derived

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_LENGTH_BYTES: Final = 4
_HEADER_ENCODING: Final = "latin-1"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An HTTP answer, whole.

    Attributes:
        headers: as they go over the line.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)


class AnswerSealer:
    """Makes the envelope of each request that may be sent twice.

    Args:
        pepper: 32 bytes that are not kept where the answers are.
    """

    def __init__(self, pepper: bytes) -> None:
        self._claims = derived(pepper, "idempotency claims")
        self._digests = derived(pepper, "idempotency digests")
        self._answers = derived(pepper, "idempotency answers")

    def envelope(self, caller_id: str, credential: str, key: str) -> Envelope:
        """Return what the answer to one request is sealed in.

        Args:
            caller_id: callers never meet the answers of others, whatever keys they choose.
            credential: what the caller presents; "" for nothing.
            key: the caller's `Idempotency-Key`.
        """
        name = f"{caller_id}\0{key}".encode()
        claim_id = hmac.digest(self._claims, name, hashlib.sha256).hex()
        sealing = HKDF(SHA256(), _KEY_BYTES, claim_id.encode(), b"loquent sealed answer v1")
        material = (self._answers, _hashed(credential), _hashed(key))
        return Envelope(
            claim_id,
            hmac.digest(self._digests, name, hashlib.sha256),
            AESGCM(sealing.derive(b"".join(material))),
        )


class Envelope:
    """Seals and opens the answer to one request.

    Its key is made of the pepper, of what the caller presented and of the `Idempotency-Key`: who
    has the database and the pepper lacks two of them.

    Attributes:
        claim_id: tells nothing of the caller or the key to who lacks the pepper.
    """

    def __init__(self, claim_id: str, digest_key: bytes, cipher: AESGCM) -> None:
        self.claim_id = claim_id
        self._digest_key = digest_key
        self._cipher = cipher
        self._context = _VERSION + claim_id.encode()

    def digest(self, content: bytes) -> bytes:
        """Return what tells this content from others, and nothing of it to who has no key.

        It stays the same when the caller's credential is changed.
        """
        return hmac.digest(self._digest_key, content, hashlib.sha256)

    def seal(self, answer: KeptAnswer) -> bytes:
        """Return the answer encrypted: a version, a nonce, the ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, _framed(answer), self._context)

    def open(self, sealed: bytes) -> KeptAnswer | None:
        """Return the answer, None if it was sealed in another envelope."""
        start = len(_VERSION) + _NONCE_BYTES
        if not sealed.startswith(_VERSION) or len(sealed) < start:
            return None
        nonce = sealed[len(_VERSION) : start]
        try:
            return _unframed(self._cipher.decrypt(nonce, sealed[start:], self._context))
        except InvalidTag:
            return None


def _hashed(text: str) -> bytes:
    """Bring to one length, so that what is joined cannot be cut elsewhere."""
    return hashlib.sha256(text.encode()).digest()


def _framed(answer: KeptAnswer) -> bytes:
    headers = [[part.decode(_HEADER_ENCODING) for part in header] for header in answer.headers]
    head = json.dumps([answer.status, headers], separators=(",", ":")).encode()
    return b"".join((len(head).to_bytes(_LENGTH_BYTES), head, answer.body))


def _unframed(framed: bytes) -> KeptAnswer:
    end = _LENGTH_BYTES + int.from_bytes(framed[:_LENGTH_BYTES])
    status, headers = json.loads(framed[_LENGTH_BYTES:end])
    return KeptAnswer(
        status,
        tuple(
            (name.encode(_HEADER_ENCODING), value.encode(_HEADER_ENCODING))
            for name, value in headers
        ),
        framed[end:],
    )
