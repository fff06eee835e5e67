"""Provider tokens for tools: connected accounts, the links that connect them, and who gets what."""
