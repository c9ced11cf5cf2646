"""The steps from the repository to a directory that can be deployed."""

import tempfile
from pathlib import Path

from infra.packaging.archive import ArchiveSize, unpack_beside, write_archive
from infra.packaging.botocore_data import trim_botocore
from infra.packaging.bytecode import compile_modules
from infra.packaging.chalice_package import ARCHIVE, TEMPLATE, run_chalice
from infra.packaging.dependencies import install_dependencies
from infra.packaging.pruning import prune
from infra.packaging.source import copy_source


def build_template(stage: str, architecture: str, out: Path) -> None:
    """Write the stage's SAM template to `out`, and the zip of the app alone."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        copy_source(source, architecture)
        run_chalice(source, stage, out.absolute())


def build_package(
    stage: str, architecture: str, out: Path, *, as_installed: bool = False
) -> ArchiveSize:
    """Write the stage's SAM template and the zip that its functions run to `out`.

    What an earlier build left there is gone, so that a failed one leaves nothing to deploy. With
    `as_installed` the zip is what pip and Chalice leave, for a comparison: neither pruned nor
    compiled. Raises `PackagingError`.
    """
    for name in (TEMPLATE, ARCHIVE):
        (out / name).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        built, content = Path(scratch, "built"), Path(scratch, "content")
        build_template(stage, architecture, built)
        install_dependencies(content, architecture)
        unpack_beside(built / ARCHIVE, content)
        if not as_installed:
            finish(content)
        out.mkdir(parents=True, exist_ok=True)
        size = write_archive(out / ARCHIVE, content)
        (out / TEMPLATE).write_bytes((built / TEMPLATE).read_bytes())
    return size


def finish(content: Path) -> None:
    """Make what was installed small, and quick to start."""
    prune(content)
    trim_botocore(content)
    compile_modules(content)
