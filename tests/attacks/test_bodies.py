"""Bodies that cost more to read than to send: bombs, depths, numbers, keys. Each is refused in the
contract's shape, and leaves nothing behind.
"""

import bz2
import gzip
import json
import zlib
from collections.abc import Callable

import httpx
import pytest

from tests.support.lambda_api import LambdaApi
from tests.support.routes import CHECKOUT
from tests.support.tables import MotoTables

PATH = "/api/payments/checkout"
LIMIT = 100_000
GOOD = json.dumps(CHECKOUT).encode()


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body["statusCode"] == answer.status_code
    return answer.status_code, body["code"]


INVALID = (400, "VALIDATION_ERROR")
TOO_LARGE = (413, "PAYLOAD_TOO_LARGE")


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
}


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "size", [LIMIT + 1, 4_000_000, 9_000_000, 11_000_000, 100_000_000], ids=str
)
def test_a_bomb_is_unpacked_no_further_than_it_may_be_long(
    site: httpx.Client, shop: MotoTables, coding: str, size: int
) -> None:
    before = shop.contents()
    pack = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    piece = b" " * 1_000_000
    bomb = b"".join(
        pack.compress(piece[: min(size - done, 1_000_000)]) for done in range(0, size, 1_000_000)
    )
    bomb += pack.flush()
    answer = site.post(PATH, content=bomb, headers={"Content-Encoding": coding})
    assert refused(answer) == TOO_LARGE
    assert shop.contents() == before


def test_a_bomb_of_many_members_is_one_bomb(site: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 1_000_000) * 40
    assert refused(site.post(PATH, content=bomb, headers={"Content-Encoding": "gzip"})) == TOO_LARGE


def test_a_bomb_in_a_bomb_is_unpacked_once(site: httpx.Client) -> None:
    bomb = gzip.compress(gzip.compress(b" " * 50_000_000))
    assert refused(site.post(PATH, content=bomb, headers={"Content-Encoding": "gzip"})) == INVALID


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", GOOD),
        ("gzip", gzip.compress(GOOD)[:-1]),
        ("gzip", gzip.compress(GOOD)[:-4] + b"\0\0\0\0"),
        ("gzip", gzip.compress(GOOD) + b"rubbish"),
        ("deflate", GOOD),
        ("gzip, gzip", gzip.compress(gzip.compress(GOOD))),
        ("gzip, deflate", gzip.compress(GOOD)),
        ("br", GOOD),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("bzip2", bz2.compress(GOOD)),
        ("gzip\t;q=1", gzip.compress(GOOD)),
        ("../gzip", gzip.compress(GOOD)),
    ],
    ids=range(12),
)
def test_a_coding_that_is_not_what_it_says_is_refused(
    site: httpx.Client, coding: str, body: bytes
) -> None:
    answer = site.post(PATH, content=body, headers={"Content-Encoding": coding})
    assert refused(answer) == INVALID


