"""What the tests of personas share: servers that are cheap to start."""

from tests.authserver.speed import make_servers_cheap

make_servers_cheap()
