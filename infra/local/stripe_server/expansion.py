"""The `expand` parameter: ids in an answer replaced by the objects they name, lists filled in.

Source: Stripe's page "Expanding responses".
"""

from collections.abc import Callable

from . import records, refunds, sessions
from .calls import Call
from .errors import InvalidRequestError
from .objects import CHARGE, DISPUTE, PAYMENT_INTENT, REFUND, SESSION
from .records import Json

_DEEPEST = 4

Loader = Callable[[Call, Json], Json | None]


def expand(call: Call, answer: Json, paths: list[str]) -> Json:
    """`answer` with the fields at `paths` expanded; InvalidRequestError for other fields."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise InvalidRequestError(
                f"Expansions go up to {_DEEPEST} levels deep: {path}", param="expand"
            )
        _expand(call, answer, steps, path)
    return answer


def _expand(call: Call, target: Json, steps: list[str], path: str) -> None:
    field, *deeper = steps
    if target["object"] == "list":
        if field != "data" or not deeper:
            raise _refused(path)
        for element in target["data"]:
            _expand(call, element, deeper, path)
        return
    if field not in _NEVER_SET:
        load = _LOADERS.get(target["object"], {}).get(field)
        if load is None:
            raise _refused(path)
        if not isinstance(target.get(field), dict):
            target[field] = load(call, target)
    expanded = target.get(field)
    if deeper and isinstance(expanded, dict):
        _expand(call, expanded, deeper, path)


def _refused(path: str) -> InvalidRequestError:
    return InvalidRequestError(f"This property cannot be expanded ({path}).", param="expand")


def _named(kind: str, field: str) -> Loader:
    def load(call: Call, target: Json) -> Json | None:
        object_id = target[field]
        found = None if object_id is None else records.find(call.tx, kind, object_id)
        return None if found is None else found.body

    return load


def _line_items(call: Call, session: Json) -> Json:
    return sessions.list_line_items(call, {}, session["id"])


# Expandable with Stripe, always null here.
_NEVER_SET = frozenset(
    {"application", "balance_transaction", "customer", "invoice", "payment_link", "review",
     "setup_intent", "subscription"}
)  # fmt: skip
_LOADERS: dict[str, dict[str, Loader]] = {
    SESSION: {
        "line_items": _line_items,
        "payment_intent": _named(PAYMENT_INTENT, "payment_intent"),
    },
    PAYMENT_INTENT: {"latest_charge": _named(CHARGE, "latest_charge")},
    CHARGE: {
        "payment_intent": _named(PAYMENT_INTENT, "payment_intent"),
        "refunds": refunds.of_charge,
    },
    DISPUTE: {
        "charge": _named(CHARGE, "charge"),
        "payment_intent": _named(PAYMENT_INTENT, "payment_intent"),
    },
    REFUND: {
        "charge": _named(CHARGE, "charge"),
        "payment_intent": _named(PAYMENT_INTENT, "payment_intent"),
    },
}
