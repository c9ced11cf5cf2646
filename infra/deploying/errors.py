"""What ends a command before its time, and what AWS's errors mean to whoever called it."""

import re
from collections.abc import Mapping

from boto3.exceptions import Boto3Error
from botocore import exceptions as aws

# What every call to AWS may raise. A lost connection is a `BotoCoreError`.
AWS_ERRORS = (aws.BotoCoreError, aws.ClientError, Boto3Error)
CONNECTION_ERRORS = (aws.ConnectionError, aws.HTTPClientError)

_CREDENTIALS = (
    "sign in (`aws sso login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY), then run the same command again"
)
_EXPIRED = f"the AWS credentials have expired: {_CREDENTIALS}"
_WRONG = f"AWS does not know these credentials: {_CREDENTIALS}"
_NO_ACCESS = (
    "these credentials may not do it: docs/deploying.md has the policy that a deployment needs"
)
_BY_CODE = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "InvalidClientTokenId": _WRONG,
    "UnrecognizedClientException": _WRONG,
    "InvalidAccessKeyId": _WRONG,
    "SignatureDoesNotMatch": _WRONG,
    "InvalidChangeSetStatus": (
        "the stack was changed by somebody else meanwhile: run the same command again, and look at "
        "its changes anew"
    ),
    "OptInRequired": "this account is not activated for that service or region yet",
    "OperationInProgressException": "the stack is busy: run the same command again in a minute",
}
_BY_KIND: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (aws.NoRegionError,),
        "no AWS region is chosen: set AWS_REGION, such as AWS_REGION=eu-central-1",
    ),
    (
        (aws.NoCredentialsError, aws.PartialCredentialsError),
        f"there are no AWS credentials: {_CREDENTIALS}",
    ),
    ((aws.ProfileNotFound,), "{said}: AWS_PROFILE has to name a profile of ~/.aws/config"),
    (
        CONNECTION_ERRORS,
        (
            "AWS cannot be reached ({said}): what has begun there goes on by itself; run the same "
            "command again when the network is back"
        ),
    ),
    ((aws.UnauthorizedSSOTokenError, aws.SSOError, aws.TokenRetrievalError), _EXPIRED),
)
_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
_DENIED = re.compile(
    r"not authorized to perform: (?P<action>[\w:*-]+)(.* on resource: (?P<on>\S+))?"
)
_BUSY = re.compile(r"is in \w+_IN_PROGRESS state")


class DeployingError(Exception):
    """The command cannot be done; the text says why and, where that is known, what to do."""


class NotConfirmed(DeployingError):
    """Nobody said yes, so nothing was done."""


class OperationFailed(DeployingError):
    """CloudFormation did not bring the stack to where it should be."""


def explained(error: Exception) -> str:
    """Return one sentence about an error of AWS or of the way there, and what to do."""
    if isinstance(error, aws.ClientError):
        return _refusal(error)
    for kinds, text in _BY_KIND:
        if isinstance(error, kinds):
            return text.format(said=_first_line(error))
    return f"AWS: {_first_line(error)}"


def is_missing_stack(error: aws.ClientError) -> bool:
    """Tell whether CloudFormation says that there is no such stack."""
    code, message = _said(error)
    return code == "ValidationError" and "does not exist" in message


def _refusal(error: aws.ClientError) -> str:
    code, message = _said(error)
    if code in _DENIED_CODES:
        denied = _DENIED.search(message)
        what = denied["action"] if denied else error.operation_name
        where = f" on {denied['on']}" if denied and denied["on"] else ""
        return f"no permission for {what}{where}: {_NO_ACCESS}"
    if code in _BY_CODE:
        return _BY_CODE[code]
    if _BUSY.search(message):
        return f"{_BY_CODE['OperationInProgressException']} ({message})"
    return f"AWS refused {error.operation_name} ({code}): {message}"


def _said(error: aws.ClientError) -> tuple[str, str]:
    said: Mapping[str, str] = error.response.get("Error", {})
    return said.get("Code", "unknown"), " ".join(said.get("Message", "").split())


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
