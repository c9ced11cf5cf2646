"""The folder of e-mails: one `.eml` file each, named so that they sort by when they came."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")


def _now() -> datetime:
    return datetime.now(UTC)


class MailFolder:
    """E-mails by name. Several programs may look into the folder at the same time."""

    def __init__(self, directory: Path, now: Callable[[], datetime] = _now) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._now = now

    def add(self, content: bytes) -> str:
        """Keep an e-mail as it came; returns its name.

        The file is complete before it has its name, so that nobody ever sees half of one.
        """
        name = f"{self._now():%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}"
        unfinished = self._directory / f"{name}.part"
        unfinished.write_bytes(content)
        unfinished.rename(self._file(name))
        return name

    def names(self) -> list[str]:
        """Return the names of all e-mails, latest first."""
        found = (path.stem for path in self._directory.glob("*.eml"))
        return sorted(filter(_NAME.fullmatch, found), reverse=True)

    def get(self, name: str) -> bytes | None:
        """Return an e-mail, or None where there is none of that name; no path is a name."""
        if _NAME.fullmatch(name) is None:
            return None
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            return None

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.eml"
