"""What the operator's own process serves, for comparison with what arrives outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.operations.story.hop import Attempt


@dataclass(frozen=True, kw_only=True)
class InsideView:
    """
    The documents as the process makes them.

    ``issuer_metadata`` is that of the authorization server in the same configuration, if there is
    one. ``attempts`` are the sign-in attempts that the process remembers, the newest first, at the
    time ``now``.
    """

    resource_metadata: Mapping[str, Any]
    issuer_metadata: Mapping[str, Any] | None = None
    attempts: tuple[Attempt, ...] = ()
    now: float = 0.0
