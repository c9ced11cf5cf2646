"""Answers of DynamoDB: parsed as botocore does, whatever an item holds."""

import base64
import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.store.item_parser import ItemParser, ItemParsers

_MODEL = botocore.session.get_session().get_service_model("dynamodb")
_BYTES = st.binary(max_size=4).map(lambda some: base64.b64encode(some).decode())
_LEAVES = st.one_of(
    st.fixed_dictionaries({"S": st.text(max_size=5)}),
    st.fixed_dictionaries({"N": st.integers().map(str)}),
    st.fixed_dictionaries({"B": _BYTES}),
    st.fixed_dictionaries({"BOOL": st.booleans()}),
    st.just({"NULL": True}),
    st.fixed_dictionaries({"SS": st.lists(st.text(max_size=3), max_size=3)}),
    st.fixed_dictionaries({"BS": st.lists(_BYTES, max_size=2)}),
)
_NAMES = st.text(max_size=6)
VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"L": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"M": st.dictionaries(_NAMES, inner, max_size=3)}),
    ),
    max_leaves=6,
)
ITEMS = st.dictionaries(_NAMES, VALUES, max_size=5)


def parsed(parser: Any, operation: str, body: dict[str, Any], status: int = 200) -> Any:
    answer = {
        "status_code": status,
        "headers": {"x-amzn-requestid": "1"},
        "body": json.dumps(body).encode(),
    }
    return parser.parse(answer, _MODEL.operation_model(operation).output_shape)


def both(operation: str, body: dict[str, Any], status: int = 200) -> tuple[Any, Any]:
    return (
        parsed(ItemParsers().create_parser("json"), operation, body, status),
        parsed(create_parser("json"), operation, body, status),
    )


@given(ITEMS)
def test_an_item_is_read_as_botocore_reads_it(item: dict[str, Any]) -> None:
    ours, theirs = both("GetItem", {"Item": item})
    assert ours == theirs


@given(st.lists(ITEMS, max_size=3), ITEMS)
def test_a_page_is_read_as_botocore_reads_it(items: list[Any], last: dict[str, Any]) -> None:
    body = {"Items": items, "Count": len(items), "LastEvaluatedKey": last}
    ours, theirs = both("Query", body)
    assert ours == theirs


@given(ITEMS)
def test_a_batch_is_read_as_botocore_reads_it(item: dict[str, Any]) -> None:
    left = {"events": {"Keys": [item]}}
    ours, theirs = both("BatchGetItem", {"Responses": {"events": [item]}, "UnprocessedKeys": left})
    assert ours == theirs


def test_a_refusal_is_read_as_botocore_reads_it() -> None:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "cancelled",
        "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
    }
    ours, theirs = both("TransactWriteItems", body, 400)
    assert ours == theirs
    assert ours["Error"]["Code"] == "TransactionCanceledException"


@pytest.mark.parametrize("protocol", ["query", "rest-json", "rest-xml", "ec2"])
def test_other_protocols_are_botocores(protocol: str) -> None:
    made = ItemParsers().create_parser(protocol)
    assert type(made) is type(create_parser(protocol))
    assert not isinstance(made, ItemParser)
