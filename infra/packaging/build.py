"""The steps from the repository to a directory that can be deployed."""

import tempfile
from pathlib import Path

from infra.packaging.archive import ArchiveSize, write_archive
from infra.packaging.chalice_package import ARCHIVE, TEMPLATE, run_chalice
from infra.packaging.dependencies import install_dependencies
from infra.packaging.source import copy_source


def build_template(stage: str, architecture: str, out: Path) -> None:
    """Write the stage's SAM template to `out`, and the zip of the app alone."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        copy_source(source, architecture)
        run_chalice(source, stage, out.absolute())


def build_package(stage: str, architecture: str, out: Path) -> ArchiveSize:
    """Write the stage's SAM template and the zip that its functions run to `out`.

    What an earlier build left there is gone, so that a failed one leaves nothing to deploy.
    Raises `PackagingError`.
    """
    for name in (TEMPLATE, ARCHIVE):
        (out / name).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        built, dependencies = Path(scratch, "built"), Path(scratch, "dependencies")
        build_template(stage, architecture, built)
        install_dependencies(dependencies, architecture)
        out.mkdir(parents=True, exist_ok=True)
        size = write_archive(out / ARCHIVE, built / ARCHIVE, dependencies)
        (out / TEMPLATE).write_bytes((built / TEMPLATE).read_bytes())
    return size
