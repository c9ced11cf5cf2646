"""Secrets: from the environment or from SSM, kept for five minutes, and never told."""

import traceback
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.secrets import Secrets, fetch_parameter
from chalicelib.errors import ConfigurationError, Unavailable
from tests.support.http_server import Reply, closed_port, serving

SECRET = "sk_live_hunter2"
NAMED = {"STRIPE_SECRET_KEY_PARAMETER": "/events/stripe-key"}


class Ssm:
    """A parameter store that counts how often it is asked, and a clock that stands still."""

    def __init__(self, value: str = SECRET) -> None:
        self.value = value
        self.asked: list[str] = []
        self.now = 1_000.0
        self.down = False

    def fetch(self, parameter: str) -> str:
        self.asked.append(parameter)
        if self.down:
            raise Unavailable("the settings cannot be reached right now; try again")
        return self.value

    def secrets(self, env: dict[str, str]) -> Secrets:
        return Secrets(env, self.fetch, lambda: self.now)


@pytest.fixture
def ssm() -> Ssm:
    return Ssm()


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_a_secret_in_the_environment_goes_before_ssm(ssm: Ssm) -> None:
    secrets = ssm.secrets({**NAMED, "STRIPE_SECRET_KEY": f" {SECRET}\n"})
    assert secrets.get("STRIPE_SECRET_KEY") == SECRET
    assert ssm.asked == []


@pytest.mark.parametrize("blank", [{}, {"STRIPE_SECRET_KEY": " "}])
def test_without_one_the_parameter_that_is_named_is_read(ssm: Ssm, blank: dict[str, str]) -> None:
    ssm.value = f"{SECRET}\n"
    assert ssm.secrets({**NAMED, **blank}).get("STRIPE_SECRET_KEY") == SECRET
    assert ssm.asked == ["/events/stripe-key"]


def test_a_secret_is_not_fetched_again_within_five_minutes(ssm: Ssm) -> None:
    secrets = ssm.secrets(NAMED)
    secrets.get("STRIPE_SECRET_KEY")
    ssm.now += 299
    ssm.value = "sk_live_rolled"
    assert secrets.get("STRIPE_SECRET_KEY") == SECRET
    assert len(ssm.asked) == 1


def test_a_rolled_secret_is_in_use_after_five_minutes(ssm: Ssm) -> None:
    secrets = ssm.secrets(NAMED)
    secrets.get("STRIPE_SECRET_KEY")
    ssm.now += 300
    ssm.value = "sk_live_rolled"
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_live_rolled"


def test_one_secret_is_not_taken_for_another(ssm: Ssm) -> None:
    secrets = ssm.secrets({**NAMED, "STRIPE_WEBHOOK_SECRET_PARAMETER": "/events/webhook"})
    secrets.get("STRIPE_SECRET_KEY")
    ssm.value = "whsec_other"
    assert secrets.get("STRIPE_WEBHOOK_SECRET") == "whsec_other"
    assert secrets.get("STRIPE_SECRET_KEY") == SECRET


def test_a_failed_fetch_is_not_remembered(ssm: Ssm) -> None:
    secrets = ssm.secrets(NAMED)
    ssm.down = True
    with pytest.raises(Unavailable):
        secrets.get("STRIPE_SECRET_KEY")
    ssm.down = False
    assert secrets.get("STRIPE_SECRET_KEY") == SECRET


def test_a_secret_that_was_known_outlives_an_outage_of_ssm(ssm: Ssm) -> None:
    secrets = ssm.secrets(NAMED)
    secrets.get("STRIPE_SECRET_KEY")
    ssm.now += 3_600
    ssm.down = True
    assert secrets.get("STRIPE_SECRET_KEY") == SECRET
    ssm.down, ssm.value = False, "sk_live_rolled"
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_live_rolled"


def test_a_list_of_nothing_is_named(ssm: Ssm) -> None:
    with pytest.raises(ConfigurationError, match="STRIPE_WEBHOOK_SECRET holds commas"):
        ssm.secrets({"STRIPE_WEBHOOK_SECRET": " , "}).get_list("STRIPE_WEBHOOK_SECRET")


def test_a_secret_that_is_nowhere_is_named(ssm: Ssm) -> None:
    with pytest.raises(
        ConfigurationError, match="STRIPE_SECRET_KEY nor STRIPE_SECRET_KEY_PARAMETER"
    ):
        ssm.secrets({"STRIPE_SECRET_KEY_PARAMETER": " "}).get("STRIPE_SECRET_KEY")


@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_parameter_is_named(ssm: Ssm, value: str) -> None:
    ssm.value = value
    with pytest.raises(ConfigurationError, match="/events/stripe-key is empty"):
        ssm.secrets(NAMED).get("STRIPE_SECRET_KEY")


def test_a_rolled_secret_is_a_list(ssm: Ssm) -> None:
    secrets = ssm.secrets({"STRIPE_WEBHOOK_SECRET": " whsec_new ,whsec_old,, "})
    assert secrets.get_list("STRIPE_WEBHOOK_SECRET") == ("whsec_new", "whsec_old")


@pytest.fixture
def parameters() -> Iterator[Any]:
    """A moto SSM."""
    with mock_aws():
        yield boto3.client("ssm")


def test_a_secure_string_is_read_decrypted(parameters: Any) -> None:
    parameters.put_parameter(Name="/events/stripe-key", Value=SECRET, Type="SecureString")
    assert fetch_parameter("/events/stripe-key") == SECRET
    assert Secrets(NAMED).get("STRIPE_SECRET_KEY") == SECRET


def test_a_parameter_that_does_not_exist_is_named(parameters: Any) -> None:
    with pytest.raises(ConfigurationError, match="/events/none cannot be read: ParameterNotFound"):
        fetch_parameter("/events/none")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_a_parameter_that_may_not_be_read_is_a_setting_to_mend(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    body = f'{{"__type": "{code}", "message": "User is not authorized"}}'.encode()
    with serving(lambda _: Reply(400, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        with pytest.raises(ConfigurationError, match=f"/events/stripe-key cannot be read: {code}"):
            fetch_parameter("/events/stripe-key")
    [request] = server.received
    assert request.headers["x-amz-target"] == "AmazonSSM.GetParameter"
    assert b'"WithDecryption": true' in request.body


def test_a_parameter_store_that_fails_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = f'{{"__type": "InternalServerError", "message": "{SECRET}"}}'.encode()
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with serving(lambda _: Reply(500, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        with pytest.raises(Unavailable) as failed:
            fetch_parameter("/events/stripe-key")
    assert SECRET not in str(failed.value)
    assert len(server.received) == 2


def test_a_parameter_store_that_cannot_be_reached_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", closed_port())
    with pytest.raises(Unavailable):
        fetch_parameter("/events/stripe-key")


def test_no_error_tells_a_secret(ssm: Ssm) -> None:
    for env, value in (({}, SECRET), (NAMED, " ")):
        ssm.value = value
        with pytest.raises(ConfigurationError) as refused:
            ssm.secrets({**env, "OTHER": SECRET}).get("STRIPE_SECRET_KEY")
        assert SECRET not in told(refused.value)
