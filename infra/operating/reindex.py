"""`python -m infra.operating.reindex`: makes the words that events are found by anew, while the API
goes on. Cut off, it can be run again.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence

from tqdm import tqdm

from chalicelib.errors import EventsApiError
from chalicelib.store.reindexing import Reindexed, Reindexing, open_reindexing
from infra.operating.stage_tables import StageError, reach_stage


def main(arguments: Sequence[str] | None = None) -> int:
    """Reindex a stage; 1 if it cannot be reached, or where some events were busy all the time."""
    parser = argparse.ArgumentParser(prog="python -m infra.operating.reindex", description=__doc__)
    parser.add_argument("--stage", default="local")
    parser.add_argument("--stack", help="the stack's name, where it is not events-api-<stage>")
    chosen = parser.parse_args(arguments)
    try:
        busy = reindex(open_reindexing(reach_stage(chosen.stage, chosen.stack)))
    except (StageError, EventsApiError) as error:
        print(error, file=sys.stderr)
        return 1
    for slug in busy:
        print(f"{slug} was being changed; run this again", file=sys.stderr)
    return 1 if busy else 0


def reindex(reindexing: Reindexing) -> list[str]:
    """Reindex everything; return the slugs of the events that somebody was at."""
    written = _shown("events", reindexing.events())
    deleted = _shown("strays", reindexing.strays())
    print(f"{len(written)} events reindexed, {len(deleted)} events had stray words")
    return sorted({item.slug for item in (*written, *deleted) if not item.done})


def _shown(title: str, work: Iterable[Reindexed]) -> list[Reindexed]:
    return list(tqdm(work, desc=title, unit=" events", disable=None))


if __name__ == "__main__":
    sys.exit(main())
