"""The zip that Lambda gets. The same content makes the same bytes, whenever and wherever."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.packaging.errors import PackagingError

# "Lambda quotas": the deployment package, unzipped.
_MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
# The earliest time that a zip can name.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o644 << 16
_HARDEST = 9


@dataclass(frozen=True, slots=True)
class ArchiveSize:
    """Sizes in bytes."""

    zipped: int
    unzipped: int


def unpack_beside(archive: Path, directory: Path) -> None:
    """Unpack the app's own zip into the directory of what it depends on.

    Raises `PackagingError` where a file is in both.
    """
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if (directory / name).exists():
                raise PackagingError(f"{name} is in the app and in what it depends on")
        opened.extractall(directory)


def write_archive(target: Path, directory: Path) -> ArchiveSize:
    """Zip a directory; raises `PackagingError` where Lambda would not take what came out."""
    files = {
        path.relative_to(directory).as_posix(): path
        for path in directory.rglob("*")
        if path.is_file()
    }
    unzipped = sum(path.stat().st_size for path in files.values())
    if unzipped > _MAX_UNZIPPED_BYTES:
        raise PackagingError(f"Lambda takes 250 MB unzipped, and this is {unzipped:,} bytes")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE_BY_ALL
            archive.writestr(entry, files[name].read_bytes(), compresslevel=_HARDEST)
    return ArchiveSize(target.stat().st_size, unzipped)
