"""The zip that Lambda gets. The same content makes the same bytes, whenever and wherever."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infra.packaging.errors import PackagingError

# "Lambda quotas": the deployment package, unzipped.
_MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
# The earliest time that a zip can name.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o644 << 16
# Programs and type stubs: nothing imports them.
_NOT_IMPORTED = frozenset({".pyc", ".pyi"})


@dataclass(frozen=True, slots=True)
class ArchiveSize:
    """Sizes in bytes."""

    zipped: int
    unzipped: int


def write_archive(target: Path, app: Path, dependencies: Path) -> ArchiveSize:
    """Zip the content of the app's own zip and of a directory of dependencies.

    Raises `PackagingError` where a file is in both, or Lambda would not take what came out.
    """
    files = dict(_directory_files(dependencies))
    for name, content in _archive_files(app):
        if name in files:
            raise PackagingError(f"{name} is in the app and in what it depends on")
        files[name] = content
    unzipped = sum(len(content) for content in files.values())
    if unzipped > _MAX_UNZIPPED_BYTES:
        raise PackagingError(f"Lambda takes 250 MB unzipped, and this is {unzipped:,} bytes")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE_BY_ALL
            archive.writestr(entry, files[name])
    return ArchiveSize(target.stat().st_size, unzipped)


def _directory_files(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and _is_packaged(name):
            yield name, path.read_bytes()


def _archive_files(archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if _is_packaged(name):
                yield name, opened.read(name)


def _is_packaged(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] != "bin" and path.suffix not in _NOT_IMPORTED
