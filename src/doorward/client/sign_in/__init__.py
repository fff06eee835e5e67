"""Signing a person in: through the browser, on another device, or by pasting an address."""
