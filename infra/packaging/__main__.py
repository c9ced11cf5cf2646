"""`python -m infra.packaging --stage dev`: the command line, and what it needs to be there."""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from infra.packaging.build import build_package
from infra.packaging.dependencies import ARCHITECTURES
from infra.packaging.errors import PackagingError
from infra.packaging.stages import ROOT, stage_names, stage_setting

_OLDEST_PYTHON = (3, 11)
_NEWEST_PYTHON = (3, 13)
_TOOLS = ("chalice", "pip")


def main(arguments: Sequence[str] | None = None) -> int:
    """Package a stage; 1, and why on standard error, where that cannot be done."""
    options = _parser().parse_args(arguments)
    out = options.out or ROOT / "build" / options.stage
    architecture = options.architecture or stage_setting(options.stage, "lambda_architecture")
    try:
        ensure_tools()
        size = build_package(options.stage, architecture, out)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    runtime = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    print(f"{out}: stage {options.stage}, {runtime}, {architecture}")
    print(f"zip {_megabytes(size.zipped)}, unzipped {_megabytes(size.unzipped)}")
    return 0


def ensure_tools() -> None:
    """Check that this Python can package; raises `PackagingError`."""
    if not _OLDEST_PYTHON <= sys.version_info[:2] <= _NEWEST_PYTHON:
        raise PackagingError(
            "the functions run on the Python that packages them, and that has to be 3.11, 3.12 or "
            f"3.13; {sys.executable} is {sys.version_info[0]}.{sys.version_info[1]}"
        )
    missing = [tool for tool in _TOOLS if find_spec(tool) is None]
    if missing:
        raise PackagingError(
            f"{sys.executable} lacks {' and '.join(missing)}: `make setup` makes a virtual "
            "environment that has it, and `make package` packages with that"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.packaging", description="Make a stage's template and zip."
    )
    parser.add_argument("--stage", choices=stage_names(), default="dev", help="(%(default)s)")
    parser.add_argument("--out", type=Path, help="where to (default: build/ and the stage)")
    parser.add_argument(
        "--architecture", choices=ARCHITECTURES, help="another than .chalice/config.json's"
    )
    return parser


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
