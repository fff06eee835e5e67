"""What the operator's own process serves, for comparison with what arrives outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class InsideView:
    """
    The documents as the process makes them.

    ``issuer_metadata`` is that of the authorization server in the same configuration, if there is
    one.
    """

    resource_metadata: Mapping[str, Any]
    issuer_metadata: Mapping[str, Any] | None = None
