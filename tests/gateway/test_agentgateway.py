"""The configuration for agentgateway forwards what our own gateway forwards."""

from pathlib import Path

import yaml

from doorward.gateway import realm_routes

CONFIG = Path(__file__).parents[2] / "agentgateway" / "config.yaml"


def test_agentgateway_has_the_same_paths_with_the_same_targets() -> None:
    (bind,) = yaml.safe_load(CONFIG.read_text())["binds"]
    (listener,) = bind["listeners"]
    theirs = {
        (match["path"].get("exact") or match["path"]["pathPrefix"] + "/"): (
            route["policies"].get("urlRewrite", {}).get("path", {}).get("full"),
            route["backends"][0]["host"],
        )
        for route in listener["routes"]
        for match in route["matches"]
    }

    ours = {
        one.path: (one.target, "localhost:8080")
        for one in realm_routes(
            public="http://localhost:9090", keycloak="http://localhost:8080", realm="mcp-realm"
        )
        # Below the realm nothing is rewritten: the prefix leads there too.
        if one.target != one.path
    }
    assert bind["port"] == 9090
    assert theirs == ours
