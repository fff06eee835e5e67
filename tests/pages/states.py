"""Every state of every page that a person can meet, and the texts that strangers try on them."""

from dataclasses import replace

from doorward.authserver.pages.pages import (
    AccountPage,
    ApplicationCard,
    ClientCard,
    ConnectionCard,
    ConnectPage,
    ConsentPage,
    ContinuePage,
    ErrorPage,
    GrantCard,
    KeyCard,
    MessagePage,
    Page,
    PasteKeyPage,
    ProviderCard,
    ScopeLine,
    SignInPage,
)
from doorward.authserver.settings.openid import OPENID, openid_resource

SERVICE = "Doorward demo"

PROGRAM = ClientCard(
    name="Inspector",
    identifier="dcr-8f2c41d09b7e",
    identifier_host=None,
    redirect_uri="http://localhost:53682/callback",
    redirect_host="localhost:53682",
    loopback_only=True,
)
SITE = ClientCard(
    name="Tea Room",
    identifier="https://tearoom.example/oauth/client.json",
    identifier_host="tearoom.example",
    redirect_uri="https://tearoom.example/api/mcp/auth_callback",
    redirect_host="tearoom.example",
    loopback_only=False,
)
SITE_ON_THIS_COMPUTER = replace(
    SITE,
    redirect_uri="http://127.0.0.1:8931/callback",
    redirect_host="127.0.0.1:8931",
    loopback_only=True,
)
APPLICATION = ClientCard(
    name="Nice Editor",
    identifier="dcr-77aa10",
    identifier_host=None,
    redirect_uri="nice-editor://anysphere.mcp/oauth/callback",
    redirect_host="",
    loopback_only=False,
)
LOOKALIKE = ClientCard(
    name="Аррӏе",
    identifier="https://xn--80ak6aa92e.com/client.json",
    identifier_host="xn--80ak6aa92e.com",
    redirect_uri="https://accounts.google.com.very-long-name.sign-in.impostor.example/cb?"
    + "x" * 300,
    redirect_host="accounts.google.com.very-long-name.sign-in.impostor.example",
    loopback_only=False,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"onmouseover="alert(1)',
    "' autofocus onfocus=alert(1) '",
    "</style><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "Mail\u202e kcatta\u202c",
    "pay\u200bpal\u2060\ufeff",
    "two\r\nlines\u2028three",
    "\u0000\u0007\u001b[31mred",
    "N” — checked by your bank “",
    "Z̸̛̤͎͎̺̙̟̹͚̐͆̑̓̾̓͗̚͠algo" + "\u0301" * 500,
    "\u3164\u2800\u115f",
    "w" * 10_000,
    "many words " * 1_000,
)

SIGN_IN = SignInPage(
    service=SERVICE,
    action="/sign-in",
    transaction="txn-1f8e",
    csrf="csrf-77",
    client=PROGRAM,
)
PROVIDERS = (
    ProviderCard(title="Google", host="accounts.google.com", action="/sign-in/google"),
    ProviderCard(title="W" * 200, host="login.example", action="/sign-in/company"),
)
SCOPES = (
    ScopeLine(name="mcp:read", description="See what the server offers", new=False),
    ScopeLine(name="mcp:tools", description="Use its tools", new=True),
    ScopeLine(name="mcp:prompts", description="Use its prompts", new=True),
)
CONSENT = ConsentPage(
    service=SERVICE,
    action="/consent",
    transaction="txn-1f8e",
    csrf="csrf-77",
    client=PROGRAM,
    resource="http://localhost:9000/mcp",
    resource_name="Demo tools",
    scopes=SCOPES,
    username="alice",
    switch_account_action="/switch-account",
)
ERROR = ErrorPage(
    service=SERVICE,
    title="This application is not known here",
    explanation="It sent a client_id that this server has never given out, or has forgotten since.",
    what_to_do="Go back to the application, remove this server there, and connect it again.",
    code="unknown-client",
    correlation_id="5d3a0f6c1b9e4d7f8a2b6c0e9f1d3b57",
)

MESSAGE = MessagePage(service=SERVICE, title="You are signed out", text="You can close this page.")
CONTINUE = ContinuePage(
    service=SERVICE,
    client=APPLICATION,
    target="nice-editor://anysphere.mcp/oauth/callback?code=abc&state=x%20y&iss=https%3A%2F%2Fa",
)

