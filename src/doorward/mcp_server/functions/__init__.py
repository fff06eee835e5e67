"""An author's function: its signature, dependencies, context and invocation."""
