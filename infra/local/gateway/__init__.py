"""API Gateway (REST, Lambda proxy) on a laptop: it runs the Swagger document that is deployed.

Here are only the names other modules use. Of WAF, the rule on how often an address may ask is
reproduced; its groups of managed rules are AWS's and are not.
"""

from infra.local.gateway.app import create_gateway
from infra.local.gateway.config import GatewayConfig
from infra.local.gateway.definition import DefinitionError
from infra.local.gateway.functions import LambdaContext, LambdaHandler
from infra.local.gateway.server import PortInUse, running, serve

__all__ = [
    "DefinitionError",
    "GatewayConfig",
    "LambdaContext",
    "LambdaHandler",
    "PortInUse",
    "create_gateway",
    "running",
    "serve",
]
