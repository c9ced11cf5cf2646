"""Secrets: from the environment or from SSM, kept for five minutes, and never told."""

import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.session
import pytest
from moto import mock_aws

from chalicelib.adapters.secrets import ParameterStore, Secrets
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
    ssm.now += 10
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_live_rolled"


def test_during_an_outage_of_ssm_most_requests_do_not_wait_for_it(ssm: Ssm) -> None:
    secrets = ssm.secrets(NAMED)
    secrets.get("STRIPE_SECRET_KEY")
    ssm.now += 300
    ssm.down = True
    for _ in range(50):
        assert secrets.get("STRIPE_SECRET_KEY") == SECRET
    assert len(ssm.asked) == 2
    ssm.now += 10
    secrets.get("STRIPE_SECRET_KEY")
    assert len(ssm.asked) == 3


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


WEBHOOK = {"STRIPE_WEBHOOK_SECRET_PARAMETER": "/events/webhook"}
SECRET_KEY, WEBHOOK_SECRET = "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"
MALFORMED = [
    (SECRET_KEY, "dev", "pk_test_hunter2", "publishable"),
    (SECRET_KEY, "dev", "whsec_hunter2", "swapped"),
    (SECRET_KEY, "dev", "hunter2", "does not look like"),
    (SECRET_KEY, "dev", "sk_hunter2", "does not look like"),
    (SECRET_KEY, "dev", "SK_TEST_hunter2", "does not look like"),
    (SECRET_KEY, "dev", "sk_test_", "does not look like"),
    (SECRET_KEY, "dev", "sk_test_hunter2…", "does not look like"),
    (SECRET_KEY, "dev", '"sk_test_hunter2"', "quotation mark"),
    (SECRET_KEY, "dev", "“sk_test_hunter2”", "quotation mark"),
    (SECRET_KEY, "dev", "sk_test_hunter2 sk_test_other", "invisible"),
    (SECRET_KEY, "dev", "sk_test_hun\nter2", "invisible"),
    (SECRET_KEY, "dev", "sk_test_hunter2\u200b", "invisible"),
    (SECRET_KEY, "dev", "sk_test_hunter2,sk_test_other", "does not look like"),
    (SECRET_KEY, "dev", "sk_live_hunter2", "live key, and dev is no production"),
    (SECRET_KEY, "local", "rk_live_hunter2", "live key, and local is no production"),
    (SECRET_KEY, "prod", "sk_test_hunter2", "test key, and prod is a production"),
    (SECRET_KEY, "Production-EU", "rk_test_hunter2", "test key"),
    (WEBHOOK_SECRET, "dev", "sk_test_hunter2", "swapped"),
    (WEBHOOK_SECRET, "dev", "whsec_hunter2,rk_live_hunter2", "swapped"),
    (WEBHOOK_SECRET, "dev", "we_hunter2", "does not look like"),
    (WEBHOOK_SECRET, "dev", "whsec_", "does not look like"),
    (WEBHOOK_SECRET, "dev", "whsec_hunter2;whsec_other", "does not look like"),
    (WEBHOOK_SECRET, "dev", "whsec_a whsec_hunter2", "invisible"),
    (WEBHOOK_SECRET, "dev", "'whsec_hunter2'", "quotation mark"),
    (WEBHOOK_SECRET, "dev", ",", "commas and no secret"),
]


@pytest.mark.parametrize(("name", "stage", "value", "why"), MALFORMED)
def test_a_malformed_secret_is_told_by_its_parameter_and_not_its_value(
    ssm: Ssm, name: str, stage: str, value: str, why: str
) -> None:
    ssm.value = value
    secrets = ssm.secrets({**NAMED, **WEBHOOK, "STAGE": stage})
    with pytest.raises(ConfigurationError, match=why) as refused:
        secrets.get(name)
    assert str(refused.value).startswith(f"the SSM parameter {ssm.asked[0]} ")
    assert "hunter2" not in told(refused.value)


