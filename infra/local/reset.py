"""`python -m infra.local.reset`: forgets the local run's data, for a fresh start."""

import os
import shutil
import sys

from infra.local.settings import ENDPOINTS_FILE, PID_FILE, STATE_DIR

# The issuer's keys stay: they are no data, and tokens made before go on working.
_DATA = ("dynamodb", "stripe", "logs", "tmp")


def main() -> int:
    """Delete the data; 1 while a local run is using it."""
    running = _running_pid()
    if running is not None:
        print(
            f"The local run is up (process {running}): stop it with Ctrl-C first.", file=sys.stderr
        )
        return 1
    for name in _DATA:
        shutil.rmtree(STATE_DIR / name, ignore_errors=True)
    ENDPOINTS_FILE.unlink(missing_ok=True)
    print("The local data is gone; make serve adds the samples again.")
    return 0


def _running_pid() -> int | None:
    """Return the process of a local run, if one is up; a file left by a killed one is nobody's."""
    try:
        pid = int(PID_FILE.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_alive(pid) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    sys.exit(main())
