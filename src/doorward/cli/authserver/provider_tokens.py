"""What a verb that ends access says about the tokens of identity providers."""

from pathlib import Path

from doorward.authserver import AuthorizationServer, ServerEvent
from doorward.authserver.store.engine import Store
from doorward.authserver.upstream.sessions.ended_tokens import RevocationReport, count_ended_tokens
from doorward.cli.output import Output
from doorward.config.load import load_authorization_server


async def revoke_ended_tokens(store: Store, config: Path | None) -> RevocationReport:
    """
    Tell identity providers which of their tokens have ended, and return what they said.

    Without the file of ``--config``, nothing here knows the providers: the tokens wait.
    """
    waiting = await count_ended_tokens(store)
    if config is None or not waiting:
        return RevocationReport(waiting=waiting)
    # The report says what failed, and standard output is for the answer alone.
    server = AuthorizationServer(load_authorization_server(config), audit=_ignore)
    try:
        await server.start()
        return await server.revoke_ended_tokens()
    finally:
        await server.aclose()


def _ignore(event: ServerEvent) -> None:
    """Log nothing."""


def show_report(output: Output, report: RevocationReport) -> None:
    """Say what the providers said, if there was something to revoke."""
    if report.revoked:
        output.note(f"Revoked at identity providers: {report.revoked}.")
    if report.not_revocable:
        output.note(
            f"Not revocable: {report.not_revocable}. The tokens are deleted here, and the provider"
            " accepts them until they expire, or the user removes the application there."
        )
    if report.waiting:
        output.note(
            f"Not yet revoked at identity providers: {report.waiting}. The running server revokes"
            " them. To do it now, name the file of doorward serve: --config FILE."
        )
