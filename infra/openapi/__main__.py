"""`python -m infra.openapi`: write the OpenAPI document where it is packaged, or check it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app import app
from infra.openapi.document import build_document, document_text
from infra.openapi.routes import UndescribedRoute

ROOT = Path(__file__).resolve().parents[2]
PACKAGED = ROOT / "chalicelib" / "static" / "openapi.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the document; 1, and why on standard error, where it is not right."""
    options = _parser().parse_args(arguments)
    try:
        text = document_text(build_document(app))
    except UndescribedRoute as error:
        print(error, file=sys.stderr)
        return 1
    path: Path = options.out
    if not options.check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    print(f"{path} does not match the code; `make openapi` writes it anew", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.openapi", description="Write the OpenAPI document."
    )
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    parser.add_argument("--out", type=Path, default=PACKAGED, help="(%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