@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP", "identity"])
def test_a_packed_order_is_an_order(site: httpx.Client, coding: str) -> None:
    body = PACK[coding.lower()](GOOD)
    answer = site.post(PATH, content=body, headers={"Content-Encoding": coding})
    assert answer.status_code == 201


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u20ac", "\U0001f600"])
def test_a_body_is_measured_in_bytes_to_the_last_one(site: httpx.Client, letter: str) -> None:
    def of(size: int) -> bytes:
        room = size - len(GOOD) - len(b', "eventName": ""')
        width = len(letter.encode())
        text = letter * (room // width) + "x" * (room % width)
        return GOOD[:-1] + f', "eventName": "{text}"}}'.encode()

    assert len(of(LIMIT)) == LIMIT
    # It is read, and its name is too long; a byte more, and it is not read.
    at_limit = site.post(PATH, content=of(LIMIT))
    assert refused(at_limit) == INVALID
    assert at_limit.json()["details"][0]["field"] == "eventName"
    assert refused(site.post(PATH, content=of(LIMIT + 1))) == TOO_LARGE


def nested(opening: str, closing: str, depth: int, inside: str = "1") -> str:
    return opening * depth + inside + closing * depth


HEAVY: dict[str, str] = {
    "deep objects": nested('{"a":', "}", 10_000),
    "deep lists": '{"a":' + nested("[", "]", 45_000) + "}",
    "deep lists that do not end": '{"a":' + "[" * 90_000,
    "deep mixture": '{"a":' + nested('[{"b":', "}]", 9_000) + "}",
    "one level too deep": '{"a":' + nested("[", "]", 32) + "}",
    "brackets in a text that does not end": '{"a":"' + "[" * 90_000,
    "escapes": '{"a":"' + "\\\\" * 45_000,
    "quotes": '{"a":"' + '\\"' * 45_000,
    "many keys": "{" + ",".join(f'"k{number}":0' for number in range(9_000)) + "}",
    "many empty lists": '{"a":[' + "[]," * 25_000 + "[]]}",
    "keys of one letter more each": "{" + ",".join(f'"{"k" * n}":0' for n in range(1, 400)) + "}",
    "a key of its own size": '{"' + "k" * 90_000 + '":0}',
    "an integer of 90,000 digits": '{"quantity":' + "9" * 90_000 + "}",
    "an integer of 4,301 digits": '{"quantity":' + "9" * 4_301 + "}",
    "a fraction of 90,000 digits": '{"unitPrice":0.' + "1" * 90_000 + "}",
    "an exponent of 90,000 digits": '{"unitPrice":1e' + "9" * 90_000 + "}",
    "1e400": '{"unitPrice":1e400,"quantity":1e400}',
    "1e1000000000": '{"unitPrice":1e1000000000}',
    "1e-1000000000": '{"unitPrice":1e-1000000000}',
    "NaN": '{"unitPrice":NaN}',
    "Infinity": '{"unitPrice":Infinity}',
    "-Infinity": '{"unitPrice":-Infinity}',
    "half a character": '{"eventSlug":"\\ud800"}',
    "half a character in a key": '{"\\udfff":1}',
    "the other half first": '{"eventSlug":"\\udc00\\ud800"}',
    "a NUL": '{"eventSlug":"\\u0000"}',
    "a raw NUL": '{"eventSlug":"\0"}',
    "a byte order mark": "\ufeff" + json.dumps(CHECKOUT),
    "a comment": '{/* x */"eventSlug":1}',
    "a trailing comma": '{"eventSlug":"x",}',
    "single quotes": "{'eventSlug':'x'}",
    "two documents": json.dumps(CHECKOUT) * 2,
    "a document in a text": json.dumps(json.dumps(CHECKOUT)),
    "a list of documents": json.dumps([CHECKOUT]),
    "Python": '{"eventSlug": None}',
    "a pickle": "cos\nsystem\n(S'id'\ntR.",
    "XML with an entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "YAML": "!!python/object/apply:os.system ['id']",
}


@pytest.mark.parametrize("kind", HEAVY)
def test_a_heavy_or_odd_body_is_refused_and_leaves_nothing(
    site: httpx.Client, shop: MotoTables, kind: str
) -> None:
    before = shop.contents()
    assert refused(site.post(PATH, content=HEAVY[kind].encode())) == INVALID
    assert shop.contents() == before


ENCODED = {
    name: json.dumps(CHECKOUT).encode(name)
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp037")
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("said", ["application/json", "application/json; charset={}"])
def test_json_in_another_encoding_is_refused(
    site: httpx.Client, shop: MotoTables, encoding: str, said: str
) -> None:
    before = shop.contents()
    headers = {"Content-Type": said.format(encoding)}
    assert refused(site.post(PATH, content=ENCODED[encoding], headers=headers)) == INVALID
    assert shop.contents() == before


def test_overlong_utf8_is_no_quote(site: httpx.Client) -> None:
    raw = GOOD.replace(b'"eventSlug"', b'"eventSlug\xc0\xa2')
    assert refused(site.post(PATH, content=raw)) == INVALID


@pytest.mark.parametrize("parts", [1, 2_000])
def test_a_form_is_refused_whatever_its_size(site: httpx.Client, parts: int) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="eventSlug"\r\n\r\ntech-conference\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = site.post(PATH, content=part * parts + b"--x--", headers=headers)
    assert refused(answer) == (INVALID if parts == 1 else TOO_LARGE)


def test_keys_chosen_to_collide_are_ordinary_keys(api: LambdaApi) -> None:
    # Numbers of one hash are equal modulo 2**61 - 1; texts are hashed with a seed of the process.
    colliding = [str(1 + number * (2**61 - 1)) for number in range(2_000)]
    answer = api.post(PATH, dict.fromkeys(colliding, 0))
    assert answer.status == 400
    # And no more of them is told than anybody can use.
    assert len(answer.json["details"]) == 20


@pytest.mark.parametrize("name", ["k" * 90_000, "\u202e" * 300, "</script>" * 50])
def test_what_is_wrong_is_told_briefly(api: LambdaApi, name: str) -> None:
    answer = api.post(PATH, {name: 0})
    assert answer.status == 400
    assert len(answer.text) < 6_000
    assert max(len(detail["field"]) for detail in answer.json["details"]) <= 100


@pytest.mark.parametrize("size", [10_500_000, 7_000_000])
def test_what_is_too_large_for_the_gateway_is_refused_by_it(site: httpx.Client, size: int) -> None:
    assert refused(site.post(PATH, content=b" " * size)) == TOO_LARGE
