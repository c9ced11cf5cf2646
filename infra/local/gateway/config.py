"""What a developer may choose about the local gateway; what AWS fixes is in `quotas`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from infra.throttling import Throttling


def _ignore(_status: int, _seconds: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Settings of one local gateway. Times are in seconds, sizes in bytes.

    `minimum_compression_size` is `None` to take the definition's. `function_timeouts` overrules
    `integration_timeout` for single functions, named by CloudFormation logical id. `throttling` is
    `None` to answer whatever is asked, however often. `observe` is told the status of each answer
    and how many seconds it took, as CloudWatch would be.
    """

    stage: str = "local"
    region: str = "us-east-1"
    account_id: str = "123456789012"
    api_id: str = "local"
    api_keys: frozenset[str] = field(default=frozenset(), repr=False)
    minimum_compression_size: int | None = None
    integration_timeout: float = 29.0
    function_timeouts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    function_memory_mb: int = 512
    worker_threads: int = 64
    authorizer_cache_entries: int = 1024
    throttling: Throttling | None = None
    observe: Callable[[int, float], None] = field(default=_ignore, repr=False)

    def timeout_of(self, function: str) -> float:
        """Seconds the function may take before the caller gets INTEGRATION_TIMEOUT."""
        return self.function_timeouts.get(function, self.integration_timeout)