@pytest.mark.parametrize(("name", "stage", "value", "why"), MALFORMED)
def test_a_malformed_secret_in_the_environment_is_told_by_its_name(
    ssm: Ssm, name: str, stage: str, value: str, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^the setting {name} .*{why}") as refused:
        ssm.secrets({name: value, "STAGE": stage}).get_list(name)
    assert "hunter2" not in told(refused.value)


@pytest.mark.parametrize(
    ("name", "stage", "value"),
    [
        (SECRET_KEY, "dev", "sk_test_51Hunter2"),
        (SECRET_KEY, "dev", "rk_test_51Hunter2"),
        (SECRET_KEY, "prod", "sk_live_51Hunter2"),
        (SECRET_KEY, "production", "rk_live_51Hunter2"),
        (SECRET_KEY, "", "sk_live_51Hunter2"),
        (WEBHOOK_SECRET, "prod", "whsec_hunter2"),
        (WEBHOOK_SECRET, "prod", "whsec_hun+ter/2=,whsec_other"),
    ],
)
def test_stripes_secrets_are_taken(ssm: Ssm, name: str, stage: str, value: str) -> None:
    ssm.value = value
    assert ssm.secrets({**NAMED, **WEBHOOK, "STAGE": stage}).get(name) == value


def test_a_secret_that_is_wrong_is_not_looked_up_by_every_request(ssm: Ssm) -> None:
    ssm.value = "hunter2"
    secrets = ssm.secrets(NAMED)
    for _ in range(50):
        with pytest.raises(ConfigurationError):
            secrets.get(SECRET_KEY)
    assert len(ssm.asked) == 1


def test_a_secret_that_was_mended_is_in_use_within_seconds(ssm: Ssm) -> None:
    ssm.value = "hunter2"
    secrets = ssm.secrets(NAMED)
    with pytest.raises(ConfigurationError):
        secrets.get(SECRET_KEY)
    ssm.value = SECRET
    ssm.now += 5
    assert secrets.get(SECRET_KEY) == SECRET


class TestRolled:
    """Secrets that have just not worked."""

    def test_another_one_is_there_at_once(self, ssm: Ssm) -> None:
        secrets = ssm.secrets(NAMED)
        refused = secrets.get(SECRET_KEY)
        ssm.value = "sk_live_rolled"
        ssm.now += 5
        assert secrets.renewed(SECRET_KEY, refused, 5) == "sk_live_rolled"
        assert secrets.get(SECRET_KEY) == "sk_live_rolled"

    def test_a_strangers_signature_does_not_put_a_mistyped_secret_to_use(self, ssm: Ssm) -> None:
        ssm.value = "whsec_old"
        secrets = ssm.secrets(WEBHOOK)
        refused = secrets.get_list(WEBHOOK_SECRET)
        ssm.value = "hunter2"
        ssm.now += 60
        assert secrets.renewed_list(WEBHOOK_SECRET, refused, 60) is None
        assert secrets.get_list(WEBHOOK_SECRET) == ("whsec_old",)
        ssm.now += 241
        with pytest.raises(ConfigurationError, match="webhook"):
            secrets.get_list(WEBHOOK_SECRET)

    def test_who_comes_second_is_given_what_the_first_one_read(self, ssm: Ssm) -> None:
        secrets = ssm.secrets(NAMED)
        refused = secrets.get(SECRET_KEY)
        ssm.value = "sk_live_rolled"
        ssm.now += 5
        for _ in range(8):
            assert secrets.renewed(SECRET_KEY, refused, 5) == "sk_live_rolled"
        assert len(ssm.asked) == 2

    def test_the_same_one_is_none(self, ssm: Ssm) -> None:
        secrets = ssm.secrets(NAMED)
        refused = secrets.get(SECRET_KEY)
        ssm.now += 5
        assert secrets.renewed(SECRET_KEY, refused, 5) is None

    def test_ssm_is_asked_no_more_often_than_allowed(self, ssm: Ssm) -> None:
        secrets = ssm.secrets(NAMED)
        refused = secrets.get(SECRET_KEY)
        for second in range(1, 301):
            ssm.now = 1_000.0 + second
            assert secrets.renewed(SECRET_KEY, refused, 60) is None
        assert len(ssm.asked) == 1 + 300 / 60

    def test_an_outage_of_ssm_is_no_other_secret(self, ssm: Ssm) -> None:
        secrets = ssm.secrets(NAMED)
        refused = secrets.get(SECRET_KEY)
        ssm.now += 5
        ssm.down = True
        assert secrets.renewed(SECRET_KEY, refused, 5) is None

    def test_a_malformed_one_is_named(self, ssm: Ssm) -> None:
        secrets = ssm.secrets(NAMED)
        refused = secrets.get(SECRET_KEY)
        ssm.now += 5
        ssm.value = "pk_live_hunter2"
        with pytest.raises(ConfigurationError, match="/events/stripe-key is a publishable key"):
            secrets.renewed(SECRET_KEY, refused, 5)

    def test_one_of_the_environment_has_no_other(self, ssm: Ssm) -> None:
        secrets = ssm.secrets({**NAMED, SECRET_KEY: SECRET})
        assert secrets.renewed(SECRET_KEY, SECRET, 5) is None
        assert ssm.asked == []

    def test_a_list_is_renewed_as_a_whole(self, ssm: Ssm) -> None:
        ssm.value = "whsec_old"
        secrets = ssm.secrets(WEBHOOK)
        refused = secrets.get_list(WEBHOOK_SECRET)
        assert secrets.renewed_list(WEBHOOK_SECRET, refused, 60) is None
        ssm.value = "whsec_new, whsec_old"
        ssm.now += 60
        for _ in range(2):
            assert secrets.renewed_list(WEBHOOK_SECRET, refused, 60) == ("whsec_new", "whsec_old")
        assert len(ssm.asked) == 2

    def test_a_crowd_that_meets_a_rolled_key_asks_once(self) -> None:
        asked: list[str] = []

        def slowly(parameter: str) -> str:
            asked.append(parameter)
            time.sleep(0.02)
            return SECRET if len(asked) == 1 else "sk_live_rolled"

        secrets = Secrets(NAMED, slowly)
        with ThreadPoolExecutor(16) as crowd:
            known = set(crowd.map(lambda _: secrets.get(SECRET_KEY), range(16)))
            assert known == {SECRET}
            renewed = crowd.map(lambda _: secrets.renewed(SECRET_KEY, SECRET, 0), range(16))
            assert set(renewed) == {"sk_live_rolled"}
        assert len(asked) == 2


@pytest.fixture
def parameters() -> Iterator[Any]:
    """A moto SSM."""
    with mock_aws():
        yield boto3.client("ssm")


def test_a_secure_string_is_read_decrypted(parameters: Any) -> None:
    parameters.put_parameter(Name="/events/stripe-key", Value=SECRET, Type="SecureString")
    assert ParameterStore().read("/events/stripe-key") == SECRET
    assert Secrets(NAMED).get("STRIPE_SECRET_KEY") == SECRET


@pytest.mark.parametrize("kind", ["String", "StringList"])
def test_a_parameter_that_is_not_encrypted_is_refused(parameters: Any, kind: str) -> None:
    parameters.put_parameter(Name="/events/stripe-key", Value=SECRET, Type=kind)
    with pytest.raises(ConfigurationError, match=f"/events/stripe-key is a {kind}") as refused:
        ParameterStore().read("/events/stripe-key")
    assert SECRET not in told(refused.value)


def test_one_client_serves_all_parameters(parameters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("/a", "/b"):
        parameters.put_parameter(Name=name, Value=SECRET, Type="SecureString")
    made: list[str] = []
    create = botocore.session.Session.create_client

    def counted(session: Any, service: str, *args: Any, **kwargs: Any) -> Any:
        made.append(service)
        return create(session, service, *args, **kwargs)

    monkeypatch.setattr(botocore.session.Session, "create_client", counted)
    store = ParameterStore()
    assert [store.read("/a"), store.read("/b"), store.read("/a")] == [SECRET] * 3
    assert made == ["ssm"]


def test_a_session_that_is_there_already_is_used(parameters: Any) -> None:
    parameters.put_parameter(Name="/a", Value=SECRET, Type="SecureString")
    known = botocore.session.get_session()
    store = ParameterStore(lambda: known)
    assert store.read("/a") == SECRET
    assert store.session is known


def test_a_parameter_that_does_not_exist_is_named(parameters: Any) -> None:
    with pytest.raises(ConfigurationError, match="/events/none cannot be read: ParameterNotFound"):
        ParameterStore().read("/events/none")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "InvalidKeyId"])
