"""What is kept of every deployment: its zip and its template under keys that are their content's
hashes, and a record of each attempt that says which commit it was of and what became of it.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.clock import to_iso, utc_now
from infra.deploying.aws import Aws
from infra.deploying.commits import Commit
from infra.deploying.errors import DeployingError
from infra.packaging.chalice_package import ARCHIVE, TEMPLATE

STARTED, SUCCEEDED, FAILED = "started", "succeeded", "failed"

_SHORT = 12
_CODE = f"./{ARCHIVE}"
# How many attempts are looked back at: each is read by itself.
_LOOKED_BACK_AT = 100
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True)
class Deployment:
    """An attempt at bringing a stack to a template and a zip in the bucket.

    `id` is the start of the template's hash, `at` the moment when the attempt began.
    """

    id: str
    template_key: str
    archive_key: str
    commit: str
    subject: str
    parameters: Mapping[str, str]
    at: str
    outcome: str = STARTED


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The bucket's part of one stack."""

    aws: Aws
    bucket: str
    stack: str

    def upload(self, package: Path, commit: Commit) -> Deployment:
        """Upload a package, as far as it is not there yet; raises `DeployingError`."""
        archive_key = self._upload_archive(package / ARCHIVE)
        template = _with_code(read_template(package), self.bucket, archive_key)
        body = canonical(template)
        digest = hashlib.sha256(body).hexdigest()
        template_key = f"templates/{digest}.json"
        self._put(template_key, body)
        return Deployment(
            id=digest[:_SHORT],
            template_key=template_key,
            archive_key=archive_key,
            commit=commit.name,
            subject=commit.subject,
            parameters={},
            at=to_iso(utc_now()),
        )

    def template(self, deployment: Deployment) -> Mapping[str, Any]:
        """Return a deployment's template."""
        template: Mapping[str, Any] = json.loads(self._get(deployment.template_key))
        return template

    def template_url(self, deployment: Deployment) -> str:
        """Return where CloudFormation finds the template: by path, as it takes in every region."""
        return f"{self.aws.s3.meta.endpoint_url}/{self.bucket}/{deployment.template_key}"

    def record(self, deployment: Deployment, outcome: str) -> None:
        """Note what became of an attempt; others at the same deployment stay as they were noted."""
        noted = replace(deployment, outcome=outcome)
        key = f"{self._records}{noted.at}-{noted.id}.json"
        self._put(key, json.dumps(asdict(noted)).encode())

    def deployments(self) -> list[Deployment]:
        """Return the last attempts that were recorded, last ones first; none without a bucket."""
        try:
            found = [Deployment(**json.loads(self._get(key))) for key in self._record_keys()]
        except self.aws.s3.exceptions.NoSuchBucket:
            return []
        return sorted(found, key=lambda item: item.at, reverse=True)

    @property
    def _records(self) -> str:
        return f"deployments/{self.stack}/"

    def _record_keys(self) -> list[str]:
        newest = sorted(self._recorded(), key=lambda item: item["LastModified"], reverse=True)
        return [item["Key"] for item in newest[:_LOOKED_BACK_AT]]

    def _recorded(self) -> Iterator[Mapping[str, Any]]:
        pages = self.aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._records, ExpectedBucketOwner=self.aws.account
        )
        for page in pages:
            yield from page.get("Contents", ())

    def _upload_archive(self, archive: Path) -> str:
        digest = _digest(archive)
        key = f"packages/{digest.hex()}.zip"
        if not self._has(key):
            with archive.open("rb") as content:
                # S3 refuses what does not arrive as it was sent.
                self.aws.s3.put_object(
                    **self._at(key),
                    Body=content,
                    ChecksumSHA256=base64.b64encode(digest).decode(),
                )
        return key

    def _has(self, key: str) -> bool:
        try:
            self.aws.s3.head_object(**self._at(key))
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return False
            raise
        return True

    def _put(self, key: str, body: bytes) -> None:
        self.aws.s3.put_object(**self._at(key), Body=body, ContentType="application/json")

    def _get(self, key: str) -> bytes:
        content: bytes = self.aws.s3.get_object(**self._at(key))["Body"].read()
        return content

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": key, "ExpectedBucketOwner": self.aws.account}


def begun(deployment: Deployment) -> Deployment:
    """Return a deployment as an attempt that begins at this moment."""
    return replace(deployment, at=to_iso(utc_now()), outcome=STARTED)


def canonical(template: Mapping[str, Any]) -> bytes:
    """Return a template as bytes that are the same for the same content."""
    return json.dumps(template, sort_keys=True, separators=(",", ":")).encode()


def template_id(template: Mapping[str, Any]) -> str:
    """Return the id of the deployment that a template is of."""
    return hashlib.sha256(canonical(template)).hexdigest()[:_SHORT]


def read_template(package: Path) -> dict[str, Any]:
    """Return a package's template; raises `DeployingError`."""
    path = package / TEMPLATE
    try:
        template: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise DeployingError(f"{path} is not there: `make package` makes it") from None
    return template


def _with_code(template: Mapping[str, Any], bucket: str, key: str) -> Mapping[str, Any]:
    """Let the functions take their code from the bucket instead of from beside the template."""
    resources = {name: dict(resource) for name, resource in template["Resources"].items()}
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if properties.get("CodeUri") == _CODE:
            code = {"Bucket": bucket, "Key": key}
            resource["Properties"] = {**properties, "CodeUri": code}
    return {**template, "Resources": resources}


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest()
    except FileNotFoundError:
        raise DeployingError(f"{path} is not there: `make package` makes it") from None
