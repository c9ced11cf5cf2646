"""Whether DynamoDB answers, for half a unit and without a second try for a throttle."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from chalicelib.errors import Unavailable
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from tests.support.traffic import Traffic, refusal, watched


@pytest.fixture
def traffic(stores: Stores) -> Iterator[Traffic]:
    with watched(stores.orders._connection) as watching:
        yield watching


def test_it_is_one_read_of_something_that_is_not_there(stores: Stores, traffic: Traffic) -> None:
    seconds = stores.pulse.check()

    assert 0 < seconds < 5
    (call,) = traffic.calls
    assert (call.operation, call.body["TableName"]) == ("GetItem", "events")
    assert call.body["Key"] == {"slug": {"S": "#health"}}
    # Not consistent: a consistent read costs a whole unit.
    assert call.body["ConsistentRead"] is False


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_throttle_is_an_answer(
    stores: Stores, traffic: Traffic, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    traffic.refuse("GetItem", lambda: refusal(code))

    assert stores.pulse.check() >= 0
    # botocore's own second try, and no patience beyond it.
    assert len(traffic.calls) == 2


@pytest.mark.parametrize(
    ("code", "status"), [("ResourceNotFoundException", 400), ("InternalServerError", 500)]
)
def test_a_missing_table_or_an_error_is_down(
    stores: Stores, traffic: Traffic, code: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    traffic.refuse("GetItem", lambda: refusal(code, status=status))

    with pytest.raises(Unavailable):
        stores.pulse.check()


@pytest.mark.enable_socket
def test_a_dynamodb_that_is_not_there_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv(
            "AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{unused.getsockname()[1]}"
        )
        stores = open_stores(StoreSettings("events", "cities", "index", "orders", "audit"))
        with pytest.raises(Unavailable):
            stores.pulse.check()
