"""Decides whether an identity may do an operation: scopes, hierarchy, roles, kinds. Pure."""

from doorward.policy.decide import Decision, Policy, Requirement
from doorward.policy.rules import EVERY, EVERY_KIND, Operation, Rule

__all__ = ["EVERY", "EVERY_KIND", "Decision", "Operation", "Policy", "Requirement", "Rule"]
