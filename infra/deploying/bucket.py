"""The bucket that packages are kept in: private, encrypted, versioned, over TLS only."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.deploying.aws import Aws
from infra.deploying.errors import DeployingError

_ABSENT = frozenset({"404", "NoSuchBucket"})
_FOREIGN = frozenset({"403", "AccessDenied"})
_BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_LIFECYCLE = {
    "Rules": [
        {
            "ID": "what-was-cut-off-or-replaced",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        }
    ]
}
# S3 takes this region's name as none.
_UNNAMED_REGION = "us-east-1"


def bucket_name(aws: Aws) -> str:
    """Return the name of the account's own bucket in this region."""
    return f"events-api-packages-{aws.account}-{aws.region}"


def ensure_bucket(aws: Aws, chosen: str | None) -> str:
    """Return a bucket that is there and private; make it where it is not.

    One of ours is set up anew each time, so that a first run that was cut off is finished by the
    next; one that was `chosen` and exists is only checked. Raises `DeployingError` where a bucket
    is somebody else's (names of buckets can be guessed, and taken) or could be read by the public.
    """
    name = chosen or bucket_name(aws)
    if not _exists(aws, name):
        _create(aws, name)
        _set_up(aws, name)
        print(f"made the bucket {name}")
    elif chosen:
        _ensure_private(aws, name)
    else:
        _set_up(aws, name)
    return name


def _exists(aws: Aws, name: str) -> bool:
    try:
        aws.s3.head_bucket(Bucket=name, ExpectedBucketOwner=aws.account)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _ABSENT:
            return False
        if code in _FOREIGN:
            raise DeployingError(
                f"the bucket {name} belongs to another account, or these credentials may not see "
                "it: choose one of yours with BUCKET="
            ) from None
        raise
    return True


def _create(aws: Aws, name: str) -> None:
    placed: Mapping[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
    aws.s3.create_bucket(Bucket=name, **({} if aws.region == _UNNAMED_REGION else placed))


def _set_up(aws: Aws, name: str) -> None:
    owned = {"Bucket": name, "ExpectedBucketOwner": aws.account}
    encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    aws.s3.put_public_access_block(**owned, PublicAccessBlockConfiguration=_BLOCKED)
    aws.s3.put_bucket_encryption(**owned, ServerSideEncryptionConfiguration={"Rules": [encrypted]})
    aws.s3.put_bucket_versioning(**owned, VersioningConfiguration={"Status": "Enabled"})
    aws.s3.put_bucket_lifecycle_configuration(**owned, LifecycleConfiguration=_LIFECYCLE)
    aws.s3.put_bucket_policy(**owned, Policy=json.dumps(_over_tls_only(aws.partition, name)))


def _over_tls_only(partition: str, name: str) -> Mapping[str, Any]:
    arn = f"arn:{partition}:s3:::{name}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OverTlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def _ensure_private(aws: Aws, name: str) -> None:
    try:
        answer = aws.s3.get_public_access_block(Bucket=name, ExpectedBucketOwner=aws.account)
        blocked = answer["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        blocked = {}
    if not all(blocked.get(setting) for setting in _BLOCKED):
        raise DeployingError(
            f"the bucket {name} could be opened to the public, and packages are not: block all of "
            "its public access (`aws s3api put-public-access-block`), or leave BUCKET= out"
        )
