"""What the local gateway makes of a function's result, and its content codings."""

import base64
import gzip
import json
import random
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local.gateway import GatewayConfig, LambdaContext, compression
from infra.local.gateway.errors import GatewayError
from infra.local.gateway.reply import Reply
from tests.local.gateway_under_test import gateway, raw_request

pytestmark = pytest.mark.enable_socket

MINIMUM = "x-amazon-apigateway-minimum-compression-size"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with gateway() as client:
        yield client


@pytest.fixture(scope="module")
def packing() -> Iterator[httpx.Client]:
    with gateway(extensions={MINIMUM: 1000}) as client:
        yield client


def answer(client: httpx.Client, result: object, **headers: str) -> httpx.Response:
    """The response to a call whose function returns this."""
    return client.post("/scripted", json=result, headers=headers)


# Results.


def test_status_headers_and_body_are_the_function_s(client: httpx.Client) -> None:
    result = {
        "statusCode": 201,
        "headers": {"Location": "/events/1", "X-Flag": True, "content-TYPE": "text/html"},
        "body": "<p>é</p>",
    }
    response = answer(client, result)
    assert response.status_code == 201
    assert response.content == "<p>é</p>".encode()
    assert response.headers["location"] == "/events/1"
    assert response.headers["x-flag"] == "true"
    assert response.headers["content-type"] == "text/html"


def test_header_names_keep_their_spelling(client: httpx.Client) -> None:
    body = json.dumps({"headers": {"x-lower": "1", "X-MiXed": "2"}}).encode()
    request = (
        b"POST /scripted HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    )
    received = raw_request(client, request % len(body) + body)
    for line in (b"\r\nx-lower: 1\r\n", b"\r\nX-MiXed: 2\r\n", b"\r\nx-amzn-RequestId: "):
        assert line in received
    assert b"\r\nserver:" not in received.lower()


def test_every_part_of_a_result_may_be_left_out(client: httpx.Client) -> None:
    response = answer(client, {})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "application/json"


def test_null_stands_for_a_part_left_out(client: httpx.Client) -> None:
    result = dict.fromkeys(["statusCode", "headers", "multiValueHeaders", "body"])
    assert answer(client, result | {"isBase64Encoded": None}).status_code == 200


def test_a_status_code_may_be_a_string_of_digits(client: httpx.Client) -> None:
    assert answer(client, {"statusCode": "404"}).status_code == 404


def test_single_and_multiple_headers_are_merged(client: httpx.Client) -> None:
    result = {
        "headers": {"set-cookie": "c=3", "X-One": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "X-One": ["1"]},
    }
    headers = answer(client, result).headers
    assert headers.get_list("set-cookie") == ["a=1", "b=2", "c=3"]
    assert headers.get_list("x-one") == ["1"]


def test_headers_that_api_gateway_owns_are_renamed(client: httpx.Client) -> None:
    own = {
        "WWW-Authenticate": "Bearer",
        "Content-Length": "999",
        "Date": "today",
        "Server": "mine",
        "Connection": "close",
        "x-amzn-RequestId": "mine",
    }
    headers = answer(client, {"headers": own | {"Transfer-Encoding": "chunked"}}).headers
    assert "www-authenticate" not in headers
    for name, value in own.items():
        assert headers[f"x-amzn-Remapped-{name}"] == value
    assert headers["content-length"] == "0"
    assert headers["x-amzn-RequestId"] != "mine"
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none_whatever_the_function_says(
    client: httpx.Client, status: int
) -> None:
    result = {"statusCode": status, "body": "no", "headers": {"ETag": '"1"'}}
    response = answer(client, result)
    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["etag"] == '"1"'
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "result",
    [
        None,
        5,
        "text",
        [],
        {"message": "not a proxy result"},
        {"statusCode": 200, "cookies": []},
        {"statusCode": "ok"},
        {"statusCode": 200.5},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"body": {"a": 1}},
        {"body": 5},
        {"isBase64Encoded": "yes"},
        {"headers": ["a"]},
        {"headers": {"X": 1}},
        {"headers": {"X": None}},
        {"headers": {"X": ["1"]}},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X Y": "a"}},
        {"headers": {"": "a"}},
        {"multiValueHeaders": {"X": "a"}},
        {"multiValueHeaders": ["X"]},
    ],
)
def test_a_malformed_result_is_a_502_that_tells_nothing(
    client: httpx.Client, result: object
) -> None:
    response = answer(client, result)
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})
    assert response.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


