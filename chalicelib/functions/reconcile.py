"""The timer: every few minutes it finishes what writers left undone."""

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, Rate

from chalicelib import log_context, wiring
from chalicelib.functions.init_phase import prepare
from chalicelib.services.time_budget import TimeBudget

blueprint = Blueprint(__name__)

# Work stops so long before Lambda ends the function: what has begun takes seconds at the most.
_MARGIN_SECONDS = 30.0
# Where nobody says how much time there is.
_DEFAULT_SECONDS = 60.0


@blueprint.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile")
def reconcile(event: CloudWatchEvent) -> None:
    """Do what there is to do, as far as the time goes, and leave a line that says what it was.

    A run that found nothing leaves none.
    """
    log_context.bind_request(event.event_id)
    tallies = wiring.reconciliation().run(TimeBudget.of(_seconds(event.context)))
    failed = sum(tally.failed for tally in tallies.values())
    if failed:
        wiring.meter().count("ChoreFailed", failed)
    found = {name: asdict(tally) for name, tally in tallies.items() if tally.found}
    if found:
        wiring.log().work("reconciled", found)


def _seconds(context: Any) -> float:  # noqa: ANN401 - Lambda's context, or None
    if context is None:
        return _DEFAULT_SECONDS
    remaining: float = context.get_remaining_time_in_millis() / 1000
    return remaining - _MARGIN_SECONDS


prepare(f"{__name__}.reconcile")
