"""Verbs that read a policy: who may do what, why, and which tools were accepted."""
