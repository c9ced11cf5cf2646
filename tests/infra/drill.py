"""`python -m tests.infra.drill [ALARM]`: tries every alarm, or one, on what it is for."""

import sys
from collections.abc import Sequence

import pytest

from infra.packaging.alarms import alarms
from tests.infra.test_alarms import WEB_ACL

DRILL = "tests/infra/test_alarm_drill.py"
# The one that has a test by itself: nothing happening is its trouble.
_TESTS = {"timer-silent": "test_a_timer_that_does_not_run_is_missed"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drill; returns pytest's exit code, or 2 for an alarm that there is not."""
    chosen = [name for name in (sys.argv[1:] if arguments is None else arguments) if name]
    names = sorted(alarm.name for alarm in alarms("prod", {"WebAcl": WEB_ACL}))
    unknown = [name for name in chosen if name not in names]
    if unknown:
        head = f"there is no alarm {unknown[0]!r}; ALARM= is one of"
        sys.stderr.write("\n  ".join([head, *names]) + "\n")
        return 2
    words = [_TESTS.get(name, f"[{name}]") for name in chosen]
    return pytest.main([DRILL, "-v", *(f"-k={word}" for word in words)])


if __name__ == "__main__":
    sys.exit(main())
