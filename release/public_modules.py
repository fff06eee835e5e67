"""The modules that users import. Another module may change in any release."""

MODULES = (
    "doorward",
    "doorward.authserver",
    "doorward.client",
    "doorward.config",
    "doorward.downstream",
    "doorward.embedded",
    "doorward.errors",
    "doorward.gateway",
    "doorward.guard",
    "doorward.identity",
    "doorward.integrations.fastapi",
    "doorward.integrations.fastmcp",
    "doorward.integrations.mcp_sdk",
    "doorward.mcp_server",
    "doorward.policy",
    "doorward.serving",
    "doorward.testing",
    "doorward.tokens",
)
