"""X-Ray is Lambda's own: the SDK, slower to import than everything else, is loaded by nobody."""

import ast
from pathlib import Path

import pytest

from tests.support.fresh_process import run_fresh

ROOT = Path(__file__).resolve().parents[2]
SDK = "aws_xray_sdk"
# A function, a line, a metric and a trace's id: what Powertools could trace with is there.
TELLS_ALL = """
import os
os.environ["_X_AMZN_TRACE_ID"] = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
os.environ["LAMBDA_TASK_ROOT"] = "/var/task"
from chalicelib import wiring
wiring.log().audit("event_created", {})
wiring.meter().count("CheckoutStarted")
result = None
"""


@pytest.mark.parametrize(
    "function",
    [
        "app",
        "chalicelib.functions.stripe_webhook",
        "chalicelib.functions.reconcile",
        "chalicelib.functions.authorizer",
    ],
)
def test_no_function_loads_the_sdk(function: str) -> None:
    loaded = run_fresh(f"import {function}\n{TELLS_ALL}")["loaded"]
    assert "aws_lambda_powertools.logging.logger" in loaded
    assert not [name for name in loaded if name.partition(".")[0] == SDK]


def test_nothing_imports_the_sdk_or_the_tracer_and_nothing_packages_it() -> None:
    for path in (ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                text = ast.unparse(node)
                assert SDK not in text, path
                assert "aws_lambda_powertools.tracing" not in text, path
                assert "Tracer" not in text, path
    for lock in ("requirements.txt", "requirements.lock"):
        assert "xray" not in (ROOT / lock).read_text().lower()
