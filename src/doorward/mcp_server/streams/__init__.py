"""Event streams, the sessions of the older revisions, and subscriptions."""
