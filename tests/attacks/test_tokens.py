"""Forged tokens: every published attack on JSON Web Tokens (RFC 8725 and the CVEs of its parsers),
against the verifier itself and against both kinds of routes over HTTP.
"""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from chalicelib.adapters.tokens import SigningKeys, TokenVerifier
from chalicelib.domain.identity import Caller
from chalicelib.errors import Unauthenticated
from chalicelib.settings import DEFAULT_ROLE_CLAIMS, AuthorizerSettings
from tests.attacks.forging import (
    P256_ORDER,
    by_secret,
    es256,
    other_half,
    part,
    sign,
    signed,
    twice,
    unsigned,
    with_signature,
)
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.log_lines import LogLines
from tests.support.seeding import ORDER_ID
from tests.support.tokens import ISSUER, a_token, claims, ec_key, jwks, rsa_key

STRANGER = rsa_key("stranger")
HEADER = {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}
PEM = rsa_key().public_pem()
# Of fixed times, since a test is told by the name of its attack.
FAR_AHEAD, LONG_AGO = 4_000_000_000, 1_000_000_000


@pytest.fixture(scope="module")
def evil() -> Iterator[LocalServer]:
    """A server of the attacker's, which gives out keys of the attacker's."""
    with serving(lambda _: Reply(200, jwks(STRANGER))) as server:
        yield server


def settings(**changes: Any) -> AuthorizerSettings:
    known = {
        "issuer": ISSUER,
        "jwks_url": "http://127.0.0.1:1/unused",
        "audiences": (),
        "authorized_parties": (),
        "role_claims": tuple(DEFAULT_ROLE_CLAIMS.split(",")),
    }
    return AuthorizerSettings(**{**known, **changes})


@pytest.fixture
def verifier(issuer: LocalServer) -> TokenVerifier:
    return TokenVerifier(settings(), SigningKeys(issuer.url))


def by_stranger(**header: Any) -> str:
    """A token of the attacker's own key."""
    return signed(header={"kid": "rsa-1", **header}, key=STRANGER)


def spelled(name: str) -> str:
    good = signed()
    head, body, signature = good.split(".")
    return {
        "with padding": f"{head}.{body}.{signature}==",
        "with padding inside": f"{head}=.{body}.{signature}",
        "with a fourth part": f"{good}.AA",
        "with an empty fourth part": f"{good}.",
        "with an empty part before": f".{good}",
        "of five parts, as an encrypted one": f"{head}.{body}.{signature}.{body}.{signature}",
        "of two parts": f"{head}.{body}",
        "cut in its signature": good[:-8],
        "cut in its payload": f"{head}.{body[:-8]}.{signature}",
        "with rubbish behind it": f"{good}AAAA",
        "with spaces inside": f"{head}. {body}.{signature}",
        "with a tab inside": f"{head}.\t{body}.{signature}",
        "with a line's end inside": f"{head}.{body}\n.{signature}",
        "with a NUL behind it": f"{good}\0",
        "with letters beyond ASCII": f"{head}.{body}é.{signature}",
        "with full-width letters": good.translate({ord("e"): "\uff45"}),
        "with a star in its signature": f"{head}.{body}.{signature[:-9]}*{signature[-8:]}",
        "in quotes": f'"{good}"',
        "of many segments": ".".join(["e30"] * 2_000),
        "of megabytes": f"{head}.{'A' * 3_000_000}.{signature}",
        "as JSON": json.dumps({"protected": head, "payload": body, "signature": signature}),
    }[name]


def saying(**changes: Any) -> str:
    """A signed token with other claims, null among them."""
    return signed({**claims(), **changes})


def odd_exp(text: str) -> str:
    """A signed token whose end is written like this."""
    body = json.dumps(claims(exp=None))[:-1] + f', "exp": {text}}}'
    return signed(body.encode())


DEEP = b'{"a":' * 900 + b"1" + b"}" * 900
_ALGORITHMS_OF_NONE = ("none", "None", "NONE", "nOnE", " none", "none ", "non\u0435", "", None, 0)

