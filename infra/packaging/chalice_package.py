"""`chalice package`, in a process and a directory of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from infra.packaging.errors import PackagingError
from infra.packaging.template import merge_template

TEMPLATE = "sam.json"
ARCHIVE = "deployment.zip"

_MAIN = "import sys; from chalice.cli import main; sys.exit(main())"
# Chalice asks botocore for the endpoints of some region; what it writes fits every one.
_DEFAULT_REGION = "us-east-1"
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "AWS_DEFAULT_REGION")


def run_chalice(source: Path, stage: str, out: Path) -> None:
    """Write the stage's SAM template and a zip of the app, without what it depends on, to `out`.

    `source` is what `copy_source` made. Raises `PackagingError` with what Chalice said.
    """
    merge = source / "merge.json"
    merge.write_text(json.dumps(merge_template(stage)))
    arguments = ("--project-dir", str(source), "package", "--stage", stage)
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments, "--merge-template", str(merge), str(out)],
        cwd=source,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingError(f"chalice package failed:\n{done.stdout.strip()}")


def _environment() -> dict[str, str]:
    """Return an environment without the caller's credentials and module paths."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        "AWS_DEFAULT_REGION": _DEFAULT_REGION,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        **kept,
    }
