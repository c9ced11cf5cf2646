"""How much memory this process has, as the operating system tells."""

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from chalicelib.services.health import MemoryUse

# Lambda's own setting, in megabytes ("Defined runtime environment variables").
_LAMBDA_LIMIT = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
_MEGABYTE = 1024 * 1024
_STATM = Path("/proc/self/statm")


def memory_use(env: Mapping[str, str], statm: Path = _STATM) -> MemoryUse:
    """Return what is used of what Lambda allows or, elsewhere, of what the machine has."""
    allowed = env.get(_LAMBDA_LIMIT, "")
    limit = int(allowed) * _MEGABYTE if allowed.isdecimal() else _of_the_machine()
    return MemoryUse(_resident(statm), limit or None)


def _resident(statm: Path) -> int:
    """Return what is resident now or, where there is no /proc, the most that ever was."""
    try:
        pages = int(statm.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Kilobytes on Linux, bytes on macOS (getrusage(2) of each).
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


def _of_the_machine() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
