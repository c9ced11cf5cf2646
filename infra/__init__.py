"""Building, deploying and locally running what `app.py` and `chalicelib` are."""

import sys
from types import TracebackType


def _say_interrupted(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Tell of Ctrl-C in one line, whenever it comes, and of everything else as Python does."""
    if issubclass(kind, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


# Here, since commands are interrupted while they still import what they need.
sys.excepthook = _say_interrupted
