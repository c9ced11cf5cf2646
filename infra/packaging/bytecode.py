"""Bytecode for the zip. Lambda's code folder is read-only, so without it every cold start compiles
every module again, which takes longer than all else together.
"""

import os
import subprocess
import sys
from pathlib import Path

from infra.packaging.errors import PackagingError

# Where Lambda unzips to: what tracebacks name.
_TASK_ROOT = "/var/task"
# Checked by nobody: the zip is the only place where source and bytecode come together, and to look
# at the source's time or hash would be work at each import (PEP 552). In one process and in the
# names' order, so that the same source makes the same bytes.
_COMPILE = """
import compileall, py_compile, sys
sys.exit(not compileall.compile_dir(
    sys.argv[1],
    maxlevels=99,
    quiet=1,
    stripdir=sys.argv[1],
    prependdir=sys.argv[2],
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
))
"""


def compile_modules(directory: Path) -> None:
    """Write every module's bytecode beside it, by the Python that packages: the functions run on
    the same version. Raises `PackagingError` with what did not compile.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", _COMPILE, str(directory), _TASK_ROOT],
        # Sets in constants are written in the order of their hashes.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingError(f"modules do not compile:\n{done.stdout.strip()}")