def test_a_parameter_that_may_not_be_read_is_a_setting_to_mend(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    body = f'{{"__type": "{code}", "message": "User is not authorized"}}'.encode()
    with serving(lambda _: Reply(400, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        with pytest.raises(ConfigurationError, match=f"/events/stripe-key cannot be read: {code}"):
            ParameterStore().read("/events/stripe-key")
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
            ParameterStore().read("/events/stripe-key")
    assert SECRET not in str(failed.value)
    assert len(server.received) == 2


def test_a_throttled_parameter_store_leaves_the_known_secret_in_use(
    parameters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters.put_parameter(Name="/events/stripe-key", Value=SECRET, Type="SecureString")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    clock = [0.0]
    secrets = Secrets(NAMED, lambda name: ParameterStore().read(name), lambda: clock[0])
    assert secrets.get("STRIPE_SECRET_KEY") == SECRET
    clock[0] = 301.0
    body = b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
    with serving(lambda _: Reply(400, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        assert secrets.get("STRIPE_SECRET_KEY") == SECRET
    assert len(server.received) == 2


def test_a_parameter_store_that_cannot_be_reached_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", closed_port())
    with pytest.raises(Unavailable):
        ParameterStore().read("/events/stripe-key")


def test_no_error_tells_a_secret(ssm: Ssm) -> None:
    for env, value in (({}, SECRET), (NAMED, " ")):
        ssm.value = value
        with pytest.raises(ConfigurationError) as refused:
            ssm.secrets({**env, "OTHER": SECRET}).get("STRIPE_SECRET_KEY")
        assert SECRET not in told(refused.value)
