"""The packaged template, as Chalice writes it and as CloudFormation sees it."""

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK_PATH
from chalicelib.settings import (
    AdminSettings,
    AuthorizerSettings,
    CheckoutSettings,
    HttpSettings,
    MetricsSettings,
    StoreSettings,
    StripeSettings,
)
from infra.deploying.errors import DeployingError
from infra.deploying.parameters import choose
from infra.packaging import api_definition
from infra.packaging.parameters import parameters
from infra.tables import TABLE_SETTINGS, declared_tables
from tests.infra.conftest import CHOSEN
from tests.infra.sam import resources

HANDLERS = {
    "APIHandler": "app.app",
    "JwtAuthorizer": "chalicelib.functions.authorizer.jwt_authorizer",
    "StripeWebhook": "chalicelib.functions.stripe_webhook.stripe_webhook",
    "Reconcile": "chalicelib.functions.reconcile.reconcile",
}
# Nobody waits for these.
TABLE_NAMES = StoreSettings("events", "cities", "index", "orders", "audit")
WITHOUT_A_CALLER = {"Reconcile"}
# Everything else asks for a token. Preflights never have one.
PUBLIC = {
    ("get", "/"),
    ("get", "/api/events"),
    ("get", "/api/events/{slug}"),
    ("get", "/api/events/{slug}/calendar.ics"),
    ("get", "/api/cities"),
    ("get", "/api/cities/{slug}"),
    ("post", "/api/payments/checkout"),
    ("post", "/api/payments/create-checkout-session"),
    ("get", "/api/payments/verify/{session_id}"),
    ("get", "/api/payments/verify-session/{session_id}"),
    # Open to a guest with a checkout session's id; else the views ask for the token themselves.
    ("get", "/api/orders/{id}"),
    ("get", "/api/orders/{id}/tickets"),
    ("get", "/api/docs"),
    ("get", "/api/docs/{asset}"),
    ("get", "/api/openapi.json"),
    ("get", "/health"),
    ("get", "/health/json"),
    ("get", "/ready"),
    ("post", WEBHOOK_PATH),
}
# These ask for a key of the usage plan.
FOR_MACHINES = {("get", "/metrics")}
# What only the deployment knows: by their logical ids, as CloudFormation would fill them in.
FILLED_IN = {
    "EventsTable": "events",
    "CitiesTable": "cities",
    "IndexTable": "index",
    "OrdersTable": "orders",
    "AuditTable": "audit",
}
STACK_NAME = {"AWS::StackName": "shop"}


def api(stack: dict[str, Any]) -> dict[str, Any]:
    (found,) = resources(stack, "AWS::ApiGateway::RestApi").values()
    return found


def methods(stack: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (verb, path): method
        for path, verbs in api(stack)["Body"]["paths"].items()
        for verb, method in verbs.items()
    }


def called_function(uri: dict[str, Any]) -> str:
    """The function whose alias a URI of the deployed document calls."""
    text, names = uri["Fn::Sub"]
    assert text.endswith("/functions/${Alias}/invocations"), uri
    called: str = names["Alias"]["Ref"]
    return called.removesuffix("Aliaslive")


def function_in(uri: dict[str, str]) -> str:
    """The function that a URI of the local document calls."""
    found = re.search(r"/functions/\$\{(\w+)\.Arn\}/invocations$", uri["Fn::Sub"])
    assert found is not None, uri
    return found[1]


def by_function(node: Any, named: Callable[[Any], str]) -> Any:
    """A document with the function's name in place of each URI that calls one."""
    if isinstance(node, list):
        return [by_function(item, named) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: named(item) if key in {"uri", "authorizerUri"} else by_function(item, named)
        for key, item in node.items()
    }


def environment(stack: dict[str, Any], function: str) -> dict[str, str]:
    """A function's settings with every parameter at its default."""
    chosen = {
        name: CHOSEN.get(name, declared.get("Default"))
        for name, declared in stack["Parameters"].items()
    }
    filled = {**chosen, **FILLED_IN, **STACK_NAME}
    variables = resources(stack, "AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return {
        name: filled[value["Ref"]] if isinstance(value, dict) else value
        for name, value in variables.items()
    }


