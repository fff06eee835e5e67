"""May this identity do this operation? Scopes, hierarchy, roles, rules. Pure."""