@pytest.mark.parametrize("error", [RuntimeError("secret"), SystemExit(1), KeyboardInterrupt()])
def test_a_function_that_fails_is_a_502_and_the_gateway_goes_on(error: BaseException) -> None:
    def failing(event: dict[str, Any], context: LambdaContext) -> object:
        raise error

    with gateway(functions={"Echo": failing}) as client:
        response = client.get("/echo")
        assert client.get("/").status_code == 200
    assert (response.status_code, response.json()) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize(
    "result", [{"body": b"bytes"}, {"body": "\ud800"}, {"body": "x" * 6291556}]
)
def test_a_result_lambda_cannot_hand_over_is_a_502(result: object) -> None:
    with gateway(functions={"Echo": lambda event, context: result}) as client:
        assert client.get("/echo").status_code == 502


def test_a_function_that_takes_too_long_is_a_504(client: httpx.Client) -> None:
    response = client.get("/slow")
    assert response.status_code == 504
    assert response.json() == {"message": "Endpoint request timed out"}


def test_a_function_s_own_time_out_holds() -> None:
    config = GatewayConfig(function_timeouts={"Slow": 0.01}, integration_timeout=20)
    with gateway(config) as client:
        assert client.get("/slow").status_code == 504


def test_the_context_is_lambda_s() -> None:
    seen: list[LambdaContext] = []
    remaining: list[int] = []

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        seen.append(context)
        remaining.append(context.get_remaining_time_in_millis())
        return {}

    config = GatewayConfig(region="eu-west-1", account_id="42", function_memory_mb=256)
    with gateway(config, functions={"Echo": handler}) as client:
        client.get("/echo")
        client.get("/echo")
    first, second = seen
    assert first.function_name == "Echo"
    assert first.function_version == "$LATEST"
    assert first.invoked_function_arn == "arn:aws:lambda:eu-west-1:42:function:Echo"
    assert first.memory_limit_in_mb == "256"
    assert first.log_group_name == "/aws/lambda/Echo"
    assert "[$LATEST]" in first.log_stream_name
    assert first.aws_request_id != second.aws_request_id
    assert all(0 < milliseconds <= 29_000 for milliseconds in remaining)


def test_the_time_that_remains_is_never_negative() -> None:
    context = LambdaContext("f", "arn", "1", deadline=0.0)
    assert context.get_remaining_time_in_millis() == 0


# Binary responses.


def test_a_base64_body_is_decoded_for_a_client_that_accepts_the_type(client: httpx.Client) -> None:
    response = client.get("/image", headers={"Accept": "image/png"})
    assert response.content == b"\x89PNG\x00\xff"


def test_a_base64_body_stays_text_for_a_client_that_accepts_no_binary_type_first(
    client: httpx.Client,
) -> None:
    encoded = base64.b64encode(b"\x00\xff").decode()
    result = {"body": encoded, "isBase64Encoded": True}
    assert answer(client, result, Accept="text/html, image/png").text == encoded
    assert answer(client, result, Accept="image/png;q=1, text/html").content == b"\x00\xff"


def test_a_wildcard_makes_every_type_binary() -> None:
    with gateway(extensions={"x-amazon-apigateway-binary-media-types": ["*/*"]}) as client:
        event = client.post("/echo", content=b"{}").json()
    assert (event["body"], event["isBase64Encoded"]) == ("e30=", True)


def test_broken_base64_is_a_configuration_error(client: httpx.Client) -> None:
    response = answer(client, {"body": "é?", "isBase64Encoded": True}, Accept="image/png")
    assert response.status_code == 500


# Compressed responses.


def body_of(size: int) -> dict[str, Any]:
    return {"body": "x" * size, "headers": {"ETag": '"v1"', "Content-Type": "text/plain"}}


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("br;q=1, gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("GZIP", "gzip"),
        ("identity, gzip;q=0.1", "gzip"),
        ("br", None),
        ("*", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("", None),
    ],
)
def test_a_response_is_packed_as_the_client_accepts_it(
    packing: httpx.Client, accept: str, coding: str | None
) -> None:
    response = answer(packing, body_of(5000), **{"Accept-Encoding": accept})
    assert response.headers.get("content-encoding") == coding
    assert response.text == "x" * 5000
    assert response.headers["etag"] == '"v1"'
    assert (int(response.headers["content-length"]) < 5000) == (coding is not None)


