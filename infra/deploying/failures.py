"""Why a stack did not come to where it should, and what to do about it."""

import re
from collections.abc import Sequence

from infra.deploying.stacks import Stack, StackEvent

_HINTS = (
    (
        r"not authorized to perform|AccessDenied|is not authorized",
        "the credentials lack a permission: docs/deploying.md has the policy",
    ),
    (
        r"already exists",
        "a resource of that name is there already, outside of the stack: delete or rename it",
    ),
    (
        r"limit|quota|LimitExceeded|TooMany",
        "a quota of the account is reached: ask AWS to raise it",
    ),
    (
        r"deletion protection|DeletionProtection",
        (
            "the table is protected: take that off on purpose, if it really shall go "
            "(`aws dynamodb update-table --no-deletion-protection-enabled --table-name …`)"
        ),
    ),
    (
        r"[Cc]ertificate",
        "the certificate has to be issued, in this region, for this domain's name",
    ),
    (
        r"only one (GSI|global secondary index)|more than one .*(index|GSI)",
        "DynamoDB adds one index an update: deploy the versions in between first",
    ),
    (
        r"alarm|Deployment .* (failed|stopped|rolled back)",
        (
            "the new version was rolled back while it was shifted in: `make logs` shows what it "
            "met. If the alarm was on before, SHIFT=at-once brings the version past it"
        ),
    ),
    (r"[Tt]hrottl|Rate exceeded", "AWS was busy: run the same command again"),
)
_FIRST_CREATION = "ROLLBACK_COMPLETE"


def failure_report(stack: Stack, causes: Sequence[StackEvent]) -> str:
    """Return what failed first, each with a hint where there is one, and how to go on."""
    lines = [f"failed: the stack is {stack.status}. What failed by itself, first ones first:"]
    for event in causes:
        lines.append(f"  {event.logical_id} ({event.kind}): {event.reason or event.status}")
        hint = _hint(event.reason)
        lines += [f"    → {hint}"] if hint else []
    if not causes:
        lines.append(f"  {stack.reason or 'CloudFormation does not say'}")
    lines.append(_next_step(stack.status))
    return "\n".join(lines)


def _hint(reason: str) -> str | None:
    return next((hint for pattern, hint in _HINTS if re.search(pattern, reason)), None)


def _next_step(status: str) -> str:
    if status == _FIRST_CREATION:
        return (
            "Mend that and deploy again: what is left of the stack is deleted then, if you say so."
        )
    if status.endswith("ROLLBACK_COMPLETE"):
        return "The stack is as it was before. Mend that and run the same command again."
    return "Run the same command again: it says what the stack needs first."
