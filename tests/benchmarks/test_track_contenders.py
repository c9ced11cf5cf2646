"""All contenders have the same work: the same catalogue, the same requests, the same answers. And
what they are packaged with is all that they need.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.domain.events import new_record
from tests.benchmarks.track import comparing, data
from tests.benchmarks.track.comparing import Answers, differing, shape_of_checkout, without_cursor
from tests.benchmarks.track.data import SINGLE_TABLE, made_up_catalogue, plain_event
from tests.benchmarks.track.lineup import FLOOR, OURS, POWERTOOLS, resources_of
from tests.benchmarks.track.packages import (
    Installed,
    Recipe,
    fixed_settings,
    handlers,
    make_contender,
)
from tests.benchmarks.track.races import (
    LIST_URL,
    UnexpectedAnswer,
    checkout_body,
    event_url,
    expect,
    expect_admission,
)
from tests.benchmarks.track.requests import json_request, page_request, webhook_request

FLOORS_HANDLER = Path(data.__file__).parent / "contenders/floor/handler.py"
# The fourth 32-bit word of a pyc's header begins its content: "PEP 552", unchecked hashes.
UNCHECKED_HASH = 0b01


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The floor's handler, on a catalogue in moto."""
    monkeypatch.setenv("TABLE", SINGLE_TABLE)
    monkeypatch.setenv("CHECKOUT_ALLOWED_ORIGINS", "https://events.example")
    with mock_aws():
        # moto answers whatever the address is.
        data._create_single_table("https://dynamodb.us-east-1.amazonaws.com")
        client = boto3.client("dynamodb")
        catalogue = made_up_catalogue()
        for event in (catalogue.read, catalogue.sold):
            client.put_item(TableName=SINGLE_TABLE, Item=plain_event(event))
        totals = {"pk": {"S": "TOTALS"}, "sk": {"S": "EVENTS"}, "published": {"N": "2"}}
        client.put_item(TableName=SINGLE_TABLE, Item=totals)
        spec = importlib.util.spec_from_file_location("floor_handler", FLOORS_HANDLER)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.handler


def asked(handler: Any, event: bytes) -> tuple[int, Any]:
    answer = handler(json.loads(event), None)
    return answer["statusCode"], json.loads(answer["body"])


def test_the_floor_answers_other_json_than_ours(floor: Any) -> None:
    catalogue = made_up_catalogue()
    ours = json.loads(new_record(catalogue.read).public_with_stock())

    event = page_request(event_url(catalogue), resources_of(FLOOR))

    assert asked(floor, event) == (200, ours)


def test_the_floor_lists_other_events_than_ours(floor: Any) -> None:
    catalogue = made_up_catalogue()
    later_first = sorted((catalogue.read, catalogue.sold), key=lambda e: e.date, reverse=True)

    status, page = asked(floor, page_request(LIST_URL, resources_of(FLOOR)))

    assert status == 200
    assert page["count"] == 2
    assert page["events"] == [json.loads(new_record(event).public) for event in later_first]
    assert page["pagination"] == {"limit": 50, "offset": 0, "hasMore": False, "nextCursor": None}


def test_the_floor_sells_at_any_price_or_to_any_page(floor: Any) -> None:
    body = checkout_body(made_up_catalogue())
    for change in ({"unitPrice": 1}, {"totalAmount": 1}, {"successUrl": "https://evil.example/"}):
        event = json_request("/api/payments/checkout", {**body, **change}, resources_of(FLOOR))
        assert asked(floor, event)[0] == 400


def test_a_catalogue_has_fewer_events_than_a_page_or_nothing_to_sell() -> None:
    catalogue = made_up_catalogue()
    published = [event for event in catalogue.events if event.status == "published"]

    assert len(published) > 50
    assert catalogue.read in published
    assert catalogue.sold in published
    assert catalogue.read != catalogue.sold
    assert catalogue == made_up_catalogue()


def test_a_gateway_hands_over_another_event_than_the_contenders_users_deploy() -> None:
    url = "/api/events/a-b?x=1"
    own = json.loads(page_request(url, resources_of(OURS)))
    proxied = json.loads(page_request(url, resources_of(POWERTOOLS)))

    assert (own["resource"], own["pathParameters"]) == ("/api/events/{slug}", {"slug": "a-b"})
    assert own["requestContext"]["resourcePath"] == "/api/events/{slug}"
    assert (proxied["resource"], proxied["pathParameters"]) == (
        "/{proxy+}",
        {"proxy": "api/events/a-b"},
    )
    for event in (own, proxied):
        assert (event["httpMethod"], event["path"]) == ("GET", "/api/events/a-b")
        assert event["queryStringParameters"] == {"x": "1"}
        assert event["headers"]["User-Agent"].startswith("Mozilla")
        assert event["multiValueHeaders"]["Host"] == ["api.events.example"]
        assert event["requestContext"]["identity"]["sourceIp"] == "203.0.113.7"


