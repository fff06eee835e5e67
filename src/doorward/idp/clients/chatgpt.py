"""ChatGPT: connects from OpenAI's cloud."""

from doorward.idp.clients.client import SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_MANUAL = Source("https://developers.openai.com/plugins/build/auth", SEEN)
_REFERENCE = Source("https://developers.openai.com/plugins/reference", SEEN)
_CHANGES = Source("https://developers.openai.com/plugins/changelog", SEEN)
_FORM = Source("https://apxml.com/posts/how-to-setup-oauth-chatgpt-connector", SEEN)
_OLDER = Source("https://community.openai.com/t/1378808", SEEN)
_DOCUMENT = Source("https://chatgpt.com/oauth/client.json", SEEN)

_CALLBACK = "https://chatgpt.com/connector_platform_oauth_redirect"

_CREATE = Source("https://developers.openai.com/apps-sdk/deploy/connect-chatgpt", SEEN_LATER)
_NO_METADATA = Source("https://github.com/github/github-mcp-server/issues/1081", SEEN_LATER)
_NO_ACTIONS = Source("https://github.com/nowledge-co/community/issues/496", SEEN_LATER)

CHATGPT = McpClient(
    name="chatgpt",
    title="ChatGPT",
    redirect_uris=_OLDER.says(
        (_CALLBACK,), "An issuer without RFC 9207 gets https://chatgpt.com/connector/oauth/ID."
    ),
    client_id=_FORM.suggests("Advanced OAuth settings > User-Defined OAuth Client"),
    client_secret=_FORM.suggests("The field below the id"),
    facts=(
        _MANUAL.suggests(
            "If the issuer does not announce RFC 9207, register the redirect URI that ChatGPT shows instead."
        ),
    ),
    setup=_CREATE.says(
        "Settings > Connectors > Advanced > Developer mode; then Settings > Connectors > Create: enter the URL as Connector URL.",
        "The names of the menus differ between plans.",
    ),
    messages=(
        _NO_METADATA.says(
            "Error fetching OAuth configuration",
            "ChatGPT cannot read the metadata, or the issuer offers no way to register that ChatGPT knows.",
        ),
        _NO_ACTIONS.says(
            "No app actions available",
            "The sign-in worked, and a call after it failed. The server's log has its status and its reason code.",
        ),
        _OLDER.suggests(
            "OAuth state not found",
            "ChatGPT lost its own sign-in. Start it again; the server cannot change this.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=UNSOURCED.suggests("openai-mcp/1.0.0", "As several servers recorded it."),
        oauth_user_agent=UNSOURCED.suggests("openai-mcp/1.0.0"),
        client_name=UNSOURCED.suggests("openai-mcp"),
        timeout=UNSOURCED.suggests(30.0),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=UNSOURCED.suggests("POST"),
        resource_metadata=_MANUAL.suggests(("challenge", "path", "root")),
        resource_match=UNSOURCED.suggests("parent"),
        issuer_metadata=_MANUAL.suggests(("oauth", "openid", "openid-suffix")),
        issuer_match=_MANUAL.suggests(True, "Compares slashes, ports and case too."),
        fallback=UNSOURCED.suggests("never"),
        registration=_MANUAL.says(("document", "registered", "pre-registered")),
        document=_DOCUMENT.says(
            {
                "client_id": "https://chatgpt.com/oauth/client.json",
                "client_name": "ChatGPT",
                "client_uri": "https://chatgpt.com/",
                "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
                "redirect_uris": [_CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
                "token_endpoint_auth_signing_alg": "RS256",
                "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
            },
            "As others copied it on 2026-09-08.",
        ),
        registration_request=UNSOURCED.suggests(
            {
                "client_name": "ChatGPT",
                "redirect_uris": [_CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }
        ),
        redirect_uri=_CHANGES.suggests(_CALLBACK, "Since 2026-08-21."),
        scopes=_MANUAL.suggests(("challenge", "resource")),
        offline_access=UNSOURCED.suggests(False),
        resource=_MANUAL.says("metadata", "On the authorization and the token request."),
        iss=_MANUAL.suggests("announced"),
        versions=UNSOURCED.suggests(
            ("2026-07-28", "2025-11-25"), "As several servers recorded it."
        ),
        refusals=_MANUAL.says(
            ("tool-result",),
            "The challenge must have error and error_description. A token that is not accepted gets 401.",
        ),
        security_schemes=_REFERENCE.says(
            True, "On the tool, and again in its _meta for clients that read only that."
        ),
        step_up=_MANUAL.suggests(True),
        refresh_parameters=_MANUAL.suggests(("resource",)),
    ),
)
