"""A stateful property test: two replicas against a reference model, with faults at any moment."""
