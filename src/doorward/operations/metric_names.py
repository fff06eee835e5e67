"""Every metric: its name, its kind, its labels, and what it counts. The page and the tests read it."""

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class MetricName(NamedTuple):
    """One metric, as a scrape and a query name it."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


METRICS = (
    MetricName(
        "doorward_requests_total",
        "counter",
        ("route", "status"),
        "Answered requests, by route and HTTP status.",
    ),
    MetricName(
        "doorward_request_seconds",
        "histogram",
        ("route",),
        "Seconds until the authorization server had answered.",
    ),
    MetricName(
        "doorward_decisions_total",
        "counter",
        ("party", "event", "decision", "reason"),
        "Decisions of guard and gateway, and events of the authorization server, by reason code.",
    ),
    MetricName(
        "doorward_tokens_issued_total",
        "counter",
        ("grant_type",),
        "Access tokens that the authorization server issued, by grant.",
    ),
    MetricName(
        "doorward_upstream_seconds",
        "histogram",
        ("route",),
        "Seconds until an MCP server behind the gateway had answered.",
    ),
    MetricName(
        "doorward_provider_seconds",
        "histogram",
        ("provider",),
        "Seconds of one call to an identity provider.",
    ),
    MetricName(
        "doorward_issuer_keys_seconds",
        "histogram",
        ("source",),
        "Seconds of one fetch of the keys of an issuer that a guard trusts.",
    ),
    MetricName(
        "doorward_store_seconds",
        "histogram",
        ("transaction",),
        "Seconds of one transaction, with the wait for its turn and for a connection.",
    ),
    MetricName(
        "doorward_work_failures_total",
        "counter",
        ("work", "target"),
        "Transactions, provider calls and fetches of keys that failed.",
    ),
    MetricName(
        "doorward_token_cache_hits_total",
        "counter",
        ("route",),
        "Access tokens that a guard found in its cache of verified tokens.",
    ),
    MetricName(
        "doorward_token_cache_entries",
        "gauge",
        ("route",),
        "Verified tokens in the cache of a guard.",
    ),
    MetricName(
        "doorward_refused_tools",
        "gauge",
        ("route",),
        "Tools of an MCP server that no client may see or call.",
    ),
    MetricName(
        "doorward_key_age_seconds",
        "gauge",
        ("key",),
        "The age of the key in use.",
    ),
    MetricName(
        "doorward_store_connections",
        "gauge",
        ("state",),
        "Connections of the pool to the database.",
    ),
    MetricName(
        "doorward_ready",
        "gauge",
        ("check",),
        "1 if the last readiness check passed, else 0.",
    ),
    MetricName(
        "doorward_audit_failures_total",
        "counter",
        (),
        "Audit events that could not be written to the audit file.",
    ),
    MetricName(
        "doorward_build_info",
        "gauge",
        ("version",),
        "1; the label has the version.",
    ),
)
"""The table on the page about operations is made from these."""
