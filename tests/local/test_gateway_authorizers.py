"""TOKEN authorizers of the local gateway: who passes, who is refused with what, what is cached."""

import logging
import uuid
from collections.abc import Iterator

import httpx
import pytest

from infra.local.gateway import GatewayConfig, policies
from infra.local.gateway.authorizers import Grant, GrantCache
from infra.local.gateway.policies import PolicyError, Verdict
from tests.local.gateway_under_test import (
    API_KEY,
    Authorizer,
    Slow,
    gateway,
    make_chalice_app,
    make_definition,
    policy,
)

pytestmark = pytest.mark.enable_socket

ARN = "arn:aws:execute-api:us-east-1:123456789012:local/local"
DENIED = "User is not authorized to access this resource"


@pytest.fixture(scope="module")
def shared_authorizer() -> Authorizer:
    return Authorizer()


@pytest.fixture(scope="module")
def client(shared_authorizer: Authorizer) -> Iterator[httpx.Client]:
    with gateway(functions={"JwtAuthorizer": shared_authorizer}) as client:
        yield client


@pytest.fixture
def authorizer(shared_authorizer: Authorizer) -> Authorizer:
    shared_authorizer.calls.clear()
    return shared_authorizer


@pytest.fixture
def t() -> str:
    """A token no other test has used, so that no other test's answer is cached for it."""
    return str(uuid.uuid4())


def call(client: httpx.Client, token: str, path: str = "/me") -> httpx.Response:
    return client.get(path, headers={"Authorization": token})


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}])
def test_no_token_is_unauthorized_and_the_authorizer_is_not_asked(
    client: httpx.Client, authorizer: Authorizer, headers: dict[str, str]
) -> None:
    response = client.get("/me", headers=headers)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
    assert response.headers["x-amzn-ErrorType"] == "UnauthorizedException"
    assert authorizer.calls == []


