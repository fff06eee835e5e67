"""The options of a pre-registered client: its client id, its issuer and its credential."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.problems import UsageProblem
from doorward.client.oauth.registration import ClientConfig
from doorward.client.oauth.token_store import TokenStore
from doorward.client.workload.service import ClientCredentials
from doorward.errors import ConfigurationError
from doorward.jose.private_key import PrivateKey
from doorward.private_file import Exposed, read_private
from doorward.wire.address import require_issuer
from doorward.wire.shell_command import shell_command

SECRET = "DOORWARD_CLIENT_SECRET"  # noqa: S105  (a name)
_LONGEST = 64 * 1024

AsService = Annotated[
    bool,
    typer.Option(
        "--service",
        help="Sign in as the service --client-id, with a client secret or a private key.",
    ),
]
ClientId = Annotated[
    str | None,
    typer.Option("--client-id", help="The client id of the service, registered at its issuer."),
]
Issuer = Annotated[
    str | None,
    typer.Option(
        "--issuer",
        metavar="URL",
        help="The issuer of the client: only it gets the secret. Needed once; it is stored for the "
        "client.",
    ),
]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--client-secret-file",
        help="Read the client secret from this file, mode 0600.",
        dir_okay=False,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--client-key",
        help="Sign with this private key instead of a secret; a PEM file, mode 0600.",
        dir_okay=False,
    ),
]


@dataclass(frozen=True)
class ServiceOptions:
    """The parsed options of a client; ``wanted`` is false without ``--service``."""

    wanted: bool
    client_id: str | None
    issuer: str | None
    secret_file: Path | None
    key_file: Path | None

    def account(self, named: str | None) -> str | None:
        """Return the account that the tokens are stored under, apart from those of a person."""
        return named or self.client_id if self.wanted else named

    def options(self, token_store: "TokenStore") -> dict[str, Any]:
        """
        Return the arguments for a connection of this service; none without ``--service``.

        Stores ``--issuer`` as the client's issuer.

        Raises:
            ConfigurationError: ``not-a-service``, ``no-client-id``, ``no-issuer``,
                ``two-credentials``, ``no-client-secret``, or what is wrong with a file.
        """
        files = [file for file in (self.secret_file, self.key_file) if file is not None]
        if not self.wanted:
            if files or self.issuer or self.client_id is not None:
                raise _usage(
                    "not-a-service",
                    "Here, --issuer, --client-id, --client-secret-file and --client-key are for services.",
                    "Add --service. To sign in yourself with that client, give them to doorward login.",
                )
            return {}
        if self.client_id is None:
            raise _usage(
                "no-client-id",
                "--service needs the client id of a pre-registered client.",
                "Add --client-id.",
            )
        if len(files) > 1:
            raise _usage(
                "two-credentials",
                "Both --client-secret-file and --client-key are given.",
                "Remove one of them.",
            )

        credential = self._credential()
        issuer = self._pinned(token_store, self.client_id)
        client_config = ClientConfig(client_id=self.client_id, issuer=issuer, **credential)
        return {"grant": ClientCredentials(), "client_config": client_config}

    def options_of_person(self, token_store: "TokenStore") -> dict[str, Any]:
        """
        Return the arguments for the sign-in of a person with this client, beside its client id.

        A secret goes to the issuer that the user named, as the secret of a service does.

        Raises:
            ConfigurationError: ``not-for-a-person``, ``no-client-id``, ``no-issuer``, or what is
                wrong with the file.
        """
        if self.key_file is not None:
            raise _usage(
                "not-for-a-person",
                "--client-key is for services.",
                "Add --service, or sign in with --client-secret-file.",
            )
        if self.secret_file is None and self.issuer is None:
            return {}
        if self.client_id is None:
            raise _usage(
                "no-client-id",
                "--issuer and --client-secret-file need the client id of a pre-registered client.",
                "Add --client-id.",
            )
        credential = self._credential() if self.secret_file is not None else {}
        issuer = self._pinned(token_store, self.client_id)
        return {
            "client_config": ClientConfig(client_id=self.client_id, issuer=issuer, **credential)
        }

    def _pinned(self, token_store: "TokenStore", client_id: str) -> str:
        if self.issuer is not None:
            token_store.save_issuer(client_id, require_issuer(self.issuer))
            return self.issuer
        kept = token_store.issuer_of(client_id)
        if kept is None:
            # Never the issuer that the MCP server names, not even the first time: a malicious
            # server would name its own, and receive the secret.
            raise _usage(
                "no-issuer",
                f"The issuer of the client {client_id} is unknown, and the MCP server may not choose "
                "it. Nothing was sent.",
                "Add --issuer with the URL of the issuer, once.",
            )
        return kept

    def _credential(self) -> dict[str, Any]:
        if self.key_file is not None:
            return {"private_key": PrivateKey.from_pem(_read(self.key_file))}
        if self.secret_file is not None:
            return {"client_secret": read_secret_line(self.secret_file)}
        if SECRET not in os.environ:
            raise _usage(
                "no-client-secret",
                "--service needs a client secret or a private key.",
                f"Set {SECRET}, or give --client-secret-file or --client-key.",
            )
        return {"client_secret": _one_line(os.environ[SECRET], SECRET)}


def read_secret_line(path: Path) -> str:
    """
    Return the secret in a file that no other user can read, one line of text.

    Raises:
        ConfigurationError: with reason ``unreadable-credential``, ``exposed-credential`` or
            ``no-client-secret``.
    """
    return _one_line(_read(path), str(path))


def _read(path: Path) -> str:
    """Return the text of a file that no other user can read."""
    try:
        return read_private(path, most=_LONGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise _usage(
            "unreadable-credential", f"Cannot read {path}: {told}.", "Give a readable text file."
        ) from None
    except Exposed as found:
        raise _usage(
            "exposed-credential",
            f"Other users of this machine can read {path} (mode {found.mode}).",
            f"Run: {shell_command('chmod', '600', str(path))}",
        ) from None


def _one_line(text: str, place: str) -> str:
    # Editors end a file with a newline, and no secret contains one.
    secret = text.rstrip("\r\n")
    if not secret or not secret.isprintable():
        raise _usage(
            "no-client-secret",
            f"Expected one line of printable text with the secret in {place}.",
            "Store the secret there, and nothing else.",
        )
    return secret


def _usage(reason: str, problem: str, hint: str) -> ConfigurationError:

    return UsageProblem(reason, problem, hint)
