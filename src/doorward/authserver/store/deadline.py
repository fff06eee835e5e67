"""How long a request waits for the database."""

# Of a whole transaction in seconds, with the wait for a connection and with every repetition.
SECONDS = 5.0
