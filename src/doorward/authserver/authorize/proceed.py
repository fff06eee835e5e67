"""From a signed-in user to a code: what the user may give, and whether to ask."""

from starlette.responses import Response

from doorward.authserver.authorize.response import client_card, code_answer
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants import codes, consents
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.grants.consents import shown_of
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.pages import pages
from doorward.authserver.refusals import AccessDenied, ConsentRequired
from doorward.authserver.responses import page_answer
from doorward.authserver.services import Services
from doorward.authserver.store.grants import begin_grant
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User


def grantable(asked: AuthorizationRequest, user: User) -> frozenset[str]:
    """
    Return the scopes that this user can give: those asked for that the user holds.

    Raises:
        AccessDenied: none of them, and the client asked for some.
    """
    scopes = frozenset(asked.scopes) & user.scopes
    if asked.scopes and not scopes:
        raise AccessDenied(
            f"user {user.id} holds none of {asked.scopes!r}",
            say="This account may not use what the application asks for.",
        )
    return scopes


async def remembered(
    services: Services, asked: AuthorizationRequest, client: Client, user: User
) -> frozenset[str]:
    """
    Return the scopes that the user agreed to before; empty when the question is due again.

    A request that already led to a code is due again: whoever kept its URL would otherwise get a
    second code without anybody looking.
    """
    async with services.store.reading() as connection:
        if await codes.was_asked_before(connection, asked):
            return frozenset()
        return await consents.remembered_scopes(
            connection, user.id, client, asked.redirect_uri, asked.resource
        )


async def needs_asking(
    services: Services, asked: AuthorizationRequest, client: Client, user: User
) -> bool:
    """
    Say whether the user must see the consent page.

    Raises:
        ConsentRequired: yes, and the request has ``prompt=none``.
        AccessDenied: the user can give nothing that was asked for.
    """
    scopes = grantable(asked, user)
    known = await remembered(services, asked, client, user)
    # An empty set of scopes is contained in everything; it still needs a first answer.
    agreed = bool(known) and scopes <= known and "consent" not in asked.prompts
    if not agreed and "none" in asked.prompts:
        raise ConsentRequired(f"user {user.id} has not agreed")
    return not agreed


async def complete(
    services: Services,
    asked: AuthorizationRequest,
    client: Client,
    user: User,
    claim: tuple[Transaction, Browser] | None,
) -> Response:
    """
    Issue a code and send the browser back with it.

    The claim of the transaction, the consent, the grant and the code are kept together or not at
    all.

    Raises:
        FormRefused: the transaction was answered already.
        AccessDenied: the user can give nothing that was asked for.
    """
    scopes = grantable(asked, user)
    now = services.clock()
    async with services.store.writing() as connection:
        if claim is not None:
            transaction, browser = claim
            await services.transactions.claim(connection, transaction.handle, browser, user.id)
        await consents.remember(
            connection,
            user_id=user.id,
            client=client,
            redirect_uri=asked.redirect_uri,
            resource=asked.resource,
            scopes=scopes,
            now=now,
        )
        grant_id = await begin_grant(
            connection,
            services.settings,
            user_id=user.id,
            client_id=asked.client_id,
            redirect_uri=asked.redirect_uri,
            resource=asked.resource,
            scopes=scopes,
            now=now,
        )
        code = await codes.issue_code(connection, services.settings, asked, grant_id, now)
    services.tell("code.issued", client_id=asked.client_id, user=user.id, grant=grant_id)
    return code_answer(services.settings, client, asked.redirect_uri, asked.state, code)


def shown(asked: AuthorizationRequest, client: Client, user: User) -> tuple[str, ...]:
    """Return all that an answer on the consent page depends on."""
    return (user.id, shown_of(client).hex(), *sorted(grantable(asked, user)))


async def consent_page(
    services: Services, transaction: Transaction, client: Client, user: User, browser: Browser
) -> Response:
    """Show who asks for what, and where the answer goes."""
    asked = transaction.request
    settings = services.settings
    resource = settings.resource(asked.resource)
    scopes = grantable(asked, user)
    known = await remembered(services, asked, client, user)
    described = resource.scopes if resource else {}
    page = pages.ConsentPage(
        service=settings.service_name,
        action=settings.url("/consent"),
        transaction=transaction.handle,
        csrf=services.cookies.consent_token(
            browser, transaction.handle, shown(asked, client, user)
        ),
        client=client_card(client, asked.redirect_uri),
        resource=asked.resource,
        resource_name=resource.name if resource else None,
        scopes=tuple(
            pages.ScopeLine(name=name, description=described.get(name, name), new=name not in known)
            for name in sorted(scopes)
        ),
        username=user.display_name or user.username,
        switch_account_action=settings.url("/switch-account"),
    )
    response = page_answer(page)
    services.cookies.keep_browser(response, browser)
    return response


def sign_in_page(
    services: Services,
    transaction: Transaction,
    client: Client,
    browser: Browser,
    *,
    username: str = "",
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """Ask who is there."""
    settings = services.settings
    page = pages.SignInPage(
        service=settings.service_name,
        action=settings.url("/sign-in"),
        transaction=transaction.handle,
        csrf=services.cookies.form_token(browser, transaction.handle),
        client=client_card(client, transaction.request.redirect_uri),
        username=username,
        problem=problem,
        demo_users=settings.demo_users,
    )
    response = page_answer(page, status)
    services.cookies.keep_browser(response, browser)
    return response
