"""Users, their sessions, cookies and known browsers."""
