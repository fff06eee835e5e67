"""What the tests of personas share: users whose passwords are hashed quickly."""

from tests.authserver.harness import compile_statements_once, use_cheap_hashes

use_cheap_hashes()
compile_statements_once()
