"""The account and region that the environment chooses, for every command that works on AWS."""

import os

import boto3
from botocore.exceptions import NoCredentialsError, NoRegionError


def open_session() -> boto3.Session:
    """Return the session that all clients of a command are made with.

    Raises botocore's errors: `NoRegionError` where nothing names a region, `NoCredentialsError`
    where nobody is signed in, before anybody is asked for anything.
    """
    # boto3 does not read AWS_REGION by itself, which the AWS CLI does, and first.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    if not session.region_name:
        raise NoRegionError
    if session.get_credentials() is None:
        raise NoCredentialsError
    return session


def stay_in_region(region: str) -> None:
    """Have libraries that make clients of their own, as PynamoDB does, go to this region too."""
    os.environ["AWS_DEFAULT_REGION"] = region
