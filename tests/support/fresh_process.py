"""Runs a script in an interpreter of its own, to see what it loads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_PRINT_MODULES = """
import json, sys
print("\\n" + json.dumps({"loaded": sorted(sys.modules), "result": globals().get("result")}))
"""


def run_fresh(script: str, **environment: str) -> Any:
    """Run the script; return what it left in `result` and the names of all modules `loaded`."""
    finished = subprocess.run(
        [sys.executable, "-c", script + _PRINT_MODULES],
        cwd=_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])
