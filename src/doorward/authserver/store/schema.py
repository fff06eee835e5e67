"""The tables. Secrets that could be replayed are stored as SHA-256 hashes or encrypted."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("username", String(200), nullable=False, unique=True),
    # NULL: this user has no password, and signs in some other way.
    Column("password_hash", Text),
    Column("display_name", Text),
    # Verified, by an identity provider or by the operator.
    Column("email", Text),
    Column("scopes", JSON, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
)

clients = Table(
    "clients",
    metadata,
    Column("client_id", String(200), primary_key=True),
    Column("origin", String(16), nullable=False),
    Column("document", JSON, nullable=False),
    # Of the metadata of a registration: equal metadata is one row.
    Column("digest", LargeBinary(32)),
    # NULL for a registration: the secrets of its clients are derived from their IDs.
    Column("secret_hash", LargeBinary(32)),
    Column("introspects", Text),
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),
    # Using a client extends its registration.
    Column("expires_at", Float),
    Index("clients_expiry", "expires_at"),
    Index("clients_digest", "digest", unique=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    # The session at an identity provider in which the user signed in.
    Column("provider_session_id", String(64)),
    Index("sessions_expiry", "expires_at"),
)

known_browsers = Table(
    "known_browsers",
    metadata,
    # One secret for each browser, and a row for each user who has signed in there.
    Column("id_hash", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("signed_in_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("known_browsers_expiry", "expires_at"),
    Index("known_browsers_user", "user_id"),
)

transactions = Table(
    "transactions",
    metadata,
    Column("handle_hash", LargeBinary(32), primary_key=True),
    # The hash of the cookie of the browser that began; no other browser may finish.
    Column("browser_hash", LargeBinary(32), nullable=False),
    Column("request", JSON, nullable=False),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("finished_at", Float),
    # What was agreed to before the redirect to an identity provider: scopes and client_digest.
    Column("consent", JSON(none_as_null=True)),
    Index("transactions_expiry", "expires_at"),
)

provider_accounts = Table(
    "provider_accounts",
    metadata,
    # Of issuer and subject: nothing else identifies an account, and no e-mail address does.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),
    Column("signed_in_at", Float, nullable=False),
    Index("provider_accounts_user", "user_id"),
)

provider_logins = Table(
    "provider_logins",
    metadata,
    Column("state_hash", LargeBinary(32), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("browser_hash", LargeBinary(32), nullable=False),
    # Transaction, nonce and verifier, encrypted under a key derived from the state.
    Column("sealed_leg", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("claimed_at", Float),
    Index("provider_logins_expiry", "expires_at"),
)

provider_sessions = Table(
    "provider_sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("provider", String(64), nullable=False),
    # With issuer and client id: tokens are void when the settings name another one.
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # The provider's own id of the session, for back-channel logout.
    Column("sid", Text),
    # How the user was authenticated there: settings can require more later.
    Column("acr", Text),
    Column("amr", JSON(none_as_null=True)),
    # When, if the provider said so.
    Column("auth_time", Float),
    Column("sealed_tokens", LargeBinary, nullable=False),
    Column("sealing_key_id", String(64), nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    # When the provider last said that the account is good, and when it must be asked again.
    Column("checked_at", Float, nullable=False),
    Column("check_due_at", Float, nullable=False),
    # One process at a time refreshes at the provider; its claim ends by itself if it dies.
    Column("refreshing_until", Float),
    Column("expires_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ended_for", String(64)),
    Index("provider_sessions_user", "user_id"),
    Index("provider_sessions_sealing_key", "sealing_key_id"),
    Index("provider_sessions_subject", "subject"),
    Index("provider_sessions_sid", "sid"),
    Index("provider_sessions_expiry", "expires_at"),
)

provider_connections = Table(
    "provider_connections",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # The server whose tools may use the account: another server asks the user again.
    Column("resource", String(2048), nullable=False),
    Column("provider", String(64), nullable=False),
    # With issuer and client id: tokens are void when the settings name another one.
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # What people call the account; it decides nothing.
    Column("account", Text, nullable=False),
    # The provider's own id of the session, for back-channel logout.
    Column("sid", Text),
    # How the user was authenticated there: settings can require more later.
    Column("acr", Text),
    Column("amr", JSON(none_as_null=True)),
    Column("sealed_tokens", LargeBinary, nullable=False),
    Column("sealing_key_id", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
    Column("check_due_at", Float, nullable=False),
    Column("refreshing_until", Float),
    Index("provider_connections_user", "user_id"),
    Index("provider_connections_sealing_key", "sealing_key_id"),
    Index("provider_connections_subject", "subject"),
)

ended_provider_tokens = Table(
    "ended_provider_tokens",
    metadata,
    # Of the session or connection that ended: its tokens are encrypted for this id. No column names
    # the user, who may be deleted by now.
    Column("id", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    # Tokens of another issuer or client must not be sent to the one that is configured now.
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("sealed_tokens", LargeBinary, nullable=False),
    Column("sealing_key_id", String(64), nullable=False),
    # When the provider is told, if no process is telling it now.
    Column("retry_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("ended_provider_tokens_retry", "retry_at"),
    Index("ended_provider_tokens_expiry", "expires_at"),
    Index("ended_provider_tokens_sealing_key", "sealing_key_id"),
)

connect_links = Table(
    "connect_links",
    metadata,
    Column("handle_hash", LargeBinary(32), primary_key=True),
    # The only user who can use the link, the server that made it, and the provider.
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("resource", String(2048), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("claimed_at", Float),
    Index("connect_links_user", "user_id"),
    Index("connect_links_expiry", "expires_at"),
)

consents = Table(
    "consents",
    metadata,
    # Of user, client, redirect URI and resource; together they are too long for a PostgreSQL index.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", String(2048), nullable=False),
    Column("redirect_uri", String(2048), nullable=False),
    Column("resource", String(2048), nullable=False),
    Column("scopes", JSON, nullable=False),
    # A digest of what the page showed; another client name or redirect URI needs a new consent.
    Column("shown", LargeBinary(32), nullable=False),
    Column("given_at", Float, nullable=False),
    Index("consents_party", "user_id", "client_id"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", String(2048), nullable=False),
    Column("redirect_uri", String(2048), nullable=False),
    Column("resource", String(2048), nullable=False),
    Column("scopes", JSON, nullable=False),
    # What the user needs to tell two installations of one client apart.
    Column("client_name", Text),
    Column("browser", String(40)),
    Column("created_at", Float, nullable=False),
    # When its last token was issued.
    Column("last_used_at", Float),
    Column("expires_at", Float, nullable=False),
    # When its last access token expires; until then, guards must learn of a revocation.
    Column("tokens_until", Float),
    Column("revoked_at", Float),
    Column("revoked_for", String(64)),
    Column("provider_session_id", String(64)),
    # Of an OpenID sign-in: when and how the user was authenticated, as claims of its ID tokens.
    Column("authentication", JSON(none_as_null=True)),
    Index("grants_expiry", "expires_at"),
    Index("grants_provider_session", "provider_session_id"),
    Index("grants_party", "user_id", "client_id"),
)

codes = Table(
    "codes",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("grant_id", ForeignKey("grants.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", String(2048), nullable=False),
    Column("redirect_uri", String(2048), nullable=False),
    Column("resource", String(2048), nullable=False),
    Column("challenge", String(43), nullable=False),
    Column("issued_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("claimed_at", Float),
    Column("attempts", Integer, nullable=False),
    # Of an OpenID sign-in.
    Column("nonce", Text),
    Index("codes_challenge", "client_id", "challenge"),
    Index("codes_expiry", "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("grant_id", ForeignKey("grants.id", ondelete="CASCADE"), nullable=False),
    Column("issued_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("rotated_at", Float),
    Column("successor_hash", LargeBinary(32)),
    # Encrypted under a key derived from the token itself, which is not in this database.
    Column("sealed_answer", LargeBinary),
    Index("refresh_tokens_grant", "grant_id"),
    # Only of rotated tokens: all of them are deleted soon.
    Index(
        "refresh_tokens_rotated",
        "rotated_at",
        sqlite_where=text("rotated_at IS NOT NULL"),
        postgresql_where=text("rotated_at IS NOT NULL"),
    ),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("token_id", String(200), primary_key=True),
    Column("expires_at", Float, nullable=False),
)

spent_assertions = Table(
    "spent_assertions",
    metadata,
    # Of the client and the jti of its assertion.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires_at", Float, nullable=False),
    Index("spent_assertions_expiry", "expires_at"),
)

rate_counters = Table(
    "rate_counters",
    metadata,
    # Of the limit and what it counts, such as an address. Only PostgreSQL has rows here.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("rate_counters_expiry", "expires_at"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    # When the last token signed with it expires; the key is published until then.
    Column("retired_at", Float),
    Column("needed_until", Float),
)

sealing_keys = Table(
    "sealing_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    # Encrypted under a key derived from the server's secret.
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("retired_at", Float),
)
