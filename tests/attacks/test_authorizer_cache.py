"""The authorizer's answers are kept for minutes, by the gateway, per token: nobody gets another's,
and what is kept opens no more than it should.
"""

import time
import uuid
from typing import Any

import httpx
import pytest

from tests.attacks.forging import part, signed
from tests.support.answers import STATUSES
from tests.support.http_server import LocalServer
from tests.support.lambda_api import signed_in
from tests.support.routes import FOR_ANY_CALLER, GOOD, GUARDED, Route, send
from tests.support.tokens import claims


def a_user(role: str | None = None, **said: Any) -> tuple[str, str]:
    """Somebody new, and their token."""
    name = f"user_{uuid.uuid4().hex}"
    return name, signed({**claims(sub=name, role=role), **said})


def me(site: httpx.Client, token: str, scheme: str = "Bearer ") -> httpx.Response:
    return site.get("/api/auth/me", headers={"Authorization": f"{scheme}{token}"})


def test_two_callers_are_never_taken_for_each_other(site: httpx.Client) -> None:
    users = [a_user("admin" if number % 2 else "user") for number in range(10)]
    for _ in range(2):
        for name, token in users:
            assert me(site, token).json()["userId"] == name


def test_a_kept_token_s_neighbours_are_not_kept_with_it(site: httpx.Client) -> None:
    _, token = a_user("admin")
    assert me(site, token).status_code == 200
    head, body, signature = token.split(".")
    neighbours = [
        token[:-1],
        token[1:],
        f"{token}A",
        f"{token}=",
        f"{token}==",
        f"{token}.",
        f"{token},",
        f"A{token}",
        token.swapcase(),
        token.lower(),
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{part(claims(sub='root'))}.{signature}",
        f"{head}.{body}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}",
    ]
    for neighbour in neighbours:
        assert me(site, neighbour).status_code == 401, neighbour
    assert me(site, token).status_code == 200


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer  "])
def test_another_spelling_of_the_header_is_the_same_caller(site: httpx.Client, scheme: str) -> None:
    name, token = a_user()
    assert me(site, token).json()["userId"] == name
    assert me(site, token, scheme).json()["userId"] == name


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer", "Bearer\t", "Bearer=", "Token "])
def test_a_kept_token_under_another_scheme_is_none(site: httpx.Client, scheme: str) -> None:
    _, token = a_user()
    assert me(site, token).status_code == 200
    assert me(site, token, scheme).status_code == 401


def test_what_was_kept_for_one_route_opens_no_admin_s_route(site: httpx.Client) -> None:
    _, token = a_user("user")
    headers = {"Authorization": f"Bearer {token}"}
    assert site.get("/api/orders", headers=headers).status_code == 200
    for method, path in (("GET", "/api/admin/events"), ("DELETE", "/admin/database/truncate")):
        answer = site.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "path", ["a:b", "a:b:c/d", "*", "%3a", "a?b:c", "arn:aws:execute-api:x:y:z/*"]
)
def test_no_path_spoils_what_is_kept_for_the_next_one(site: httpx.Client, path: str) -> None:
    # The policy is written around the path of the first call, and holds for all that follow.
    name, token = a_user("admin")
    headers = {"Authorization": f"Bearer {token}"}
    assert site.get(f"/api/admin/events/{path}", headers=headers).status_code == 404
    assert me(site, token).json()["userId"] == name
    assert site.get("/api/admin/events", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "route", [each for each in GUARDED if each not in FOR_ANY_CALLER], ids=" ".join
)
def test_every_guarded_route_asks_for_the_role_itself(api: object, route: Route) -> None:
    parameters, _ = GOOD[route]
    for role in ("", "user", "Admin", "admin "):
        answer = send(*route, caller=signed_in(role=role), parameters=parameters, body="{}")
        assert (answer.status, answer.json["code"]) == (STATUSES["FORBIDDEN"], "FORBIDDEN")
    answer = send(*route, caller=signed_in(ttl=-6), parameters=parameters, body="{}")
    assert (answer.status, answer.json["code"]) == (401, "UNAUTHORIZED")


