"""Being a service on the command line: which client, and what it shows for it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doorward.errors import ConfigurationError
from doorward.private_file import Exposed, read_private
from doorward.wire.address import require_issuer
from doorward.wire.shell_command import shell_command

if TYPE_CHECKING:
    from doorward.client.oauth.token_store import TokenStore

SECRET = "DOORWARD_CLIENT_SECRET"  # noqa: S105  (a name)
_LONGEST = 64 * 1024

AsService = Annotated[
    bool,
    typer.Option(
        "--service",
        help=f"Sign in as a service, without a person: as --client-id, with the secret in ${SECRET} "
        "or one of the files below.",
    ),
]
ClientId = Annotated[
    str | None,
    typer.Option("--client-id", help="The service's client, registered there by hand."),
]
Issuer = Annotated[
    str | None,
    typer.Option(
        "--issuer",
        metavar="URL",
        help="Who gave out the service's client, and alone gets its secret. Say it once; it is "
        "kept for the client until you say another.",
    ),
]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--client-secret-file",
        help="Read the service's secret from this file of mode 0600.",
        dir_okay=False,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--client-key",
        help="Sign with this private key, a PEM file of mode 0600, in place of a secret.",
        dir_okay=False,
    ),
]


@dataclass(frozen=True)
class ServiceOptions:
    """What the command line says of a service: ``wanted`` is false when a person is meant."""

    wanted: bool
    client_id: str | None
    issuer: str | None
    secret_file: Path | None
    key_file: Path | None

    def account(self, named: str | None) -> str | None:
        """Return where its tokens are kept: apart from those of the person at this machine."""
        return named or self.client_id if self.wanted else named

    def options(
        self, token_store: "TokenStore", *, people_name_clients: bool = False
    ) -> dict[str, Any]:
        """
        Return how a connection signs in as this service; nothing when a person is meant.

        The issuer that the user named is kept in ``token_store``, and is the client's from then on. With
        ``people_name_clients`` a client's id alone does not ask for a service.

        Raises:
            ConfigurationError: ``not-a-service``, ``no-client-id``, ``no-issuer``,
                ``two-credentials``, ``no-client-secret``, or what is wrong with a file.
        """
        files = [file for file in (self.secret_file, self.key_file) if file is not None]
        if not self.wanted:
            if files or self.issuer or (self.client_id is not None and not people_name_clients):
                raise _usage(
                    "not-a-service",
                    "What was given is for a service, and a person is to be asked.",
                    "Add --service.",
                )
            return {}
        if self.client_id is None:
            raise _usage(
                "no-client-id",
                "A service is a client that was registered by hand.",
                "Name it with --client-id.",
            )
        if len(files) > 1:
            raise _usage(
                "two-credentials",
                "There is a secret and a key.",
                "Give --client-secret-file or --client-key, and not both.",
            )
        from doorward.client.oauth.registration import ClientChoice
        from doorward.client.workload.service import ClientCredentials

        credential = self._credential()
        issuer = self._pinned(token_store, self.client_id)
        choice = ClientChoice(client_id=self.client_id, issuer=issuer, **credential)
        return {"grant": ClientCredentials(), "choice": choice}

    def _pinned(self, token_store: "TokenStore", client_id: str) -> str:
        if self.issuer is not None:
            token_store.keep_issuer(client_id, require_issuer(self.issuer))
            return self.issuer
        kept = token_store.issuer_of(client_id)
        if kept is None:
            # Not what the MCP server names, even the first time: it could be a thief's, and the
            # secret would be there before anybody has read a name.
            raise _usage(
                "no-issuer",
                f"Nobody has said which issuer gave out the client {client_id}, and a server is not "
                "believed about that.",
                "Add --issuer with the address of the issuer, once; nothing was sent.",
            )
        return kept

    def _credential(self) -> dict[str, Any]:
        if self.key_file is not None:
            from doorward.jose.private_key import PrivateKey

            return {"private_key": PrivateKey.from_pem(_read(self.key_file))}
        if self.secret_file is not None:
            return {"client_secret": _one_line(_read(self.secret_file), str(self.secret_file))}
        if SECRET not in os.environ:
            raise _usage(
                "no-client-secret",
                "There is nothing to prove who this service is.",
                f"Set {SECRET}, or give --client-secret-file or --client-key.",
            )
        return {"client_secret": _one_line(os.environ[SECRET], SECRET)}


def _read(path: Path) -> str:
    """Return the text of a file that nobody else can read."""
    try:
        return read_private(path, most=_LONGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _usage(
            "unreadable-credential", f"{path} cannot be read: {told}.", "Name another file."
        ) from None
    except Exposed as found:
        raise _usage(
            "exposed-credential",
            f"{path} can be read by other users of this machine (mode {found.mode}).",
            f"Run: {shell_command('chmod', '600', str(path))}",
        ) from None


def _one_line(text: str, place: str) -> str:
    # Editors end a file with a line end, and no secret has one.
    secret = text.rstrip("\r\n")
    if not secret or not secret.isprintable():
        raise _usage(
            "no-client-secret", f"{place} holds no secret in one line.", "Put it there alone."
        )
    return secret


def _usage(reason: str, problem: str, hint: str) -> ConfigurationError:
    from doorward.cli.problems import UsageProblem

    return UsageProblem(reason, problem, hint)
