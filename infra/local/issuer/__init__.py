"""A JWT issuer for the local run: signs nothing by HTTP, publishes the keys that check tokens.

Here are only the names other modules use; tokens are made by `infra.local.issuer.token`.
"""

from infra.local.issuer.app import IssuerConfig, create_app
from infra.local.issuer.claims import TokenRequest, make_token
from infra.local.issuer.keys import Algorithm, KeyRing

__all__ = ["Algorithm", "IssuerConfig", "KeyRing", "TokenRequest", "create_app", "make_token"]
