"""What a change set would do, made readable, and which of it loses data or an address."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KEEPS_DATA = "what it holds stays behind, or is lost"
_NEW_ADDRESS = "the API gets another address: front ends and Stripe's webhook endpoint must follow"
# What may neither be removed nor replaced unless that is said, and why.
_GUARDED = {
    "AWS::DynamoDB::Table": _KEEPS_DATA,
    "AWS::DynamoDB::GlobalTable": _KEEPS_DATA,
    "AWS::S3::Bucket": _KEEPS_DATA,
    "AWS::KMS::Key": "what it encrypted cannot be read any more",
    "AWS::ApiGateway::RestApi": _NEW_ADDRESS,
}
_REPLACED = {"True": "REPLACED", "Conditional": "MAY BE REPLACED"}
_RETAINED = frozenset({"Retain", "ReplaceAndRetain"})


@dataclass(frozen=True, slots=True)
class Change:
    """One resource's change. `replacement` is True, Conditional, False or empty, as AWS says it."""

    action: str
    logical_id: str
    kind: str
    replacement: str = ""
    policy: str = ""
    causes: tuple[str, ...] = ()

    @classmethod
    def read(cls, change: Mapping[str, Any]) -> "Change":
        """Read a `ResourceChange` of DescribeChangeSet."""
        targets = (detail.get("Target", {}) for detail in change.get("Details", ()))
        names = (target.get("Name") or target.get("Attribute", "") for target in targets)
        return cls(
            action=change["Action"],
            logical_id=change["LogicalResourceId"],
            kind=change["ResourceType"],
            replacement=change.get("Replacement", ""),
            policy=change.get("PolicyAction", ""),
            causes=tuple(dict.fromkeys(name for name in names if name)),
        )

    @property
    def effect(self) -> str:
        """What it means beyond its action, in capitals where the resource does not survive."""
        kept = " (the old one is kept outside of the stack)" if self.policy in _RETAINED else ""
        if self.action == "Remove":
            return f"REMOVED{kept}"
        return f"{_REPLACED[self.replacement]}{kept}" if self.replacement in _REPLACED else ""

    @property
    def risk(self) -> str | None:
        """Why it has to be said explicitly, or None where it does not."""
        return _GUARDED.get(self.kind) if self.effect else None


def shown(changes: Sequence[Change]) -> list[str]:
    """Return a line for each change, those that need attention last, where they are seen."""
    ordered = sorted(changes, key=lambda item: (item.risk is not None, item.kind, item.logical_id))
    rows = [_columns(change) for change in ordered]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip()
        for row in rows
    ]


def unconfirmed(changes: Iterable[Change], allowed: Iterable[str]) -> list[Change]:
    """Return the changes that would lose something and that nobody named."""
    named = frozenset(allowed)
    return [change for change in changes if change.risk and change.logical_id not in named]


def _columns(change: Change) -> tuple[str, str, str, str, str]:
    mark = "!!" if change.risk else ""
    causes = ", ".join(change.causes)
    what = f"{change.effect}: {causes}" if change.effect and causes else change.effect or causes
    return mark, change.action, change.logical_id, change.kind, what
