"""``doorward idp``: compare providers, show one, test a live one."""

from doorward.cli.options import examples

EPILOG = examples(
    "doorward idp table",
    "doorward idp show keycloak",
    "doorward idp probe https://login.example/realms/mcp",
)
