"""The gateway: forwards listed paths to servers that cannot be changed, and nothing else."""

from doorward.gateway.forwarder import Gateway
from doorward.gateway.realm import realm_routes
from doorward.gateway.routes import Route

__all__ = ["Gateway", "Route", "realm_routes"]
