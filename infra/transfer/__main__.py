"""`python -m infra.transfer import|export FILE`: events from a file to an API, and back.

Ends with 0 when all is done, 1 when lines are wrong, 2 when it could not be done, 130 on Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.transfer.access import api_key_for, local_api, token_for
from infra.transfer.api import Api
from infra.transfer.errors import TransferError
from infra.transfer.exporting import Export
from infra.transfer.importing import Import

_DONE, _LINES_FAILED, _NOT_DONE, _INTERRUPTED = 0, 1, 2, 130
_GO_ON = "What is done is done: the same command goes on from there."


def main(arguments: Sequence[str] | None = None) -> int:
    """Transfer a file; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.file:
        parser.error("which file? FILE=events.csv")
    options.file = Path(options.file)
    url = options.api or local_api()
    try:
        token = token_for(url, os.environ)
        api_key = api_key_for(url, os.environ) if options.command == "export" else None
        with Api(url, token, api_key) as api:
            if options.command == "import":
                code = _import(Import(api, options.file, dry_run=options.dry_run), options.file)
                if options.dry_run:
                    print("a dry run: this is what would be done, and none of it was", flush=True)
                return code
            return _export(Export(api, options.file), options.file)
    except TransferError as error:
        print(error, file=sys.stderr)
        return _NOT_DONE


def _import(transfer: Import, path: Path) -> int:
    try:
        transfer.run()
    except TransferError as error:
        print(f"{error}\n{_GO_ON}", file=sys.stderr)
        return _NOT_DONE
    except KeyboardInterrupt:
        print(f"interrupted\n{_GO_ON}", file=sys.stderr)
        return _INTERRUPTED
    finally:
        print(transfer.summary.report(path), flush=True)
    return _LINES_FAILED if transfer.summary.has_failures else _DONE


def _export(transfer: Export, path: Path) -> int:
    try:
        transfer.run()
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return _INTERRUPTED
    print(f"{transfer.done} events in {path}")
    return _DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.transfer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    taking_in = commands.add_parser("import", help="add and change events as a file says")
    taking_in.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    giving_out = commands.add_parser("export", help="write all events to a file")
    for command in (taking_in, giving_out):
        command.add_argument("file", metavar="FILE", help=".csv, .jsonl or .ndjson")
        command.add_argument(
            "--api",
            metavar="URL",
            help="where the API is, a stage's path included (default: the local run). The token "
            "is read from the environment variable TOKEN, and an export's API key from API_KEY; "
            "the local run needs neither",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
