"""
Identity providers as their documents, pages and issue threads describe them, one for each preset.

A simulator refuses what the real provider refuses, so that it tests a preset and does not echo it.
"""
