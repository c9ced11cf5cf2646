"""What a function does while Lambda starts it, so that its first request does not have to: a
starting function has more processor than its memory buys, and a snapshot keeps what was done.

Nothing is sent from here: what answers at the start may be gone, or another, when it is needed.
"""

import gc
import os
from collections.abc import Callable, Sequence
from contextlib import suppress

# Lambda sets these ("Defined runtime environment variables"): how, and which function, it starts.
_KIND = "AWS_LAMBDA_INITIALIZATION_TYPE"
_HANDLER = "_HANDLER"
_SNAPSHOT = "snap-start"
_OBJECTS_BETWEEN_COLLECTIONS = 20_000

Step = Callable[[], object]


def prepare(handler: str, *steps: Step, for_snapshots: Sequence[Step] = ()) -> None:
    """Take the steps, if Lambda starts the function of this handler: modules of one are loaded by
    others too. Those `for_snapshots` are taken where SnapStart keeps the result for every start to
    come, when it does not matter how long they take.

    What goes wrong here goes wrong again in the first request, which has an answer for it.
    """
    kind = os.environ.get(_KIND)
    if not kind or os.environ.get(_HANDLER) != handler:
        return
    for step in steps if kind != _SNAPSHOT else (*steps, *for_snapshots):
        with suppress(Exception):
            step()
    if kind == _SNAPSHOT:
        _reseed_when_restored()
    _look_for_garbage()


def _look_for_garbage() -> None:
    """Begin to look for garbage, and never among what the start has made: that stays. Python looks
    after so many more objects; its own 700 are a part of a request's.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    gc.enable()


def _reseed_when_restored() -> None:
    """Have each copy of a snapshot draw other random numbers: they take crowds apart. Ids and
    secrets come from the system and need nothing ("Handling uniqueness with Lambda SnapStart").
    """
    import random

    # Part of Lambda's runtime, from Python 3.12 on.
    from snapshot_restore_py import register_after_restore

    register_after_restore(random.seed)
