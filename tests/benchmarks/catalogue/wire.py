"""DynamoDB's JSON protocol over one kept connection, as fast as Python can: nothing is signed,
checked or tried again, which the stand-ins do not mind and AWS would.
"""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

_VERSION = "DynamoDB_20120810"
# Stand-ins look for a signature's form and its region, not for its truth.
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=testing/20270101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date;x-amz-target, Signature=00"
)
_PATIENCE_SECONDS = 120


class Wire:
    """One connection to a stand-in."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(
            urlsplit(url).netloc, timeout=_PATIENCE_SECONDS
        )

    def call(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer; raises `RuntimeError` where it is an error."""
        return self.send(operation, json.dumps(body, ensure_ascii=False).encode())

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """Send a request that is serialised already."""
        self._connection.request(
            "POST",
            "/",
            body,
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"{_VERSION}.{operation}",
                "X-Amz-Date": "20270101T000000Z",
                "Authorization": _AUTHORIZATION,
            },
        )
        response = self._connection.getresponse()
        text = response.read()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{operation}: {response.status} {text.decode()}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def close(self) -> None:
        """Give the connection up."""
        self._connection.close()
