"""Identity providers: what is sent to them, what is checked of their answers, and what is stored."""