def test_the_authorizer_gets_the_token_and_the_call_s_arn(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    authorizer.answers[t] = policy()
    assert call(client, t, "/me/orders/a%20b").status_code == 200
    arn = f"{ARN}/GET/me/orders/a%20b"
    assert authorizer.calls == [{"type": "TOKEN", "authorizationToken": t, "methodArn": arn}]


def test_a_caller_who_passes_reaches_the_function_with_the_context_as_strings(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    context = {"role": "admin", "number": 7, "yes": True, "no": False, "nothing": None}
    authorizer.answers[t] = policy(context=context)
    identity = call(client, t).json()
    assert isinstance(identity.pop("integrationLatency"), int)
    assert identity == {
        "principalId": "user_1",
        "role": "admin",
        "number": "7",
        "yes": "true",
        "no": "false",
    }


def test_an_exception_that_says_unauthorized_is_a_401_and_is_not_remembered(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    authorizer.answers[t] = Exception("Unauthorized")
    assert call(client, t).status_code == 401
    authorizer.answers[t] = policy()
    assert call(client, t).status_code == 200
    assert len(authorizer.calls) == 2


@pytest.mark.parametrize("message", ["unauthorized", "Unauthorized: expired", ""])
def test_any_other_exception_is_a_500_and_its_text_goes_nowhere(
    client: httpx.Client, authorizer: Authorizer, message: str, t: str
) -> None:
    authorizer.answers[t] = RuntimeError(message)
    response = call(client, t)
    assert (response.status_code, response.json()) == (500, {"message": None})
    assert response.headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "allow",
        {},
        {"principalId": "u"},
        {"policyDocument": {}},
        policy() | {"principalId": ""},
        policy() | {"principalId": 7},
        policy() | {"policyDocument": "{}"},
        policy() | {"policyDocument": {"Statement": []}},
        policy(effect="Maybe"),
        policy(resource=[]),
        policy(context=["role"]),
        policy(context={"roles": ["admin"]}),
        {"principalId": {1}},
    ],
)
def test_an_answer_that_is_no_policy_is_a_500(
    client: httpx.Client, authorizer: Authorizer, answer: object, t: str
) -> None:
    authorizer.answers[t] = answer
    response = call(client, t)
    assert response.status_code == 500
    assert response.headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"
    authorizer.answers[t] = policy()
    assert call(client, t).status_code == 200


def test_an_authorizer_that_takes_too_long_is_an_authorizer_failure(t: str) -> None:
    slow = Slow()
    config = GatewayConfig(function_timeouts={"JwtAuthorizer": 0.05})
    with gateway(config, functions={"JwtAuthorizer": slow}) as client:
        response = call(client, t)
        slow.release.set()
    assert response.status_code == 500
    assert response.headers["x-amzn-ErrorType"] == "AuthorizerFailureException"


def test_a_policy_that_says_nothing_of_the_call_denies_it(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    authorizer.answers[t] = policy(resource=f"{ARN}/GET/other")
    response = call(client, t)
    assert (response.status_code, response.json()) == (403, {"message": DENIED})
    assert response.headers["x-amzn-ErrorType"] == "AccessDeniedException"


def test_an_explicit_denial_says_so(client: httpx.Client, authorizer: Authorizer, t: str) -> None:
    authorizer.answers[t] = policy(effect="Deny")
    response = call(client, t)
    assert response.status_code == 403
    assert response.json() == {"message": f"{DENIED} with an explicit deny"}


def test_an_answer_is_cached_for_its_token(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    other = f"other-{t}"
    authorizer.answers.update({t: policy(), other: policy()})
    assert [call(client, token).status_code for token in (t, t, other, t)] == [200] * 4
    assert [event["authorizationToken"] for event in authorizer.calls] == [t, other]


def test_a_cached_policy_for_one_route_refuses_the_next(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    authorizer.answers[t] = policy(resource=f"{ARN}/GET/me")
    assert call(client, t, "/me").status_code == 200
    assert call(client, t, "/me/orders/1").status_code == 403
    assert len(authorizer.calls) == 1


def test_a_denial_is_cached_too(client: httpx.Client, authorizer: Authorizer, t: str) -> None:
    authorizer.answers[t] = policy(effect="Deny")
    assert [call(client, t).status_code for _ in range(2)] == [403, 403]
    assert len(authorizer.calls) == 1


def test_a_ttl_of_zero_asks_every_time(authorizer: Authorizer, t: str) -> None:
    document = make_definition(make_chalice_app())
    scheme = document["securityDefinitions"]["jwt_authorizer"]
    scheme["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"] = 0
    authorizer.answers[t] = policy()
    extensions = {"securityDefinitions": document["securityDefinitions"]}
    with gateway(functions={"JwtAuthorizer": authorizer}, extensions=extensions) as client:
        assert [call(client, t).status_code for _ in range(2)] == [200, 200]
    assert len(authorizer.calls) == 2


def test_a_token_that_does_not_fit_the_validation_expression_is_not_asked_about(
    authorizer: Authorizer,
) -> None:
    document = make_definition(make_chalice_app())
    scheme = document["securityDefinitions"]["jwt_authorizer"]
    extension = scheme["x-amazon-apigateway-authorizer"]
    extension["identityValidationExpression"] = "^Bearer .+"
    extension["identitySource"] = "method.request.header.X-Token"
    authorizer.answers["Bearer t"] = policy()
    extensions = {"securityDefinitions": document["securityDefinitions"]}
    with gateway(functions={"JwtAuthorizer": authorizer}, extensions=extensions) as client:
        assert client.get("/me", headers={"X-Token": "Basic t"}).status_code == 401
        assert client.get("/me", headers={"X-Token": "Bearer t"}).status_code == 200
    assert len(authorizer.calls) == 1


def test_the_authorizer_is_asked_before_the_api_key(
    client: httpx.Client, authorizer: Authorizer, t: str
) -> None:
    authorizer.answers[t] = policy()
    assert client.get("/both").status_code == 401
    assert call(client, t, "/both").status_code == 403
    headers = {"Authorization": t, "X-Api-Key": API_KEY}
    assert client.get("/both", headers=headers).json() == {"in": True}


def test_a_preflight_of_a_guarded_resource_needs_no_token(client: httpx.Client) -> None:
    assert client.options("/me").status_code == 200


def test_no_token_reaches_the_log(
    client: httpx.Client, authorizer: Authorizer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    authorizer.answers["secret-token"] = policy(effect="Maybe")
    call(client, "secret-token", "/me?token=secret-query")
    assert "Effect is 'Maybe'" in caplog.text
    own = [record.getMessage() for record in caplog.records if record.name.startswith("infra")]
    assert own
    assert not [line for line in own if "secret" in line]


# The policy language.


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [
        ("*", Verdict.ALLOWED),
        (f"{ARN}/*", Verdict.ALLOWED),
        (f"{ARN}/GET/me", Verdict.ALLOWED),
        (f"{ARN}/*/m?", Verdict.ALLOWED),
        ("arn:aws:execute-api:*:*:*/*/GET/*", Verdict.ALLOWED),
        (f"{ARN}/GET/m", Verdict.DENIED),
        (f"{ARN}/get/me", Verdict.DENIED),
        (f"{ARN}/POST/me", Verdict.DENIED),
        (f"{ARN}/GET/me?", Verdict.DENIED),
        (f"{ARN}/GET/[a-z]e", Verdict.DENIED),
    ],
)
def test_a_resource_covers_a_call_by_wildcards_alone(resource: str, verdict: Verdict) -> None:
    document = policy(resource=resource)["policyDocument"]
    assert policies.parse(document).judge(f"{ARN}/GET/me") is verdict


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("execute-api:Invoke", Verdict.ALLOWED),
        (["s3:GetObject", "EXECUTE-API:INVOKE"], Verdict.ALLOWED),
        ("execute-api:*", Verdict.ALLOWED),
        ("*", Verdict.ALLOWED),
        ("execute-api:InvalidateCache", Verdict.DENIED),
    ],
)
def test_only_the_action_invoke_counts(action: object, verdict: Verdict) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    assert policies.parse({"Statement": statement}).judge(f"{ARN}/GET/me") is verdict


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_an_explicit_denial_wins_in_any_order(order: slice) -> None:
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "*", "Resource": [f"{ARN}/GET/me"]}
    document = {"Statement": [allow, deny][order]}
    assert policies.parse(document).judge(f"{ARN}/GET/me") is Verdict.EXPLICITLY_DENIED
    assert policies.parse(document).judge(f"{ARN}/GET/you") is Verdict.ALLOWED


@pytest.mark.parametrize(
    "statement",
    [
        "Allow",
        {"Effect": "Allow", "Action": "*"},
        {"Effect": "Allow", "Action": [1], "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}},
        {"Effect": "Allow", "NotAction": "*", "Resource": "*"},
    ],
)
def test_a_statement_that_cannot_be_judged_is_refused(statement: object) -> None:
    with pytest.raises(PolicyError):
        policies.parse({"Statement": [statement]})


# The cache.


def grant(name: str) -> Grant:
    return Grant(name, policies.parse(policy()["policyDocument"]), {})


def test_a_cached_answer_is_gone_after_its_time() -> None:
    now = [0.0]
    cache = GrantCache(10, clock=lambda: now[0])
    cache.keep("jwt", "t", grant("a"), ttl=300)
    now[0] = 299.9
    assert cache.get("jwt", "t") == grant("a")
    assert cache.get("other", "t") is None
    now[0] = 300.0
    assert cache.get("jwt", "t") is None
    assert len(cache) == 0


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago() -> None:
    cache = GrantCache(2, clock=lambda: 0.0)
    cache.keep("jwt", "a", grant("a"), ttl=1)
    cache.keep("jwt", "b", grant("b"), ttl=1)
    cache.get("jwt", "a")
    cache.keep("jwt", "c", grant("c"), ttl=1)
    assert len(cache) == 2
    assert cache.get("jwt", "b") is None
    assert cache.get("jwt", "a") == grant("a")
