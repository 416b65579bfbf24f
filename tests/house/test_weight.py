"""What the README says of the size of an installation is true."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

ROOT = Path(__file__).parents[2]
BYTES_PER_MB = 1_000_000
TOLERANCE = 0.1
"""Wheels of other platforms and of other Pythons are a little larger or smaller."""

_REQUIREMENT = re.compile(r"^([a-z0-9._-]+)==", re.MULTILINE)
_CLAIM = re.compile(r"(\d+) packages, (\d+) MB")


def installed_bytes(name: str) -> int | None:
    """Return the size of a package's files without compiled ones, None where it is not here."""
    try:
        files = Distribution.from_name(name).files or ()
    except PackageNotFoundError:
        return None
    there = (Path(str(file.locate())) for file in files if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in there if path.is_file())


def test_the_readme_tells_how_much_is_installed() -> None:
    found = _CLAIM.search((ROOT / "README.md").read_text())
    assert found, "the README says how many packages and MB the base install has"
    names = set(_REQUIREMENT.findall((ROOT / "requirements" / "base.txt").read_text()))
    sizes = [size for name in names if (size := installed_bytes(name)) is not None]
    n_packages, n_mb = int(found[1]), int(found[2])
    assert abs(len(sizes) - n_packages) <= 2, f"{len(sizes)} packages"
    assert abs(sum(sizes) / BYTES_PER_MB / n_mb - 1) <= TOLERANCE, f"{sum(sizes) / BYTES_PER_MB} MB"
