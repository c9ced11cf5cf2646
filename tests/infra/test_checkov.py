"""checkov finds nothing in the translated template but what is skipped for a reason."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import PRODUCTION_STAGE
from tests.infra import checkov
from tests.infra.checkov import run_checkov, skips
from tests.infra.conftest import CHOSEN
from tests.infra.sam import translated


def test_the_template_fails_nothing_but_what_is_skipped_for_a_reason(
    stack: dict[str, Any],
) -> None:
    """A skip that nothing needs any more is as wrong as a failure that nobody has decided on."""
    found = run_checkov(stack, configured=False)
    assert {failure.split()[0] for failure in found.failed} == set(skips())
    assert found.passed > 60
    assert all(len(reason.split()) > 10 for reason in skips().values())


def test_a_mistake_would_be_found_and_is_all_that_is_left(sam: dict[str, Any], stage: str) -> None:
    if stage == PRODUCTION_STAGE:
        wrong = translated(sam, CHOSEN)
        del wrong["Resources"]["OrdersTable"]["Properties"]["PointInTimeRecoverySpecification"]
        assert run_checkov(wrong).failed == ("CKV_AWS_28 AWS::DynamoDB::Table.OrdersTable",)


def test_without_checkov_somebody_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkov, "PROGRAM", tmp_path / "checkov")
    with pytest.raises(FileNotFoundError, match="run `make setup`"):
        run_checkov({})
