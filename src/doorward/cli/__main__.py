"""``python -m doorward.cli`` is ``doorward``."""

from doorward.cli.main import main

main()
