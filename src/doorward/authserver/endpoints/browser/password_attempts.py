"""Rate limits of password attempts that do not let strangers lock out a user."""

from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from starlette.requests import Request

from doorward.authserver.keys.secrets import hash_secret
from doorward.authserver.rate_limits import RateLimits
from doorward.authserver.refusals import StoreUnavailable, TooManyRequests
from doorward.authserver.services import Services
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User, canonical_username
from doorward.net.client_address import address_key

_FROM_NETWORK = "Too many sign-ins from your network. Try again in {wait}."
_OF_NETWORK = "Too many wrong passwords for this username from your network. Try again in {wait}."
_OF_BROWSER = "Too many wrong passwords for this username in this browser. Try again in {wait}."
_OF_NAME = (
    "Too many wrong passwords for this username from several networks. Try again in {wait}, "
    "or use a browser in which you have signed in before."
)


@dataclass(frozen=True)
class PasswordAttempt:
    """One password attempt, which counts as a failure until ``uncount`` is called."""

    limits: RateLimits
    counted: tuple[tuple[str, ...], ...]

    async def uncount(self) -> None:
        """Stop counting the attempt: the password was right, or could not be checked."""
        for rate, *keys in self.counted:
            await self.limits.uncount(rate, *keys)


async def begin_attempt(
    services: Services, request: Request, browser: Browser, username: str
) -> PasswordAttempt:
    """
    Count one password attempt for ``username``, before the password is checked.

    A browser in which this user signed in before has its own limit, which strangers cannot reach.
    All other attempts share three limits: per network, per network and username, and per username.
    The last one limits guesses from many networks. It can make the user wait in a new browser.

    Does not look up the username: all usernames get the same response.

    Raises:
        TooManyRequests: 429, with the reason and the time to wait.
    """
    settings = services.settings.limits
    name = canonical_username(username)[:200]
    per_source = settings.sign_in_failures_per_name_and_address
    if await services.known_browsers.is_known(browser.known_secret, name):
        source = hash_secret(browser.known_secret or "").hex()
        return await _counted(
            services.limits, (_OF_BROWSER, per_source, "sign-in-browser", name, source)
        )
    peer = address_key(request, services.settings.trusted_proxies)
    await _count(
        services.limits, _FROM_NETWORK, settings.sign_ins_per_address, "sign-in-address", peer
    )
    # The limit per username comes last. Attempts that another limit refused do not count towards it,
    # or one network alone could use it up.
    return await _counted(
        services.limits,
        (_OF_NETWORK, per_source, "sign-in-name-address", name, peer),
        (_OF_NAME, settings.sign_in_failures_per_name, "sign-in-name", name),
    )


async def user_with_password(
    services: Services, request: Request, browser: Browser, username: str, password: str
) -> User | None:
    """
    Return the user with that username and password, or ``None``; count and record failures.

    Raises:
        TooManyRequests: as ``begin_attempt`` does.
    """
    try:
        attempt = await begin_attempt(services, request, browser, username)
    except TooManyRequests:
        await _record_failure(services, username, "too-many")
        raise
    try:
        user = await services.users.authenticate(username, password)
    except BaseException:
        # An outage of the database must not count as wrong passwords.
        # Nor may that outage hide what happened.
        with suppress(StoreUnavailable):
            await attempt.uncount()
        raise
    if user is None:
        await _record_failure(services, username, "wrong-password")
        return None
    await attempt.uncount()
    return user


async def _record_failure(services: Services, username: str, reason: str) -> None:
    # Only the id of an existing user is logged: people type passwords into the username field.
    known = await services.users.find(username)
    services.record_event("sign-in.failed", user=known.id if known else "unknown", reason=reason)


async def _counted(limits: RateLimits, *counts: tuple[str, ...]) -> PasswordAttempt:
    for description, rate, *keys in counts:
        await _count(limits, description, rate, *keys)
    return PasswordAttempt(limits, tuple(count[1:] for count in counts))


async def _count(limits: RateLimits, description: str, rate: str, *keys: str) -> None:
    try:
        await limits.count(rate, *keys)
    except TooManyRequests as refusal:
        wait = _in_minutes(refusal.retry_after)
        raise TooManyRequests(
            refusal.detail,
            retry_after=refusal.retry_after,
            description=description.format(wait=wait),
        ) from None


def _in_minutes(seconds: int) -> str:
    minutes = max(1, ceil((seconds - 1) / 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
