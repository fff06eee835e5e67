"""Write the pages that are generated from code, and build the site: ``make docs``.

With ``--check``, only compare. A test runs the comparison, so a page that no longer says what the
code does fails the build.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As a script, Python looks for modules beside this file only.
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from docs.making.command import main

    raise SystemExit(main())
