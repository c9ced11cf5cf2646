"""How much may be asked of the API, read from `throttling.json`: the stack is deployed with these
numbers, and the local gateway enforces them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "throttling.json"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: `rate` requests a second are put in, and it holds `burst` of them.

    Source: API Gateway's page "Throttle requests to your REST APIs for better throughput".
    """

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class ClientLimit:
    """How many `requests` an IP address has in any `seconds`; paths of `exempt` do not count.

    Source: AWS WAF's page "Using rate-based rule statements".
    """

    requests: int
    seconds: int
    exempt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Throttling:
    """Every limit: of the stage for all callers together, of single methods (by verb and path, as
    `POST /api/payments/checkout`), of one IP address, and of one API key.
    """

    stage: Bucket
    methods: dict[str, Bucket]
    client: ClientLimit
    key: Bucket
    key_quota_per_day: int


def read_throttling(file: Path = _FILE) -> Throttling:
    """Read the limits."""
    written: dict[str, Any] = json.loads(file.read_text())
    client, keys = written["client"], written["keys"]
    return Throttling(
        stage=Bucket(**written["stage"]),
        methods={method: Bucket(**bucket) for method, bucket in written["methods"].items()},
        client=ClientLimit(client["requests"], client["seconds"], tuple(client["except"])),
        key=Bucket(keys["rate"], keys["burst"]),
        key_quota_per_day=keys["quotaPerDay"],
    )
