"""Verbs for people who run one."""
