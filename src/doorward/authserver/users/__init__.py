"""Users, their browser sessions, and what they consented to."""