def test_there_is_one_public_stage(stack: dict[str, Any], stage: str) -> None:
    (found,) = resources(stack, "AWS::ApiGateway::Stage").values()
    assert found["StageName"] == stage
    assert found["TracingEnabled"] is True
    assert len(resources(stack, "AWS::ApiGateway::Deployment")) == 1


def test_the_api_is_regional_and_compresses(stack: dict[str, Any]) -> None:
    assert api(stack)["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert api(stack)["MinimumCompressionSize"] == 1000


def test_every_deployment_publishes_the_api_anew(sam: dict[str, Any]) -> None:
    # Its document has a parameter in it, and SAM compares documents before they are filled in.
    assert "AnyOrigin" in json.dumps(sam["Resources"]["RestAPI"]["Properties"]["DefinitionBody"])
    assert sam["Resources"]["RestAPI"]["Properties"]["AlwaysDeploy"] is True


def test_every_function_has_its_handler(stack: dict[str, Any]) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    assert {name: item["Handler"] for name, item in functions.items()} == HANDLERS


@pytest.mark.parametrize("handler", HANDLERS.values())
def test_a_handler_can_be_called(handler: str) -> None:
    module, _, name = handler.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_functions_have_time_and_memory_and_are_traced(stack: dict[str, Any]) -> None:
    for name, function in resources(stack, "AWS::Lambda::Function").items():
        # API Gateway gives up after 29 seconds; a function that ends before leaves a log line.
        # A run of the timer is over before the next one begins.
        assert function["Timeout"] < (300 if name in WITHOUT_A_CALLER else 29)
        assert function["MemorySize"] >= 512
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Architectures"] == ["arm64"]


def test_the_webhooks_path_leads_to_its_function_alone(stack: dict[str, Any]) -> None:
    integration = methods(stack)["post", WEBHOOK_PATH]["x-amazon-apigateway-integration"]
    assert called_function(integration["uri"]) == "StripeWebhook"
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    others = (method for key, method in methods(stack).items() if key != ("post", WEBHOOK_PATH))
    for method in others:
        assert called_function(method["x-amazon-apigateway-integration"]["uri"]) == "APIHandler"


def test_api_gateway_may_call_the_webhook_for_that_path_only(stack: dict[str, Any]) -> None:
    (permission,) = (
        item
        for item in resources(stack, "AWS::Lambda::Permission").values()
        if "StripeWebhook" in json.dumps(item["FunctionName"])
    )
    assert permission["Action"] == "lambda:InvokeFunction"
    assert permission["Principal"] == "apigateway.amazonaws.com"
    source = permission["SourceArn"]["Fn::Sub"]
    assert source.endswith(f":${{RestAPI}}/*/POST{WEBHOOK_PATH}")


def test_the_authorizer_may_be_called_as_one_only(stack: dict[str, Any]) -> None:
    permission = resources(stack, "AWS::Lambda::Permission")["JwtAuthorizerInvokePermission"]
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${RestAPI}/authorizers/*")


def test_every_route_that_is_not_public_asks_for_a_token(stack: dict[str, Any]) -> None:
    open_routes = {key for key, method in methods(stack).items() if not method.get("security")}
    assert {key for key in open_routes if key[0] != "options"} == PUBLIC
    for key, method in methods(stack).items():
        schemes = {name for each in method.get("security", ()) for name in each}
        guards = {"api_key"} if key in FOR_MACHINES else {"jwt_authorizer"}
        assert not schemes or schemes - {"api_key"} == guards - {"api_key"}


def test_a_file_of_all_events_is_given_out_for_an_api_key_only(stack: dict[str, Any]) -> None:
    method = methods(stack)["get", "/api/admin/events/export"]
    assert method["security"] == [{"api_key": []}, {"jwt_authorizer": []}]
    scheme = api(stack)["Body"]["securityDefinitions"]["api_key"]
    assert scheme == {"type": "apiKey", "name": "x-api-key", "in": "header"}


def test_the_authorizer_reads_bearer_tokens_and_is_asked_again_after_minutes(
    stack: dict[str, Any],
) -> None:
    schemes = api(stack)["Body"]["securityDefinitions"]
    assert schemes.keys() == {"jwt_authorizer", "api_key"}
    scheme = schemes["jwt_authorizer"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert scheme["name"] == "Authorization"
    assert authorizer["type"] == "token"
    assert called_function(authorizer["authorizerUri"]) == "JwtAuthorizer"
    assert authorizer["authorizerResultTtlInSeconds"] == 300


def test_bodies_reach_the_functions_as_they_were_sent(stack: dict[str, Any]) -> None:
    assert api(stack)["Body"]["x-amazon-apigateway-binary-media-types"] == []
    assert "BinaryMediaTypes" not in api(stack)


def test_the_deployed_document_is_the_one_that_the_local_gateway_runs(
    stack: dict[str, Any], stage: str
) -> None:
    local = api_definition(stage)
    deployed = api(stack)["Body"]
    assert local["x-amazon-apigateway-minimum-compression-size"] == 1000
    for part in ("securityDefinitions", "paths"):
        assert by_function(local[part], function_in) == by_function(deployed[part], called_function)
    responses = "x-amazon-apigateway-gateway-responses"
    assert local[responses].keys() == deployed[responses].keys()


def test_every_function_writes_to_a_log_that_ends(stack: dict[str, Any], stage: str) -> None:
    groups = resources(stack, "AWS::Logs::LogGroup")
    functions = resources(stack, "AWS::Lambda::Function")
    written = {name: item["LoggingConfig"]["LogGroup"]["Ref"] for name, item in functions.items()}
    assert set(written.values()) == set(groups) - {"AccessLog"}
    for function, group in written.items():
        # A name that referred to the function would make a circle: function, role, log group.
        name = {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{function}"}
        assert groups[group]["LogGroupName"] == name
        assert groups[group]["RetentionInDays"] == {"dev": 14, "prod": 90}[stage]


def test_the_authorizers_plain_lines_become_json(stack: dict[str, Any]) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    formats = {name: item["LoggingConfig"].get("LogFormat") for name, item in functions.items()}
    plain = {name for name, log_format in formats.items() if log_format == "JSON"}
    assert (plain, set(formats)) == ({"JwtAuthorizer"}, set(HANDLERS))


def test_the_timer_runs_every_few_minutes(stack: dict[str, Any]) -> None:
    (rule,) = resources(stack, "AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    permission = resources(stack, "AWS::Lambda::Permission")["ReconcileReconcileEventPermission"]
    assert permission["Principal"] == "events.amazonaws.com"


def test_the_api_finds_all_its_settings(stack: dict[str, Any], stage: str) -> None:
    found = environment(stack, "APIHandler")
    assert StoreSettings.read(found) == TABLE_NAMES
    assert HttpSettings.read(found) == HttpSettings(("*",))
    assert CheckoutSettings.read(found) == CheckoutSettings((), allow_loopback=False)
    assert StripeSettings.read(found).api_base is None
    assert AdminSettings.read(found).allow_database_reset is (stage == "dev")
    parameter = f"/events-api/{stage}/stripe-secret-key"
    assert found["STRIPE_SECRET_KEY_PARAMETER"] == parameter
    assert MetricsSettings.read(found) == MetricsSettings("shop", stage)


def test_what_spreads_stock_can_be_told_not_to(stack: dict[str, Any]) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    told = {
        name
        for name, function in functions.items()
        if "SPREAD_STOCK" in function["Environment"]["Variables"]
    }
    assert StoreSettings.read(environment(stack, "APIHandler")).spread_stock
    assert told == {"APIHandler"}


WHAT_ENDING_ORDERS_TAKES = {
    "LOG_LEVEL",
    "STAGE",
    "STRIPE_SECRET_KEY_PARAMETER",
    "STRIPE_API_BASE",
    "MAIL_FROM",
    "MAIL_REPLY_TO",
}


def test_cloudwatch_counts_this_stacks_api_under_the_name_that_the_api_looks_for(
    stack: dict[str, Any], stage: str
) -> None:
    """Two stacks of one account are told apart. That the API's id or its name is referred to would
    make a circle: the API's document refers to the function.
    """
    variables = resources(stack, "AWS::Lambda::Function")["APIHandler"]["Environment"]["Variables"]
    name = {"Ref": "AWS::StackName"}
    assert variables["API_NAME"] == name
    assert api(stack)["Name"] == name
    assert api(stack)["Body"]["info"]["title"] == name
    (deployed,) = resources(stack, "AWS::ApiGateway::Stage").values()
    assert deployed["StageName"] == variables["STAGE"] == stage


def test_the_webhook_finds_its_settings_and_no_others(stack: dict[str, Any], stage: str) -> None:
    found = environment(stack, "StripeWebhook")
    assert StoreSettings.read(found) == TABLE_NAMES
    assert found["STRIPE_WEBHOOK_SECRET_PARAMETER"] == f"/events-api/{stage}/stripe-webhook-secret"
    tables = set(TABLE_SETTINGS.values())
    assert set(found) == {
        "CORS_ORIGINS",
        "STRIPE_WEBHOOK_SECRET_PARAMETER",
        *WHAT_ENDING_ORDERS_TAKES,
        *tables,
    }


def test_the_timer_finds_its_settings_and_no_others(stack: dict[str, Any]) -> None:
    found = environment(stack, "Reconcile")
    assert StoreSettings.read(found) == TABLE_NAMES
    assert set(found) == {*WHAT_ENDING_ORDERS_TAKES, *TABLE_SETTINGS.values()}


def test_the_authorizer_finds_its_settings_and_no_others(stack: dict[str, Any]) -> None:
    found = environment(stack, "JwtAuthorizer")
    settings = AuthorizerSettings.read(found)
    assert settings.issuer == "https://issuer.example"
    assert settings.jwks_url == "https://issuer.example/.well-known/jwks.json"
    assert settings.role_claims == ("role", "metadata.role", "public_metadata.role")
    assert all(name.startswith("JWT_") for name in found)


TOO_GREAT_A_PORT = ":99999"
NO_URLS = ["https://", "https:///a", "https://a.example:0", f"https://a.example{TOO_GREAT_A_PORT}"]
NO_ORIGINS = [
    "a.example",
    "https://a.example/",
    "https://a.example/thanks",
    "https://a.example?x",
    "https://a.example#x",
    "https://user@a.example",
    "https://a.example,https://b.example?x",
    "https://[a.example]",
    *NO_URLS,
]
ADDRESSES = ["tickets@shop.example", "tickets+a.b@mail.shop-1.example"]
NO_ADDRESSES = [
    "tickets",
    "tickets@shop",
    "tickets@shop..example",
    "tickets@shop.example.",
    "tickets@-shop.example",
    ".tickets@shop.example",
    "tickets@shop.example,help@shop.example",
    "tickéts@shop.example",
    # The functions' policies compare the sender with the address alone.
    "Shop <tickets@shop.example>",
]


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        (
            "JwtIssuer",
            ["https://a.example/", "https://127.0.0.1:8090", "https://[::1]:8090/a?b=c"],
            ["", "a.example", *NO_URLS],
        ),
        ("JwtJwksUrl", ["", "https://a.example/keys"], ["a.example", *NO_URLS]),
        (
            "CorsOrigins",
            ["*", "https://a.example", "https://a.example, http://localhost:3000"],
            # API Gateway says the only origin as it is given, and browsers write small letters.
            ["", "https://A.example", "*,https://a.example", *NO_ORIGINS],
        ),
        (
            "CheckoutAllowedOrigins",
            ["", "https://a.example,https://b.example", "http://localhost:3000,http://[::1]:3000"],
            ["*", "https://*", *NO_ORIGINS],
        ),
        ("MailFrom", ["", *ADDRESSES], [*NO_ADDRESSES]),
        ("MailReplyTo", ["", *ADDRESSES], [*NO_ADDRESSES]),
        ("StripeSecretKeyParameter", ["/a/b-c_1"], ["", "a", "sk_test_123", "/a/"]),
        ("StripeApiBase", ["", "https://127.0.0.1:12111"], ["stripe", *NO_URLS]),
        ("JwtRoleClaims", ["role", "a.role,b.role"], ["", " "]),
        ("SpreadStock", ["on", "off"], ["", "true", "On"]),
    ],
)
def test_a_parameter_refuses_at_deployment_what_a_function_would_at_its_start(
    stack: dict[str, Any], parameter: str, taken: list[str], refused: list[str]
) -> None:
    pattern = re.compile(stack["Parameters"][parameter]["AllowedPattern"])
    assert all(pattern.fullmatch(value) for value in taken)
    # A pattern that knew the greatest port would be hard to read: `make deploy` knows it.
    by_pattern = [value for value in refused if not value.endswith(TOO_GREAT_A_PORT)]
    assert [value for value in by_pattern if pattern.fullmatch(value)] == []
    sound = {"JwtIssuer": "https://a.example"}
    for value in taken:
        assert choose(stack["Parameters"], {**sound, parameter: value}, {}, "here")
    for value in refused:
        with pytest.raises(DeployingError, match=f"\n{parameter}: "):
            choose(stack["Parameters"], {**sound, parameter: value}, {}, "here")


@pytest.mark.parametrize("parameter", ["JwtIssuer", "JwtJwksUrl", "StripeApiBase"])
def test_only_production_calls_nobody_in_clear(
    stack: dict[str, Any], stage: str, parameter: str
) -> None:
    given = {"JwtIssuer": "https://a.example", parameter: "http://127.0.0.1:8090"}
    if stage == "prod":
        with pytest.raises(DeployingError, match=f"\n{parameter}: 'http://127.0.0.1:8090' does no"):
            choose(stack["Parameters"], given, {}, "here")
    else:
        assert choose(stack["Parameters"], given, {}, "here")


def test_what_functions_read_of_the_stack_is_read_at_deployment_too(stage: str) -> None:
    unread = {item.name for item in parameters(stage) if item.read is None}
    assert unread == {"StripeSecretKeyParameter", "StripeWebhookSecretParameter"}


@pytest.mark.parametrize("value", ["https://a.example?x", "https://a.example:99999"])
def test_a_deployment_with_an_older_template_says_what_functions_would_refuse(value: str) -> None:
    loose = {"CorsOrigins": {"Type": "String", "AllowedPattern": "^.*$"}}
    with pytest.raises(DeployingError) as refusal:
        choose(loose, {"CorsOrigins": value}, {}, "here")
    assert (
        f"CorsOrigins: with '{value}' functions would fail: the setting CORS_ORIGINS must"
        in str(refusal.value)
    )


def test_what_a_stack_keeps_does_not_hold_up_who_goes_back() -> None:
    loose = {"CorsOrigins": {"Type": "String", "AllowedPattern": "^.*$"}}
    (kept,) = choose(loose, {}, {"CorsOrigins": "https://a.example?x"}, "here")
    assert kept.is_kept


def test_only_the_issuer_and_the_release_have_no_default(stack: dict[str, Any]) -> None:
    declared = stack["Parameters"]
    undecided = {name for name, item in declared.items() if "Default" not in item}
    assert undecided == {"JwtIssuer", "Release"}
    for name, item in declared.items():
        if "AllowedValues" in item:
            assert item["Default"] in item["AllowedValues"], name
        elif "Default" in item:
            assert re.fullmatch(item["AllowedPattern"], item["Default"]), name


def test_no_secret_is_in_the_template(built: Path) -> None:
    text = (built / "sam.json").read_text()
    assert (
        re.search(r"(sk|rk|whsec|pk)_[A-Za-z0-9]|AKIA[A-Z0-9]{12}|BEGIN [A-Z ]*KEY", text) is None
    )
    assert '"STRIPE_SECRET_KEY"' not in text
    assert '"STRIPE_WEBHOOK_SECRET"' not in text


def test_tables_outlive_the_stack_and_in_production_any_slip(
    stack: dict[str, Any], stage: str
) -> None:
    for name, properties in resources(stack, "AWS::DynamoDB::Table").items():
        protected = {"DeletionProtectionEnabled": True} if stage == "prod" else {}
        assert properties == {**declared_tables()[name], **protected}
        assert stack["Resources"][name]["DeletionPolicy"] == "Retain"
        assert stack["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def test_outputs_name_every_table(stack: dict[str, Any]) -> None:
    outputs = stack["Outputs"]
    assert {outputs[f"{table}Name"]["Value"]["Ref"] for table in FILLED_IN} == set(FILLED_IN)


def test_the_template_is_json_without_anchors(built: Path) -> None:
    assert json.loads((built / "sam.json").read_text())["Transform"] == "AWS::Serverless-2016-10-31"
