"""Decides whether an identity may do an operation: scopes, roles, kinds, arguments. Pure."""

from doorward.policy.decide import Decision, Policy, Requirement, decide_arguments
from doorward.policy.rules import EVERY, EVERY_KIND, Operation, Rule

__all__ = [
    "EVERY",
    "EVERY_KIND",
    "Decision",
    "Operation",
    "Policy",
    "Requirement",
    "Rule",
    "decide_arguments",
]
