"""The scopes that a guard names: in its metadata, and to a client without a token."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from doorward.policy import Operation, Policy, Requirement


@dataclass(frozen=True, kw_only=True)
class NamedScopes:
    """
    The operator's choice of scopes, and the defaults that follow from the policies.

    ``supported`` and ``challenge`` are the choice, or ``None``. With ``fixed_at_registration``, a
    client can never request a scope that it did not register with.
    """

    supported: Sequence[str] | None
    challenge: Collection[str] | None
    fixed_at_registration: bool

    def in_metadata(self, *policies: Policy) -> list[str]:
        """
        Return the ``scopes_supported`` of the metadata: by default, all that the policies require.

        Spec: RFC 9728 §2
        """
        if self.supported is not None:
            return list(self.supported)
        return sorted(scopes_of(*policies))

    def in_challenge(self, *policies: Policy) -> frozenset[str]:
        """
        Return what a client without a token should request: by default, the base rule's scopes.

        Clients register with the scopes that the first challenge names. If these are fixed from then
        on, the default is all scopes: the provider would refuse every step-up to another one.

        Spec: MCP 2026-07-28 authorization §Scope Selection Strategy; RFC 7591 §2
        """
        if self.challenge is not None:
            first = frozenset(self.challenge)
        elif self.fixed_at_registration:
            first = _base_of(policies) | frozenset(self.in_metadata(*policies))
        else:
            first = _base_of(policies)
        # Whether to ask for refresh tokens is the client's decision.
        return first - {"offline_access"}


def needs_of(policy: Policy, operation: Operation) -> Requirement | None:
    """
    Return what a caller of ``operation`` needs, or ``None`` if nobody may do it.

    Lists and challenges both say what this returns, so they cannot disagree.
    """
    needs = policy.requirement(operation)
    return needs if needs is not None and needs.kinds else None


def scopes_of(*policies: Policy) -> frozenset[str]:
    """Return every scope that one of the policies requires for something."""
    rows = (row.scopes for policy in policies for row in policy.matrix())
    return _base_of(policies).union(*rows)


def _base_of(policies: Collection[Policy]) -> frozenset[str]:
    return frozenset().union(*(policy.base.scopes for policy in policies))
