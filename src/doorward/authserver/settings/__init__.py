"""The settings of the authorization server, checked at construction; nothing here does I/O."""