FORGED: dict[str, Callable[[], str]] = {
    **{
        f"algorithm {algorithm!r}, {kind} signature": partial(
            unsigned, {**HEADER, "alg": algorithm}, signature=signature
        )
        for algorithm in _ALGORITHMS_OF_NONE
        for kind, signature in (("no", ""), ("short", "AA"), ("good", signed().split(".")[2]))
    },
    "no algorithm": lambda: unsigned({"typ": "JWT", "kid": "rsa-1"}),
    **{
        f"public key as the secret of {algorithm}, {form}": partial(by_secret, algorithm, secret)
        for algorithm in ("HS256", "HS384", "HS512", "hs256", "RS256", "ES256")
        for form, secret in {
            "PEM": PEM,
            "PEM without its last line's end": PEM.strip(),
            "PEM with CRLF": PEM.replace(b"\n", b"\r\n"),
            "JWK": json.dumps(dict(rsa_key().public)).encode(),
            "modulus": base64.urlsafe_b64decode(rsa_key().public["n"] + "=="),
            "empty": b"",
        }.items()
    },
    "RS256 said of the ES256 key": lambda: es256(alg="RS256"),
    "ES256 said of the RS256 key": lambda: signed(header={"alg": "ES256"}),
    "the ES256 key named, the RS256 key used": lambda: signed(header={"kid": "ec-1"}),
    "the RS256 key named, the ES256 key used": lambda: es256(kid="rsa-1"),
    **{
        f"{algorithm} said of the RS256 key": partial(signed, header={"alg": algorithm})
        for algorithm in (
            "RS384",
            "RS512",
            "PS256",
            "rs256",
            "RS256 ",
            "EdDSA",
            "ES256K",
            ["RS256"],
        )
    },
    **{
        f"key id {kid!r}"[:80]: partial(signed, header={"kid": kid})
        for kid in (
            *("../../../../dev/null", "/dev/null", "file:///dev/null", "../rsa-1", "rsa-1/.."),
            *(
                "' OR '1'='1",
                "rsa-1' UNION SELECT 'key' --",
                "rsa-1;ls",
                "$(ls)",
                "`ls`",
                "rsa-1|ls",
            ),
            *(
                "http://127.0.0.1:1/keys",
                "rsa-1\0",
                "\0",
                "rsa-1 ",
                " rsa-1",
                "RSA-1",
                "rsa\u20111",
            ),
            *(
                "x" * 4_000,
                "",
                None,
                0,
                1,
                1.5,
                True,
                ["rsa-1"],
                {"kid": "rsa-1"},
                [],
                {},
                "\ud800",
            ),
            *("__proto__", "*", "%", "ec-1\n"),
        )
    },
    "no key id": lambda: signed(header={"kid": ...}),
    "its own key along": lambda: by_stranger(jwk=dict(STRANGER.public)),
    "its own key along, under its name": lambda: by_stranger(
        jwk=dict(STRANGER.public), kid="stranger"
    ),
    "its own certificate along": lambda: by_stranger(
        x5c=[base64.b64encode(STRANGER.public_pem()).decode()]
    ),
    "critical extension that nobody knows": lambda: signed(header={"crit": ["x"], "x": 1}),
    "critical claim": lambda: signed(header={"crit": ["exp"], "exp": 1}),
    "critical nothing": lambda: signed(header={"crit": []}),
    "critical null": lambda: signed(header={"crit": None}),
    "critical text": lambda: signed(header={"crit": "b64", "b64": True}),
    "payload that is not encoded": lambda: signed(header={"b64": False}),
    "payload that is not encoded, critical": lambda: signed(header={"b64": False, "crit": ["b64"]}),
    **{
        f"type {kind!r}": partial(signed, header={"typ": kind})
        for kind in ("logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "", None, 5, ["JWT"], "jwt\0")
    },
    "token inside a token": lambda: signed(signed().encode(), header={"cty": "JWT"}),
    "token inside a token, as JSON": lambda: signed(signed(), header={"cty": "JWT"}),
    "packed payload": lambda: signed(b"x\x9c\xabV\x00", header={"zip": "DEF"}),
    "deep header": lambda: unsigned(DEEP, signature="AA"),
    "deep payload": lambda: signed(DEEP),
    "endless number": lambda: signed(b'{"exp":' + b"9" * 4_400 + b"}"),
    "payload that is a list": lambda: signed([claims()]),
    "payload that is null": lambda: signed(b"null"),
    "payload that is no JSON": lambda: signed(b"exp=1"),
    "header that is a list": lambda: f"{part([HEADER])}.{part(claims())}.AA",
    **{
        f"token {name}": partial(spelled, name)
        for name in (
            *("with padding", "with padding inside", "with a fourth part"),
            *("with an empty fourth part", "with an empty part before", "as JSON", "of megabytes"),
            *("of five parts, as an encrypted one", "of two parts", "cut in its signature"),
            *("cut in its payload", "with rubbish behind it", "with spaces inside", "in quotes"),
            *("with a tab inside", "with a line's end inside", "with a NUL behind it"),
            *("with letters beyond ASCII", "with full-width letters", "of many segments"),
            "with a star in its signature",
        )
    },
    **{
        f"end {end}": partial(odd_exp, end)
        for end in (
            *("null", "true", '"soon"', '"4000000000"', '" 4000000000\\n"', '"4_000_000_000"'),
            *('"\u0664\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660"', "[]", "{}", "0"),
            *("[4000000000]", "-1", "NaN", "Infinity", "-Infinity", "1e999", "1e300", "1" * 300),
            *("1000000000", "1000000000.9", "253402300800"),
        )
    },
    "no end": lambda: signed(claims(exp=None)),
    **{
        f"{claim} {value!r}": partial(saying, **{claim: value})
        for claim in ("nbf", "iat")
        for value in (FAR_AHEAD, str(LONG_AGO), True, None, [1], float("nan"), float("inf"))
    },
    **{
        f"issuer {issuer!r}": partial(saying, iss=issuer)
        for issuer in (
            *(f"{ISSUER}/", f"{ISSUER}.evil.example", "https://evil.example", ISSUER[:-1]),
            *(ISSUER.upper(), f" {ISSUER}", f"{ISSUER}\0", f"{ISSUER}#", "http://issuer.example"),
            *("", None, [ISSUER], {ISSUER: 1}, 5, True, ISSUER.replace("e", "\u0435")),
        )
    },
    **{
        f"user {user!r}"[:80]: partial(saying, sub=user)
        for user in (
            *("", " ", None, 5, True, ["user_1"], {"id": "user_1"}, "user_1\0", "user_1\nadmin"),
            *("\x1b[2J", "\ud800", "user_1\u202e", "x" * 256, "\u2028"),
        )
    },
    "another issuer after ours": lambda: signed(twice("iss", ISSUER, "https://evil.example")),
    "an end in the past after a good one": lambda: signed(twice("exp", FAR_AHEAD, LONG_AGO)),
    "nobody after somebody": lambda: signed(twice("sub", "user_1", "")),
    "ES256 of r and s 0": lambda: with_signature(es256(), b"\0" * 64),
    "ES256 of r 0": lambda: with_signature(es256(), b"\0" * 32 + b"\1" * 32),
    "ES256 of s 0": lambda: with_signature(es256(), b"\1" * 32 + b"\0" * 32),
    "ES256 of r and s the group's order": lambda: with_signature(
        es256(), P256_ORDER.to_bytes(32, "big") * 2
    ),
    "ES256 of nothing": lambda: with_signature(es256(), b""),
    "ES256 in DER": lambda: with_signature(es256(), b"\x30\x06\x02\x01\x00\x02\x01\x00"),
    "RS256 of zeros": lambda: with_signature(signed(), b"\0" * 256),
    "RS256 of one": lambda: with_signature(signed(), b"\0" * 255 + b"\1"),
    "signature of another token": lambda: (
        f"{signed().rpartition('.')[0]}.{signed(claims(role='user')).rpartition('.')[2]}"
    ),
    "header changed after signing": lambda: ".".join(
        [part({**HEADER, "x": 1}), *signed().split(".")[1:]]
    ),
    "payload changed after signing": lambda: ".".join(
        [signed().split(".")[0], part(claims(sub="root")), signed().split(".")[2]]
    ),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_signs_nobody_in(verifier: TokenVerifier, kind: str) -> None:
    token = FORGED[kind]()
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(token)
    assert not quoted(token, str(refused.value))


def quoted(token: str, text: str) -> list[str]:
    """The pieces of a token, long enough to be told, that a text holds."""
    return [piece for piece in token.split(".") if len(piece) > 12 and piece in text]


# What no client can put into a header is refused by the server before anybody reads it.
def is_sendable(token: str) -> bool:
    return token.isascii() and token.isprintable() and len(token) < 8_000


SENDABLE = [kind for kind, forge in FORGED.items() if is_sendable(forge())]


@pytest.mark.parametrize("kind", SENDABLE)
def test_a_forged_token_opens_no_route_and_is_in_no_log(
    empty_site: httpx.Client, log: LogLines, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    token = FORGED[kind]()
    # Behind the authorizer, and where a view asks itself.
    for path in ("/api/auth/me", f"/api/orders/{ORDER_ID}"):
        answer = empty_site.get(path, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED"), answer.text
        assert not quoted(token, answer.text)
    ours = [vars(record) for record in caplog.records if not record.name.startswith("http")]
    assert not quoted(token, log.text + json.dumps(ours, default=str))
    assert [line["message"] for line in log.of("security")] == ["request_refused"]
    assert "token_refused" in caplog.messages


def test_the_forger_s_tools_make_good_tokens_too(verifier: TokenVerifier) -> None:
    # Or all of the above would be refused for a mistake of the forger's.
    for token in (
        signed(),
        es256(),
        signed(header={"typ": ...}),
        signed(header={"typ": "at+jwt"}),
        odd_exp(str(FAR_AHEAD)),
        odd_exp(f"{FAR_AHEAD}.5"),
        signed({**claims(), "sub": "Zoë 5|a@b"}),
    ):
        assert verifier.verify(token).role == "admin"


@pytest.mark.parametrize("header", ["jku", "x5u", "x5c", "jwk", "iss", "kid", "url"])
def test_no_address_in_a_token_is_ever_called(
    verifier: TokenVerifier, issuer: LocalServer, evil: LocalServer, header: str
) -> None:
    fetches = len(issuer.received)
    for address in (f"{evil.url}/keys", f"{issuer.url}@{evil.url.removeprefix('http://')}/keys"):
        for said in (address, [address], {"url": address}):
            for token in (by_stranger(**{header: said}), signed({**claims(), "iss": said})):
                with pytest.raises(Unauthenticated):
                    verifier.verify(token)
    assert evil.received == []
    # It is the issuer that is asked about keys, once.
    assert len(issuer.received) == fetches + 1
    assert {request.path for request in issuer.received} <= {"/", "/keys"}


@pytest.mark.parametrize(("first", "role"), [("user", "admin"), ("admin", "user")])
def test_of_a_claim_that_comes_twice_the_last_counts_for_everybody(
    empty_site: httpx.Client, first: str, role: str
) -> None:
    # RFC 7519, section 4: refuse, or take the last. Both who ask are answered by one parser.
    headers = {"Authorization": f"Bearer {signed(twice('role', first, role))}"}
    assert empty_site.get("/api/auth/me", headers=headers).json()["role"] == role
    wanted = 200 if role == "admin" else 403
    assert empty_site.get("/api/admin/events", headers=headers).status_code == wanted


NO_ADMINS: list[dict[str, Any]] = [
    {"role": role}
    for role in (
        *("Admin", "ADMIN", " admin", "admin ", "admin\0", "\tadmin", "admin\n", "administrator"),
        *("\u0430dmin", "\uff41dmin", "adm\u0131n", "a\u0301dmin", "ad\u200bmin", "admin,user"),
        *(["admin"], [["admin"]], {"admin": True}, {"name": "admin"}, {"role": "admin"}, True, 1),
        *("\ud800admin", "user", "", None, "*", "admin\u0000"),
    )
] + [
    {"metadata.role": "admin"},
    {"metadata": "admin"},
    {"metadata": ["admin"]},
    {"metadata": {"role": ["admin"]}},
    {"metadata": {"role": {"role": "admin"}}},
    {"metadata": {"metadata": {"role": "admin"}}},
    {"__proto__": {"role": "admin"}},
    {"constructor": {"prototype": {"role": "admin"}}},
    {"__class__": "admin", "get": "admin"},
    {"Role": "admin", "ROLE": "admin", "roles": ["admin"]},
    {"unsafe_metadata": {"role": "admin"}, "private_metadata": {"role": "admin"}},
    {"user_metadata": {"role": "admin"}, "app_metadata": {"role": "admin"}},
    {"scope": "admin", "permissions": ["admin"], "groups": ["admin"], "isAdmin": True},
    {"role": "user", "metadata": {"role": "admin"}},
    {"role": "user", "public_metadata": {"role": "admin"}},
]


@pytest.mark.parametrize("said", NO_ADMINS, ids=repr)
def test_what_only_looks_like_the_admin_s_role_is_none(
    empty_site: httpx.Client, said: dict[str, Any]
) -> None:
    token = signed({**claims(role=None), **said})
    answer = empty_site.get("/api/admin/events", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("first", [None, "", [], {}, 0, False, "\0"])
def test_a_role_that_is_none_leaves_the_next_place_to_say_it(
    verifier: TokenVerifier, first: Any
) -> None:
    # Clerk sends `role: null` with the role in the metadata; whoever signs the one signs the other.
    assert verifier.verify(signed({**claims(), "role": first, "metadata": {"role": "admin"}})).role
    assert not verifier.verify(signed({**claims(), "role": first})).role


@pytest.mark.parametrize("aud", ["ap", "api2", "xapi", "API", "api,web", ["ap"], [["api"]], {}, 1])
def test_an_audience_that_only_holds_ours_is_another(issuer: LocalServer, aud: Any) -> None:
    verifier = TokenVerifier(settings(audiences=("api",)), SigningKeys(issuer.url))
    with pytest.raises(Unauthenticated):
        verifier.verify(signed({**claims(), "aud": aud}))


@pytest.mark.parametrize(
    "azp", ["https://a.example.evil", "a.example", "", None, ["https://a.example"]]
)
def test_a_party_that_only_resembles_ours_is_another(issuer: LocalServer, azp: Any) -> None:
    verifier = TokenVerifier(
        settings(authorized_parties=("https://a.example",)), SigningKeys(issuer.url)
    )
    with pytest.raises(Unauthenticated):
        verifier.verify(signed({**claims(), "azp": azp}))


def test_the_two_signatures_of_ecdsa_are_the_same_person_and_no_more(
    verifier: TokenVerifier,
) -> None:
    # Whoever has one can write the other; no token is ever told by its text, so it gains nothing.
    token = es256()
    assert verifier.verify(other_half(token)) == verifier.verify(token)
    caller = verifier.verify(token)
    assert caller == Caller("user_1", "admin", "sess_1", caller.expires_at)


GOOD = a_token(rsa_key(), exp=FAR_AHEAD)


@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_a_token_can_be_turned(verifier: TokenVerifier, bit: int) -> None:
    for place in range(0, len(GOOD), 3):
        turned = chr(ord(GOOD[place]) ^ 1 << bit)
        with pytest.raises(Unauthenticated):
            verifier.verify(GOOD[:place] + turned + GOOD[place + 1 :])


def test_no_beginning_of_a_token_is_one(verifier: TokenVerifier) -> None:
    for length in range(len(GOOD)):
        with pytest.raises(Unauthenticated):
            verifier.verify(GOOD[:length])


SCHEMES = ["Bearer", "bearer", "BEARER", "bEaReR"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_scheme_s_letter_case_is_no_matter(empty_site: httpx.Client, scheme: str) -> None:
    answer = empty_site.get("/api/auth/me", headers={"Authorization": f"{scheme} {GOOD}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        GOOD,
        f"Basic {GOOD}",
        f"Bearer,{GOOD}",
        f"Bearer={GOOD}",
        f"Bearer:{GOOD}",
        f"Bearer\t{GOOD}",
        f"Bearer{GOOD}",
        f"Bearer {GOOD} {GOOD}",
        f"Bearer {GOOD},{GOOD}",
        f"Bearer {GOOD}, Basic x",
        f"Basic x, Bearer {GOOD}",
        f"Bearer Bearer {GOOD}",
        f"Token {GOOD}",
        f"\u212abearer {GOOD}".encode().decode("latin-1"),
    ],
    ids=range(14),
)
def test_another_scheme_or_two_tokens_in_one_header_are_none(
    empty_site: httpx.Client, header: str
) -> None:
    for path in ("/api/auth/me", f"/api/orders/{ORDER_ID}"):
        answer = empty_site.get(path, headers=[(b"Authorization", header.encode("latin-1"))])
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("place", ["query", "cookie", "body", "x-header"])
def test_a_token_in_another_place_is_none(empty_site: httpx.Client, place: str) -> None:
    ways: dict[str, dict[str, Any]] = {
        "query": {"params": {"access_token": GOOD, "Authorization": f"Bearer {GOOD}"}},
        "cookie": {"headers": {"Cookie": f"Authorization=Bearer {GOOD}; __session={GOOD}"}},
        "body": {"content": f"access_token={GOOD}"},
        "x-header": {"headers": {"X-Authorization": f"Bearer {GOOD}", "Token": GOOD}},
    }
    for path in ("/api/auth/me", f"/api/orders/{ORDER_ID}"):
        assert empty_site.request("GET", path, **ways[place]).status_code == 401


def test_the_signature_is_made_as_the_issuer_makes_it() -> None:
    head = GOOD.rpartition(".")[0]
    assert part(sign(rsa_key(), head)) == GOOD.rpartition(".")[2]
    assert ec_key().algorithm == "ES256"
