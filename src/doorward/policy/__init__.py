"""May this identity do this operation? Scopes, hierarchy, roles, rules. Pure."""

from doorward.policy.decide import Decision, Policy, Requirement
from doorward.policy.rules import EVERY, Operation, Rule

__all__ = ["EVERY", "Decision", "Operation", "Policy", "Requirement", "Rule"]
