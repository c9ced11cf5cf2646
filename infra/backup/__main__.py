"""`python -m infra.backup save` and `… restore`: a stage's data into a file, and back."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chalicelib.adapters.secret_rules import is_production
from infra.backup.errors import BackupError
from infra.backup.file_format import Reader
from infra.backup.restoring import Outcome, Plan, Restoring, Wishes
from infra.backup.saving import GRACE_SECONDS, Saving
from infra.backup.survey import told
from infra.backup.tables import Pace, Tables
from infra.operating.stage_tables import StageError, reach_tables
from infra.tables import TABLE_SETTINGS

_READ_UNIT = 4_096
_ENDING = ".jsonl.gz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Save or restore; 1 where it was not done, or not as a whole."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if not chosen.file:
        parser.error("which file? FILE=backup.jsonl.gz")
    if chosen.work == "save" and not chosen.file.endswith(_ENDING):
        parser.error(
            f"FILE must end in {_ENDING}: git ignores such files, and this one is personal"
        )
    try:
        names = reach_tables(chosen.stage, chosen.stack) | dict(chosen.table)
        tables = Tables(chosen.stage, names, Pace(chosen.rate))
        try:
            return _save(tables, chosen) if chosen.work == "save" else _restore(tables, chosen)
        finally:
            tables.close()
    except (BackupError, StageError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; run it again", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.backup", description=__doc__)
    works = parser.add_subparsers(dest="work", required=True)
    save = works.add_parser("save", help="a stage's data into a file")
    restore = works.add_parser("restore", help="a file's data into a stage")
    for work in (save, restore):
        work.add_argument("file")
        work.add_argument("--stage", default="local")
        work.add_argument("--stack", help="its name, where it is not events-api-<stage>")
        work.add_argument(
            "--table",
            type=_table,
            action="append",
            default=[],
            metavar="EventsTable=NAME",
            help="another table in a table's place, such as one restored to a point in time",
        )
        work.add_argument("--rate", type=_rate, help="capacity units a second, at the most")
        work.add_argument("--dry-run", action="store_true")
    save.add_argument(
        "--grace",
        type=float,
        default=GRACE_SECONDS,
        help="seconds that orders which have begun have until they are read",
    )
    restore.add_argument("--replace", action="store_true", help="delete what is not in the file")
    restore.add_argument("--confirm", default="", help="a production stage's name, once more")
    restore.add_argument(
        "--as-is",
        action="store_true",
        help="keep what another stage's orders have yet to do, and their addresses",
    )
    return parser


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(
            f"must be a number of capacity units, more than nothing, and not {text!r}"
        )
    return rate


def _table(text: str) -> tuple[str, str]:
    logical_id, _, name = text.partition("=")
    if logical_id not in TABLE_SETTINGS or not name:
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(TABLE_SETTINGS)}, = and a name"
        )
    return logical_id, name


def _save(tables: Tables, chosen: argparse.Namespace) -> int:
    path = Path(chosen.file)
    if chosen.dry_run:
        _show_sizes(tables)
        return 0
    begun = time.monotonic()
    saved = Saving(tables, path, chosen.grace).run()
    if saved.problems:
        print("some things do not add up; a restore tells them too:", file=sys.stderr)
        print(told(saved.problems), file=sys.stderr)
    _show_counts(saved.counts)
    seconds = time.monotonic() - begun
    print(f"{path}: {path.stat().st_size:,} bytes in {seconds:.1f} s, sha256 {saved.checksum}")
    print("It holds buyers' addresses and the codes of their tickets: keep it as you keep them.")
    return 0


def _show_sizes(tables: Tables) -> None:
    for table in tables.logical_ids:
        size = tables.size(table)
        print(
            f"{table}: about {size.items:,} items, {size.bytes:,} bytes, "
            f"{-(-size.bytes // _READ_UNIT):,} read units"
        )


def _show_counts(counts: Mapping[str, int]) -> None:
    for table, count in counts.items():
        print(f"{table}: {count:,} items")


def _restore(tables: Tables, chosen: argparse.Namespace) -> int:
    backup = Reader(Path(chosen.file))
    restoring = Restoring(tables, backup, Wishes(replace=chosen.replace, as_is=chosen.as_is))
    plan = restoring.plan(counts=chosen.dry_run)
    _tell(plan, backup, tables.stage)
    if chosen.dry_run:
        _tell_what_would_be(plan, chosen)
        return 0
    _refuse_if_unsafe(plan, chosen)
    outcome = restoring.run()
    return _tell_outcome(outcome)


def _tell(plan: Plan, backup: Reader, stage: str) -> None:
    print(f"a backup of {backup.header.stage}, as of {backup.header.as_of}, for {stage}:")
    _show_counts(plan.counts)
    print(f"sha256 {backup.checksum}")
    for table in plan.skipped:
        print(f"{table}: not in the file, and left alone")
    if plan.stale:
        print(f"{len(plan.stale)} events were read at another moment than their orders;")
        print("their seats are counted anew")
    if plan.problems:
        print("some things do not add up:", file=sys.stderr)
        print(told(plan.problems), file=sys.stderr)
    if plan.drill:
        print("It is another stage's: nothing is left to do about its orders here, and buyers'")
        print("addresses are made up (AS_IS=1 leaves everything as it was).")
    elif backup.header.stage != stage:
        print("It is another stage's, as it was there: the timer will ask Stripe", file=sys.stderr)
        print("about its orders, make refunds and send e-mails.", file=sys.stderr)


def _tell_what_would_be(plan: Plan, chosen: argparse.Namespace) -> None:
    """Tell what the real run would do with what the stage has, and whether it would do it."""
    if plan.replaced:
        print(f"{chosen.stage} has items already; with REPLACE=1, as it is now:")
    for table, replaced in plan.replaced.items():
        print(f"{table}: {replaced.overwritten:,} overwritten, {replaced.deleted:,} deleted")
    for objection in _objections(plan, chosen):
        print(f"the real run would refuse: {objection}")
    print("nothing was written")


def _refuse_if_unsafe(plan: Plan, chosen: argparse.Namespace) -> None:
    """Raise where an operator has to say more."""
    for objection in _objections(plan, chosen):
        raise BackupError(f"{objection}; nothing was written")


def _objections(plan: Plan, chosen: argparse.Namespace) -> Iterator[str]:
    if plan.occupied and not chosen.replace:
        yield (
            f"{chosen.stage} is not empty ({', '.join(plan.occupied)}): REPLACE=1 deletes what is "
            "not in the file"
        )
    if is_production(chosen.stage) and chosen.confirm != chosen.stage:
        yield f"{chosen.stage} is a production stage: say CONFIRM={chosen.stage}"


def _tell_outcome(outcome: Outcome) -> int:
    for what, counts in (
        ("written", outcome.written),
        ("deleted, which the file does not have", outcome.deleted),
        ("there beside the file's", outcome.extra),
    ):
        if counts:
            print(f"{what}: {_listed(counts)}")
    for what, counts in (
        ("MISSING; run this again", outcome.missing),
        ("changed since they were written: is the stage in use?", outcome.changed),
    ):
        if counts:
            print(f"{what}: {_listed(counts)}", file=sys.stderr)
    if outcome.problems:
        print("does not add up:", file=sys.stderr)
        print(told(outcome.problems), file=sys.stderr)
    if outcome.is_whole:
        print("compared: all of it is there, and the seats are those of the orders")
    return 0 if outcome.is_whole else 1


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} in {table}" for table, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