@pytest.mark.parametrize(("size", "coding"), [(999, None), (1000, "gzip"), (200_000, "gzip")])
def test_only_bodies_of_the_minimum_size_are_packed(
    packing: httpx.Client, size: int, coding: str | None
) -> None:
    response = answer(packing, body_of(size), **{"Accept-Encoding": "gzip"})
    assert response.headers.get("content-encoding") == coding
    assert len(response.text) == size


def test_nothing_is_packed_without_a_minimum_size(client: httpx.Client) -> None:
    response = answer(client, body_of(5000), **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in response.headers


def test_the_configuration_overrules_the_definition_s_minimum_size() -> None:
    config = GatewayConfig(minimum_compression_size=0)
    with gateway(config, extensions={MINIMUM: 1000}) as client:
        response = answer(client, body_of(1), **{"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"


def test_a_body_that_is_packed_already_is_left_alone(packing: httpx.Client) -> None:
    packed = base64.b64encode(gzip.compress(bytes(range(256)) * 40)).decode()
    result = {"body": packed, "isBase64Encoded": True, "headers": {"Content-Encoding": "gzip"}}
    response = answer(packing, result, **{"Accept": "image/png", "Accept-Encoding": "gzip"})
    assert response.content == bytes(range(256)) * 40


def test_equal_bodies_are_packed_into_equal_bytes() -> None:
    reply = Reply(200, (), b"x" * 5000)
    assert compression.compress(reply, "gzip") == compression.compress(reply, "gzip")
    assert compression.compress(reply, None) == reply


# Compressed requests.


def pack(body: bytes) -> bytes:
    """The same bytes in every process: a parameter's value is part of its test's name."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", pack(b'{"a": 1}')),
        ("GZip", pack(b'{"a"') + pack(b": 1}")),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("identity", b'{"a": 1}'),
    ],
)
def test_a_packed_request_reaches_the_function_unpacked(
    packing: httpx.Client, coding: str, body: bytes
) -> None:
    event = packing.post("/echo", content=body, headers={"Content-Encoding": coding}).json()
    assert event["body"] == '{"a": 1}'
    assert "content-encoding" not in {name.lower() for name in event["headers"]}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"x"),
        ("gzip, gzip", pack(b"x")),
        ("gzip", b"not gzip"),
        ("gzip", pack(b"cut short")[:-4]),
        ("gzip", zlib.compress(b"x")),
        ("deflate", pack(b"x")),
    ],
)
def test_a_coding_that_cannot_be_taken_off_is_an_unsupported_media_type(
    packing: httpx.Client, coding: str, body: bytes
) -> None:
    response = packing.post("/echo", content=body, headers={"Content-Encoding": coding})
    assert (response.status_code, response.json()) == (415, {"message": "Unsupported Media Type"})


def test_a_body_that_unpacks_to_over_ten_megabytes_is_refused(packing: httpx.Client) -> None:
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    response = packing.post("/echo", content=bomb, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 413


def test_codings_in_two_headers_are_a_list_of_two(packing: httpx.Client) -> None:
    headers = [("Content-Encoding", "gzip"), ("Content-Encoding", "identity")]
    assert packing.post("/echo", content=pack(b"x"), headers=headers).status_code == 415


def test_a_large_packed_request_is_unpacked_whole(packing: httpx.Client) -> None:
    # Letters by chance, so that it is large when it is packed, too.
    text = base64.b64encode(random.Random(1).randbytes(200_000))
    headers = {"Content-Encoding": "gzip"}
    assert packing.post("/echo", content=pack(text), headers=headers).json()["body"] == (
        text.decode()
    )


def test_members_without_end_do_not_keep_the_gateway_busy() -> None:
    empty = gzip.compress(b"")
    started = time.process_time()
    with pytest.raises(GatewayError, match="REQUEST_TOO_LARGE"):
        compression.decompress(empty * 400_000, "gzip")
    assert time.process_time() - started < 5


def test_many_small_members_count_together() -> None:
    member = gzip.compress(bytes(1024 * 1024))
    with pytest.raises(GatewayError, match="REQUEST_TOO_LARGE"):
        compression.decompress(member * 11, "gzip")


def test_a_packed_request_passes_as_it_is_while_compression_is_off(client: httpx.Client) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "image/png"}
    event = client.post("/echo", content=gzip.compress(b"x"), headers=headers).json()
    assert gzip.decompress(base64.b64decode(event["body"])) == b"x"
    assert event["headers"]["Content-Encoding"] == "gzip"