GRANT = GrantCard(
    id="5f0c1f7f4c0d4a0f8f0a3b1c2d3e4f50",
    resource="http://localhost:9000/mcp",
    resource_name="Demo tools",
    permissions=SCOPES[:2],
    browser="Firefox on Windows",
    since=1_796_000_000.0,
    last_used=1_796_040_000.0,
)
ACCOUNT = AccountPage(
    service=SERVICE,
    username="alice",
    applications=(
        ApplicationCard(
            name="Inspector",
            identifier="dw-8f2c41d09b7e1122.3dfc760b33164883e2c8cce9ee9823d78b89dbe3",
            identifier_host=None,
            grants=(GRANT,),
        ),
        ApplicationCard(
            name="Tea Room",
            identifier="https://tearoom.example/oauth/client.json",
            identifier_host="tearoom.example",
            grants=(GRANT, replace(GRANT, browser=None, last_used=None, permissions=())),
        ),
    ),
    csrf="csrf-77",
    end_action="/account/end",
    disconnect_action="/account/disconnect",
    sign_out_action="/sign-out",
)
CONNECTED = ConnectionCard(
    id="0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    provider="GitHub",
    account="octocat",
    resource="http://localhost:9000/mcp",
    resource_name="Demo tools",
    since=1_796_000_000.0,
    last_used=None,
)
CONNECT = ConnectPage(
    service=SERVICE,
    action="/connect",
    link="kP3vJ8Zt0QhX5yB7cR1nM4wL6sD9fG2aE_uI-oT0yUw",
    csrf="csrf-88.seen",
    resource="http://localhost:9000/mcp",
    resource_name="Demo tools",
    provider=PROVIDERS[0],
    scopes=("repo", "read:org"),
    username="alice",
)

KEY = KeyCard(title="Linear", resource="http://localhost:9000/mcp", resource_name="Demo tools")
PASTE_KEY = PasteKeyPage(
    service=SERVICE,
    action="/connect",
    link="kP3vJ8Zt0QhX5yB7cR1nM4wL6sD9fG2aE_uI-oT0yUw",
    csrf="csrf-88.seen",
    resource="http://localhost:9000/mcp",
    resource_name="Demo tools",
    title="Linear",
    origin="https://mcp.linear.example",
    username="alice",
)

STATES: dict[str, Page] = {
    "account": ACCOUNT,
    "account-ended": replace(
        ACCOUNT, ended="Access is ended. The application has to ask you again."
    ),
    "account-empty": replace(ACCOUNT, applications=()),
    "account-connected": replace(
        ACCOUNT,
        connections=(CONNECTED, replace(CONNECTED, account="z" * 120, last_used=1_796_040_000.0)),
    ),
    "connect": CONNECT,
    "connect-problem": replace(
        CONNECT, scopes=(), problem="The identity provider does not answer. Try again soon."
    ),
    "account-keys": replace(
        ACCOUNT,
        key_action="/account/key",
        keys=(
            KEY,
            replace(KEY, resource_name=None, id="0a1b", since=1_796_000_000.0),
        ),
    ),
    "paste-key": PASTE_KEY,
    "paste-key-problem": replace(
        PASTE_KEY,
        problem="This is not a key of the service. Copy the whole key, and paste it again.",
    ),
    "sign-in": SIGN_IN,
    "sign-in-wrong": replace(SIGN_IN, username="alice", problem="Wrong username or password."),
    "sign-in-demo": replace(SIGN_IN, client=SITE, demo_users=("alice", "bob", "admin", "guest")),
    "sign-in-alone": replace(SIGN_IN, client=None),
    "sign-in-providers": replace(SIGN_IN, providers=PROVIDERS),
    "sign-in-providers-only": replace(
        SIGN_IN, providers=PROVIDERS, own_users=False, problem="Google did not sign you in."
    ),
    "consent": CONSENT,
    "consent-remembered": replace(
        CONSENT, remembered=True, scopes=tuple(replace(scope, new=False) for scope in SCOPES)
    ),
    "consent-site": replace(
        CONSENT,
        client=SITE,
        resource="https://tools.example.com/mcp",
        resource_name="Harbour tools",
        service="Harbour",
    ),
    "consent-sign-in": replace(
        CONSENT,
        client=SITE,
        resource="https://auth.example.com",
        resource_name="Example accounts",
        scopes=tuple(
            ScopeLine(name=name, description=description, new=False, required=name == OPENID)
            for name, description in openid_resource("https://auth.example.com", "").scopes.items()
        ),
        signs_in=True,
    ),
    "consent-site-local": replace(CONSENT, client=SITE_ON_THIS_COMPUTER),
    "consent-app": replace(CONSENT, client=APPLICATION, switch_account_action=None),
    "consent-lookalike": replace(CONSENT, client=LOOKALIKE, resource_name=None),
    "consent-no-scopes": replace(CONSENT, client=replace(PROGRAM, name=None), scopes=()),
    "consent-long": replace(
        CONSENT,
        client=replace(SITE, name="w" * 10_000, identifier="https://tearoom.example/" + "p" * 900),
        scopes=tuple(
            ScopeLine(name=f"files:{n}:" + "s" * n * 9, description="Read and write " * n, new=True)
            for n in range(1, 9)
        ),
        username="somebody.with.a.long.name@department.of.a.large.organisation.example",
    ),
    "consent-many-scopes": replace(
        CONSENT,
        scopes=tuple(
            ScopeLine(name=f"files:area{n}", description=f"Read the files of area {n}", new=True)
            for n in range(14)
        ),
    ),
    "consent-hostile": replace(
        CONSENT,
        client=replace(SITE, name="Mail\u202e kcatta<script>window.broken=1</script> “N”"),
        username='<img src=x onerror="window.broken=1">',
    ),
    "error": ERROR,
    "message": MESSAGE,
    "continue": CONTINUE,
}
