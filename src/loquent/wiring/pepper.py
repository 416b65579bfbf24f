"""Finds the pepper of this installation, without which no key can be recognised; keeps none."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from loquent.accounting.keys import PEPPER_BYTES
from loquent.settings import Settings, SettingsError

PEPPER_FILE: Final = "pepper"

_HEX: Final = re.compile(rf"[0-9a-fA-F]{{{2 * PEPPER_BYTES}}}")


def pepper_of(settings: Settings) -> bytes:
    """Return the pepper: that of the settings, else of a file in the data folder, made if need be.

    What is written as 64 hexadecimal digits are the bytes that such a file would hold.

    Raises: SettingsError: if the file cannot be read or made.
    """
    if settings.key_pepper is None:
        return _kept_in(settings.data_dir.absolute() / PEPPER_FILE)
    text = settings.key_pepper.get_secret_value()
    return bytes.fromhex(text) if _HEX.fullmatch(text) else text.encode()


def _kept_in(file: Path) -> bytes:
    try:
        if not file.exists():
            _make(file)
        pepper = file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"key_pepper: the file {file} cannot be read or made ({error.strerror}). See that the"
            " data folder can be written, or set LOQUENT_KEY_PEPPER."
        ) from error
    if len(pepper) != PEPPER_BYTES:
        raise SettingsError(
            f"key_pepper: {file} must hold {PEPPER_BYTES} bytes and holds {len(pepper)}. Put back"
            " the file that was there: without it no key is recognised."
        )
    return pepper


def _make(file: Path) -> None:
    """Make the file whole or not at all; of those who do so at once the first one wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-") as draft:  # mode 0600
        draft.write(secrets.token_bytes(PEPPER_BYTES))
        draft.flush()
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, file)
        except FileExistsError:
            return
    _write_through(file.parent)


def _write_through(folder: Path) -> None:
    """See that what is in a folder is still there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
