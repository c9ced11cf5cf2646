"""Settings: every key, everything that can be wrong with it, and that no value is ever told."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.errors import ConfigurationError
from chalicelib.settings import (
    AdminSettings,
    AuthorizerSettings,
    CheckoutSettings,
    HttpSettings,
    Mailbox,
    MailSettings,
    StoreSettings,
    StripeSettings,
)

TABLES = {
    "EVENTS_TABLE": "e",
    "CITIES_TABLE": "c",
    "INDEX_TABLE": "i",
    "ORDERS_TABLE": "o",
    "AUDIT_TABLE": "a",
}
SECRET_LOOKING = "hunter2"
Read = Callable[[dict[str, str]], Any]


def refusal(read: Read, env: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read(env)
    told = "".join(traceback.format_exception(refused.value))
    assert SECRET_LOOKING not in told
    return str(refused.value)


def test_the_tables_are_named() -> None:
    padded = {key: f" {value} " for key, value in TABLES.items()}
    assert StoreSettings.read(padded) == StoreSettings("e", "c", "i", "o", "a")


@pytest.mark.parametrize("key", sorted(TABLES))
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_table_is_named(key: str, value: str | None) -> None:
    env = {name: text for name, text in TABLES.items() if name != key}
    if value is not None:
        env[key] = value
    assert refusal(StoreSettings.read, env) == f"the setting {key} is missing"


@pytest.mark.parametrize(
    ("value", "spreads"), [("", True), (" ", True), ("on", True), ("off", False), (" OFF ", False)]
)
def test_stock_is_spread_unless_that_is_switched_off(value: str, spreads: bool) -> None:
    assert StoreSettings.read({**TABLES, "SPREAD_STOCK": value}).spread_stock is spreads
    assert StoreSettings.read(TABLES).spread_stock


def test_a_switch_is_on_or_off() -> None:
    env = {**TABLES, "SPREAD_STOCK": SECRET_LOOKING}
    assert refusal(StoreSettings.read, env) == "the setting SPREAD_STOCK must be on or off"


def test_without_settings_the_stage_is_local_and_open_to_all_origins() -> None:
    assert HttpSettings.read({}) == HttpSettings(("*",))


def test_origins_are_a_list_in_lower_case() -> None:
    env = {"STAGE": "dev", "CORS_ORIGINS": " https://A.example ,, http://b.example:8080 ,"}
    assert HttpSettings.read(env) == HttpSettings(("https://a.example", "http://b.example:8080"))


NO_ORIGINS = [
    f"https://{SECRET_LOOKING}.example/",
    f"https://a.example/{SECRET_LOOKING}",
    f"https://a.example?{SECRET_LOOKING}",
    f"https://a.example#{SECRET_LOOKING}",
    f"https://{SECRET_LOOKING}@a.example",
    f"https://a.example, https://{SECRET_LOOKING}@a.example",
    f"{SECRET_LOOKING}.example",
    f"ftp://{SECRET_LOOKING}.example",
    f"javascript:{SECRET_LOOKING}",
    f"https://a.example:{SECRET_LOOKING}",
    f"https://[{SECRET_LOOKING}",
    f"https://{SECRET_LOOKING}℀.example",
    "https://",
    "https://:443",
    "https://a.example:0",
    "null",
]


@pytest.mark.parametrize("value", [*NO_ORIGINS, f"*,https://{SECRET_LOOKING}.example"])
def test_what_is_no_origin_is_no_cors_origin(value: str) -> None:
    assert refusal(HttpSettings.read, {"CORS_ORIGINS": value}).startswith(
        "the setting CORS_ORIGINS must "
    )


@pytest.mark.parametrize("value", NO_ORIGINS)
def test_what_is_no_origin_is_no_place_to_send_a_buyer(value: str) -> None:
    env = {"STAGE": "dev", "CHECKOUT_ALLOWED_ORIGINS": value}
    assert refusal(CheckoutSettings.read, env).startswith(
        "the setting CHECKOUT_ALLOWED_ORIGINS must "
    )


def test_buyers_are_sent_to_named_origins_only() -> None:
    env = {"STAGE": "dev", "CHECKOUT_ALLOWED_ORIGINS": "https://Shop.example"}
    assert CheckoutSettings.read(env) == CheckoutSettings(
        ("https://shop.example",), allow_loopback=False
    )


def test_sending_buyers_anywhere_is_refused() -> None:
    env = {"STAGE": "local", "CHECKOUT_ALLOWED_ORIGINS": "*"}
    assert "open redirect" in refusal(CheckoutSettings.read, env)


@pytest.mark.parametrize("stage", ["dev", "prod", "localhost", "LOCAL"])
def test_only_the_local_stage_sends_buyers_to_loopback(stage: str) -> None:
    assert not CheckoutSettings.read({"STAGE": stage}).allow_loopback
    assert CheckoutSettings.read({"STAGE": "local"}).allow_loopback


def test_a_checkout_without_a_stage_is_not_taken_for_a_local_one() -> None:
    assert refusal(CheckoutSettings.read, {}) == "the setting STAGE is missing"


@pytest.mark.parametrize("env", [{}, {"STRIPE_API_BASE": " "}])
def test_without_a_base_stripe_is_the_real_one(env: dict[str, str]) -> None:
    assert StripeSettings.read(env).api_base is None


def test_a_local_stripe_has_a_base_without_a_slash_at_its_end() -> None:
    env = {"STRIPE_API_BASE": "http://127.0.0.1:12111/"}
    assert StripeSettings.read(env).api_base == "http://127.0.0.1:12111"


NO_URLS = [
    SECRET_LOOKING,
    f"ftp://{SECRET_LOOKING}",
    f"http:///{SECRET_LOOKING}",
    f"http://[{SECRET_LOOKING}",
    f"http://a:{SECRET_LOOKING}",
]


@pytest.mark.parametrize("value", NO_URLS)
def test_a_stripe_base_that_is_no_url_is_named(value: str) -> None:
    told = refusal(StripeSettings.read, {"STRIPE_API_BASE": value})
    assert told == "the setting STRIPE_API_BASE must be an http(s) URL"


def test_the_authorizer_needs_the_issuer_only() -> None:
    assert AuthorizerSettings.read({"JWT_ISSUER": "https://issuer.example/"}) == AuthorizerSettings(
        issuer="https://issuer.example/",
        jwks_url="https://issuer.example/.well-known/jwks.json",
        audiences=(),
        authorized_parties=(),
        role_claims=("role", "metadata.role", "public_metadata.role"),
    )


def test_the_authorizer_can_be_told_everything() -> None:
    env = {
        "JWT_ISSUER": "https://issuer.example",
        "JWT_JWKS_URL": "http://127.0.0.1:9000/keys",
        "JWT_AUDIENCE": "api, admin",
        "JWT_AUTHORIZED_PARTIES": "https://app.example",
        "JWT_ROLE_CLAIMS": "https://claims.example/role",
    }
    assert AuthorizerSettings.read(env) == AuthorizerSettings(
        issuer="https://issuer.example",
        jwks_url="http://127.0.0.1:9000/keys",
        audiences=("api", "admin"),
        authorized_parties=("https://app.example",),
        role_claims=("https://claims.example/role",),
    )


def test_an_authorizer_without_an_issuer_says_so() -> None:
    assert refusal(AuthorizerSettings.read, {}) == "the setting JWT_ISSUER is missing"


@pytest.mark.parametrize("value", NO_URLS)
@pytest.mark.parametrize("key", ["JWT_ISSUER", "JWT_JWKS_URL"])
def test_an_issuer_or_key_address_that_is_no_url_is_named(key: str, value: str) -> None:
    env = {"JWT_ISSUER": "https://issuer.example", key: value}
    assert refusal(AuthorizerSettings.read, env) == f"the setting {key} must be an http(s) URL"


@pytest.mark.parametrize("stage", ["local", "dev", "Staging"])
def test_a_stage_that_allows_it_may_be_reset(stage: str) -> None:
    assert AdminSettings.read({"STAGE": stage, "ALLOW_DATABASE_RESET": "TRUE"}).allow_database_reset


@pytest.mark.parametrize("stage", ["prod", "PROD", "production", "prod-eu", " prod ", "", " "])
def test_production_is_never_reset_whatever_it_is_told(stage: str) -> None:
    env = {"STAGE": stage, "ALLOW_DATABASE_RESET": "true"}
    assert not AdminSettings.read(env).allow_database_reset


@pytest.mark.parametrize(
    "env",
    [
        {"ALLOW_DATABASE_RESET": "true"},
        {"STAGE": "dev"},
        {"STAGE": "dev", "ALLOW_DATABASE_RESET": "false"},
    ],
)
def test_a_stage_that_does_not_say_so_is_not_reset(env: dict[str, str]) -> None:
    assert not AdminSettings.read(env).allow_database_reset


@pytest.mark.parametrize("value", [SECRET_LOOKING, "1", "yes", "truee"])
def test_a_flag_is_true_or_false_and_nothing_else(value: str) -> None:
    told = refusal(AdminSettings.read, {"STAGE": "dev", "ALLOW_DATABASE_RESET": value})
    assert told == "the setting ALLOW_DATABASE_RESET must be true or false"


@pytest.mark.parametrize("env", [{}, {"MAIL_FROM": " "}, {"MAIL_REPLY_TO": "help@shop.example"}])
def test_without_a_sender_there_are_no_e_mails(env: dict[str, str]) -> None:
    assert not MailSettings.read(env).enabled


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("tickets@shop.example", Mailbox("", "tickets@shop.example")),
        (" <tickets@shop.example> ", Mailbox("", "tickets@shop.example")),
        ("The Shop <tickets@shop.example>", Mailbox("The Shop", "tickets@shop.example")),
        ('"Doe, Jane" <first.last+tag@a-b.c>', Mailbox("Doe, Jane", "first.last+tag@a-b.c")),
        ("Événements & Co <x@y.example>", Mailbox("Événements & Co", "x@y.example")),
    ],
)
@pytest.mark.parametrize("key", ["MAIL_FROM", "MAIL_REPLY_TO"])
def test_a_mailbox_is_an_address_with_or_without_a_name(
    key: str, text: str, mailbox: Mailbox
) -> None:
    settings = MailSettings.read({"MAIL_FROM": "tickets@shop.example", key: text})

    assert settings.enabled
    assert (settings.sender if key == "MAIL_FROM" else settings.reply_to) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        SECRET_LOOKING,
        f"@{SECRET_LOOKING}.example",
        f"{SECRET_LOOKING}@",
        f"a@b@{SECRET_LOOKING}.example",
        f"a..b@{SECRET_LOOKING}.example",
        f"a@-{SECRET_LOOKING}.example",
        f"a@{SECRET_LOOKING}",
        f"=?utf-8?q?a?=@{SECRET_LOOKING}.example",
        f"{SECRET_LOOKING}{'x' * 64}@a.example",
        f"a@{SECRET_LOOKING}.example, c@d.example",
        f"Shop a@{SECRET_LOOKING}.example",
        f"Shop <a@{SECRET_LOOKING}.example",
        f'"Shop <a@{SECRET_LOOKING}.example>',
        f'Sh"o"p <a@{SECRET_LOOKING}.example>',
        f"é@{SECRET_LOOKING}.example",
        f"a@{SECRET_LOOKING}.exämple",
        f"Shop\r\nBcc: x@{SECRET_LOOKING}.example <a@b.example>",
        f"Shop\x00 <a@{SECRET_LOOKING}.example>",
    ],
)
@pytest.mark.parametrize("key", ["MAIL_FROM", "MAIL_REPLY_TO"])
def test_what_is_no_e_mail_address_is_named(key: str, text: str) -> None:
    told = refusal(MailSettings.read, {key: text})
    # What is shown is taken by a deployment as well, which takes no names.
    assert told == f"the setting {key} must be an e-mail address, such as shop@a.example"
