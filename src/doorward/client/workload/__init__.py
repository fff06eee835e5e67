"""Signing in without a person: services, workloads, signed assertions."""
