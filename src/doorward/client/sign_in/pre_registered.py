"""A client that the user registered by hand: its redirect URI is fixed, and its secret is kept."""

from dataclasses import replace

from doorward.client.oauth.registration import Registration
from doorward.client.refusals import SignInFailed


def with_stored_parts(
    configured: Registration, kept: Registration | None, redirect_uri: str, *, chosen: bool
) -> Registration:
    """
    Return ``configured`` with what the last sign-in of the same client stored.

    A later sign-in, for more scopes, names the client id alone: its secret and its redirect URI are
    those of the first. ``chosen`` says that the user named the port of ``redirect_uri``.
    """
    if configured.kind != "pre-registered":
        return configured
    same = kept is not None and (kept.kind, kept.client_id) == (
        "pre-registered",
        configured.client_id,
    )
    if (
        same
        and kept is not None
        and configured.client_secret is None
        and not configured.private_key
    ):
        configured = kept
    if chosen or (same and kept is not None and kept.redirect_uri is not None):
        configured = replace(configured, redirect_uri=redirect_uri)
    return kept if kept is not None and configured == kept else configured


def timed_out_hint(
    refusal: SignInFailed, registration: Registration, redirect_uri: str
) -> SignInFailed:
    """Return ``refusal``, with the likely cause if the browser never came back to such a client."""
    if refusal.reason != "timed-out" or registration.kind != "pre-registered":
        return refusal
    return SignInFailed(
        "timed-out",
        refusal.problem,
        f"If the page named the client or the redirect URI, register {redirect_uri} for the client "
        f"{registration.client_id}, or correct --client-id and --port.",
    )
