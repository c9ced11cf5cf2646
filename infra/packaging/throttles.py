"""How much may be asked of the one stage, as `infra/throttling.json` has it: of all callers
together, and of one API key. What one address may ask is the firewall's.
"""

from infra.packaging.choices import HAS_METHOD_METRICS
from infra.packaging.documents import Document
from infra.packaging.names import REST_API, STAGE_NAME
from infra.throttling import Bucket, Throttling

KEY = "MachineKey"
_PLAN = "MachinePlan"


def method_settings(throttling: Throttling) -> list[Document]:
    """Return the stage's settings: those of every method, and of methods with a limit of their own.

    What a method's own setting leaves out is not taken from those of every method.
    """
    return [
        _setting("*", "/*", throttling.stage),
        *(_setting(*_method(name), bucket) for name, bucket in throttling.methods.items()),
    ]


def machine_access(throttling: Throttling) -> Document:
    """Return the plan of callers with an API key, and one key, whose value API Gateway makes up."""
    return {
        _PLAN: {
            "Type": "AWS::ApiGateway::UsagePlan",
            "Properties": {
                "Description": "Machines: monitoring and export",
                "ApiStages": [{"ApiId": {"Ref": REST_API}, "Stage": STAGE_NAME}],
                "Throttle": {
                    "RateLimit": throttling.key.rate,
                    "BurstLimit": throttling.key.burst,
                },
                "Quota": {"Limit": throttling.key_quota_per_day, "Period": "DAY"},
            },
        },
        KEY: {
            "Type": "AWS::ApiGateway::ApiKey",
            "Properties": {"Description": "For machines", "Enabled": True},
        },
        f"{KEY}InPlan": {
            "Type": "AWS::ApiGateway::UsagePlanKey",
            "Properties": {
                "KeyId": {"Ref": KEY},
                "KeyType": "API_KEY",
                "UsagePlanId": {"Ref": _PLAN},
            },
        },
    }


def _setting(verb: str, path: str, bucket: Bucket) -> Document:
    return {
        "HttpMethod": verb,
        "ResourcePath": path,
        "ThrottlingRateLimit": bucket.rate,
        "ThrottlingBurstLimit": bucket.burst,
        "MetricsEnabled": {"Fn::If": [HAS_METHOD_METRICS, True, False]},
        # Both would write paths with ticket codes, tokens and bodies to a log.
        "DataTraceEnabled": False,
        "LoggingLevel": "OFF",
    }


def _method(name: str) -> tuple[str, str]:
    """Return verb and path out of `POST /api/x`, slashes as a stage's settings write them."""
    verb, _, path = name.partition(" ")
    return verb, "/" + path.replace("/", "~1")
