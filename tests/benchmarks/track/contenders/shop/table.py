"""The table, through one resource that is made once."""

import os

import boto3
from botocore.config import Config

table = boto3.resource(
    "dynamodb",
    config=Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
        tcp_keepalive=True,
    ),
).Table(os.environ["TABLE"])