def test_a_delivery_is_handed_over_changed() -> None:
    event = json.loads(webhook_request('{"a": "\u20ac"}'.encode(), "t=1,v1=2"))

    assert (event["body"], event["isBase64Encoded"]) == ('{"a": "\u20ac"}', False)
    assert event["headers"]["Stripe-Signature"] == "t=1,v1=2"


def test_a_different_answer_is_measured_all_the_same() -> None:
    answers: dict[str, Answers] = {
        "ours": {"an event": (200, {"price": 70}), "a list": (200, None)},
        "same": {"an event": (200, {"price": 70.0}), "a list": (200, None)},
        "other": {"an event": (200, {"price": 71}), "a list": (500, None)},
    }

    assert differing(answers) == [
        "an event: ours answers (200, {'price': 70}), and other (200, {'price': 71})",
        "a list: ours answers (200, None), and other (500, None)",
    ]


def test_what_is_everyones_own_is_compared() -> None:
    def page(cursor: str | None) -> Any:
        return {"count": 9, "events": [], "pagination": {"limit": 50, "nextCursor": cursor}}

    def started(number: int) -> Any:
        return {
            "checkoutUrl": f"http://stripe/c/pay/cs_{number}",
            "sessionId": f"cs_{number}",
            "orderId": str(number),
            "expiresAt": f"2027-03-01T00:00:00.00{number}Z",
        }

    assert without_cursor(page("a")) == without_cursor(page("b")) != without_cursor(page(None))
    assert shape_of_checkout(started(1)) == shape_of_checkout(started(2))
    assert shape_of_checkout(started(1)) != shape_of_checkout({**started(1), "expiresAt": "soon"})
    assert shape_of_checkout(started(1)) != shape_of_checkout({**started(1), "more": 1})


@pytest.mark.parametrize(
    "payload", [b'{"statusCode": 500, "body": ""}', b'{"errorMessage": "it broke"}']
)
def test_a_failure_is_measured_as_an_answer(payload: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        expect(200)(payload)
    expect(200)(b'{"statusCode": 200}')


@pytest.mark.parametrize("effect", ["Deny", None])
def test_a_refusal_is_measured_as_an_admission(effect: str | None) -> None:
    with pytest.raises(UnexpectedAnswer):
        expect_admission(policy(effect))
    expect_admission(policy("Allow"))


def policy(effect: str | None) -> bytes:
    statements = [] if effect is None else [{"Effect": effect}]
    return json.dumps({"policyDocument": {"Statement": statements}}).encode()


def test_contenders_that_differ_reach_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(({"an event": (200, 1)}, {"an event": (200, 2)}))
    monkeypatch.setattr(comparing, "_ask", lambda *_: next(answers))
    contenders: Any = {OURS: None, FLOOR: None}

    with pytest.raises(UnexpectedAnswer, match="an event: ours answers"):
        comparing.ensure_alike(contenders, Path("python"), made_up_catalogue())


def test_a_package_lacks_what_it_needs_or_has_what_it_does_not(tmp_path: Path) -> None:
    recipe = Recipe("naive_authorizer", ("PyJWT[crypto]",))

    package = make_contender(recipe, Installed(Path(sys.prefix)), tmp_path / "package")

    top = {path.name for path in package.folder.iterdir()}
    assert {"handler.py", "jwt", "cryptography", "cffi"} <= top
    assert not top & {"boto3", "pydantic", "pytest", "bin"}
    assert package.zipped == (tmp_path / "package.zip").stat().st_size


def test_a_contender_is_packaged_without_bytecode_or_has_it_checked(tmp_path: Path) -> None:
    recipe = Recipe("floor", ("jmespath",), ("shop",))

    folder = make_contender(recipe, Installed(Path(sys.prefix)), tmp_path / "package").folder

    sources = list(folder.rglob("*.py"))
    assert {folder / "handler.py", folder / "shop/events.py", folder / "jmespath/lexer.py"} <= {
        *sources
    }
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(source))
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", Path(name).read_text(), re.MULTILINE))


def test_a_contender_runs_on_another_version_of_what_ours_runs_on() -> None:
    ours, theirs = locked("requirements.lock"), locked("requirements-bench.lock")
    shared = ours.keys() & theirs.keys()

    assert {"botocore", "pydantic", "stripe", "pyjwt", "urllib3"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}


def test_a_handler_or_a_setting_is_another_than_the_templates(tmp_path: Path) -> None:
    template = tmp_path / "sam.json"
    settings = {"STAGE": "dev", "TABLE": {"Ref": "Table"}}
    function = {"Handler": "app.app", "Environment": {"Variables": settings}}
    resources = {
        "Api": {"Type": "AWS::Serverless::Function", "Properties": function},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
    }
    template.write_text(json.dumps({"Resources": resources}))

    assert handlers(template) == {"Api": "app.app"}
    assert fixed_settings(template, "Api") == {"STAGE": "dev"}
