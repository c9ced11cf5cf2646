"""What a deployment is called: a digest of everything that its functions run with."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from infra.packaging.chalice_package import ARCHIVE, TEMPLATE
from infra.packaging.choices import RELEASE

_CHARACTERS = 16


def release_of(package: Path, parameters: Mapping[str, str]) -> str:
    """Return the value of the parameter `Release` for a package and all other parameters.

    The same ones have the same release, and then no function gets a new version. What differs in
    any of them, a setting or a function's memory, is another.
    """
    given = {name: value for name, value in parameters.items() if name != RELEASE}
    digest = hashlib.sha256()
    for part in (
        (package / ARCHIVE).read_bytes(),
        (package / TEMPLATE).read_bytes(),
        json.dumps(given, sort_keys=True).encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:_CHARACTERS]
