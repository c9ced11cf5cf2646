"""The account and region that a command works in, and its clients."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.config import Config

from infra.operating.aws_session import open_session

# Retries are botocore's own: with five attempts a command outlives a short outage and throttling.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=60
)


@dataclass(frozen=True)
class Aws:
    """An AWS account in one region, by the credentials of the environment."""

    session: Any

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has no types
        """Return a new client of a service."""
        return self.session.client(service, config=_CONFIG)

    @cached_property
    def cloudformation(self) -> Any:  # noqa: ANN401
        """The client of CloudFormation."""
        return self.client("cloudformation")

    @cached_property
    def s3(self) -> Any:  # noqa: ANN401
        """The client of S3."""
        return self.client("s3")

    @cached_property
    def account(self) -> str:
        """The account's number."""
        account: str = self.client("sts").get_caller_identity()["Account"]
        return account

    @property
    def region(self) -> str:
        """The region's name."""
        region: str = self.session.region_name
        return region

    @property
    def partition(self) -> str:
        """The partition that the region is in, such as `aws`."""
        partition: str = self.session.get_partition_for_region(self.region)
        return partition


def open_aws() -> Aws:
    """Return the account and region that the environment chooses; raises botocore's errors."""
    return Aws(open_session())
