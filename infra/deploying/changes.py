"""What a change set would do, made readable, and which of it loses data or an address."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_KEEPS_DATA = "what it holds stays behind, or is lost"
_NEW_ADDRESS = "the API gets another address: front ends and Stripe's webhook endpoint must follow"
_NEW_VALUE = "the machines that call with it need the new one"
# What may neither be removed nor replaced unless that is said, and why.
_GUARDED = {
    "AWS::DynamoDB::Table": _KEEPS_DATA,
    "AWS::DynamoDB::GlobalTable": _KEEPS_DATA,
    "AWS::S3::Bucket": _KEEPS_DATA,
    "AWS::KMS::Key": "what it encrypted cannot be read any more",
    "AWS::Logs::LogGroup": "what was logged is gone",
    "AWS::ApiGateway::RestApi": _NEW_ADDRESS,
    "AWS::ApiGateway::DomainName": "the domain leads nowhere until DNS follows",
    "AWS::ApiGateway::ApiKey": _NEW_VALUE,
}
_REPLACED = {"True": "REPLACED", "Conditional": "MAY BE REPLACED"}
_TABLE = "AWS::DynamoDB::Table"
_ATTRIBUTES = "AttributeDefinitions"
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
    replacing: tuple[str, ...] = ()

    @classmethod
    def read(cls, change: Mapping[str, Any]) -> "Change":
        """Read a `ResourceChange` of DescribeChangeSet."""
        targets = [detail.get("Target", {}) for detail in change.get("Details", ())]
        replacing = [item for item in targets if item.get("RequiresRecreation") != "Never"]
        return cls(
            action=change["Action"],
            logical_id=change["LogicalResourceId"],
            kind=change["ResourceType"],
            replacement=change.get("Replacement", ""),
            policy=change.get("PolicyAction", ""),
            causes=_names(targets),
            replacing=_names(replacing),
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


def judged(
    changes: Iterable[Change], before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Change, ...]:
    """Return the changes, told by the templates before and after which "Conditional" is none.

    CloudFormation says that of a table whenever AttributeDefinitions is another, as each new index
    has it. The table is replaced only where an attribute that was there gets another type
    ("AWS::DynamoDB::Table", AttributeDefinitions: "Replacement if you edit an existing
    AttributeDefinition").
    """
    return tuple(
        replace(change, replacement="False") if _only_adds(change, before, after) else change
        for change in changes
    )


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


def _only_adds(change: Change, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if change.kind != _TABLE or change.replacement != "Conditional":
        return False
    if change.replacing != (_ATTRIBUTES,):
        return False
    was, is_now = (_attributes(template, change.logical_id) for template in (before, after))
    return bool(was and is_now) and all(
        is_now.get(name, kind) == kind for name, kind in was.items()
    )


def _attributes(template: Mapping[str, Any], table: str) -> dict[str, str]:
    properties = template.get("Resources", {}).get(table, {}).get("Properties", {})
    return {
        item["AttributeName"]: item["AttributeType"] for item in properties.get(_ATTRIBUTES, ())
    }


def _names(targets: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    names = (target.get("Name") or target.get("Attribute", "") for target in targets)
    return tuple(dict.fromkeys(name for name in names if name))


def _columns(change: Change) -> tuple[str, str, str, str, str]:
    mark = "!!" if change.risk else ""
    causes = ", ".join(change.causes)
    what = f"{change.effect}: {causes}" if change.effect and causes else change.effect or causes
    return mark, change.action, change.logical_id, change.kind, what