def test_a_kept_answer_does_not_outlive_its_token(
    site: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = a_user("admin")
    assert me(site, token).status_code == 200
    later = time.time() + 700
    monkeypatch.setattr("chalicelib.http.requests.time.time", lambda: later)
    # The gateway still has its answer; the view looks at the token's end again.
    answer = me(site, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    headers = {"Authorization": f"Bearer {token}"}
    assert site.get("/api/admin/events", headers=headers).status_code == 401


FORGED_CONTEXTS: list[dict[str, Any]] = [
    {"principalId": "root"},
    {"userId": "root", "user_id": "root", "user": "root"},
    {"expiresAt": "4000000000", "expires_at": 4_000_000_000},
    {"sessionId": "sess_root", "session_id": "sess_root"},
    {"integrationLatency": 0},
    {"context": {"role": "admin", "principalId": "root"}},
    {"authorizer": {"role": "admin"}, "requestContext": {"authorizer": {"role": "admin"}}},
    {"policyDocument": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}},
    {"claims": {"role": "admin", "sub": "root"}},
]


@pytest.mark.parametrize("said", FORGED_CONTEXTS, ids=repr)
def test_claims_that_are_named_like_the_context_say_nothing(
    site: httpx.Client, said: dict[str, Any]
) -> None:
    name, token = a_user(**said)
    answer = me(site, token).json()
    assert (answer["userId"], answer["sessionId"]) == (name, "sess_1")
    assert not answer["role"]
    assert not answer["expiresAt"].startswith("2096")
    headers = {"Authorization": f"Bearer {token}"}
    assert site.get("/api/admin/events", headers=headers).status_code == 403


@pytest.mark.parametrize("sub", ["*", "arn:aws:iam::1:root", "a/b", "${aws:username}", "a,b", "{}"])
def test_no_user_s_name_means_anything_in_a_policy(site: httpx.Client, sub: str) -> None:
    token = signed(claims(sub=sub, role="user", jti=str(uuid.uuid4())))
    assert me(site, token).json()["userId"] == sub
    headers = {"Authorization": f"Bearer {token}"}
    assert site.get("/api/admin/events", headers=headers).status_code == 403


def test_a_refusal_is_not_kept_for_a_token_that_is_good_later(
    site: httpx.Client, issuer: LocalServer
) -> None:
    _, token = a_user()
    assert me(site, f"{token}A").status_code == 401
    assert me(site, token).status_code == 200


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/orders/01JZX5K7Q8M9N0P1R2S3T4V5W6"])
def test_of_two_authorization_headers_everybody_reads_the_same(
    site: httpx.Client, path: str
) -> None:
    good = signed(claims(jti=str(uuid.uuid4())))
    for first, second, status in (("x", good, 200), (good, "x", 401), (good, good, 200)):
        headers = [("Authorization", f"Bearer {token}") for token in (first, second)]
        assert site.get(path, headers=headers).status_code == status


SPELLINGS = [
    *("/api/admin%2fevents", "/api/%61dmin/events", "/API/admin/events", "/api/ADMIN/events"),
    *("/api//admin/events", "//api/admin/events", "/api/./admin/events", "/api/x/../admin/events"),
    *(
        "/api/admin/events;x=1",
        "/api/admin;x/events",
        "/api/admin/events%00",
        "/api/admin/events%20",
    ),
    *("/api/admin/events.json", "/api/events/..%2fadmin%2fevents", "/api/events/../admin/events"),
    *(
        "/api/events/%2e%2e/admin/events",
        "/api\\admin\\events",
        "/api/admin/events/",
        "/api/admin/",
    ),
    *(
        "/api/events/%2e%2e%2fadmin",
        "/x/api/admin/events",
        "/dev/api/admin/events",
        "/local/api/admin/events",
    ),
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_of_a_guarded_path_gets_round_the_authorizer(
    empty_site: httpx.Client, path: str
) -> None:
    for method in ("GET", "POST", "get", "HEAD", "TRACE", "PROPFIND"):
        request = empty_site.build_request(method, "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = empty_site.send(request)
        assert answer.status_code in {400, 401, 404}
        assert "events" not in answer.text
