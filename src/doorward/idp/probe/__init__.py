"""Measuring a live provider from outside."""
