"""API Gateway's mapping expressions (`context.requestId`, `'static'`) and simple templates.

A template may hold variables such as `$context.error.messageString`; it is not VTL, which gateway
responses do not have.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.local.gateway.incoming import IncomingRequest

_VARIABLE: Final = re.compile(
    r"\$(context(?:\.[A-Za-z_]\w*)+|method\.request\.(?:header|querystring|path)\.[\w-]+)"
)


@dataclass(frozen=True, slots=True)
class Variables:
    """What expressions can refer to: the request, its context and its path parameters."""

    request: IncomingRequest
    context: Mapping[str, Any]
    path_parameters: Mapping[str, str]

    def value_of(self, expression: str) -> str | None:
        """Return what a mapping expression stands for, or None where there is nothing to map."""
        if expression.startswith("'") and expression.endswith("'"):
            return expression[1:-1]
        source, _, name = expression.rpartition(".")
        match source:
            case "method.request.header":
                return self.request.header(name)
            case "method.request.multivalueheader":
                return ",".join(self.request.header_values(name)) or None
            case "method.request.querystring":
                return dict(self.request.query()).get(name)
            case "method.request.path":
                return self.path_parameters.get(name)
        root, _, path = expression.partition(".")
        return self._context_value(path) if root == "context" else None

    def render(self, template: str) -> str:
        """Fill in the template's variables; what stands for nothing becomes empty."""
        return _VARIABLE.sub(lambda found: self.value_of(found[1]) or "", template)

    def _context_value(self, path: str) -> str | None:
        value: Any = self.context
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return None if value is None else str(value)
