"""The form browser as a command for ``BROWSER``: ``python -m tests.e2e.browser_command URL``.

Who signs in comes from ``FORM_BROWSER_USER`` and ``FORM_BROWSER_PASSWORD``.
"""

import os
import sys

from tests.e2e.form_browser import FormBrowser

if __name__ == "__main__":
    browser = FormBrowser(os.environ["FORM_BROWSER_USER"], os.environ["FORM_BROWSER_PASSWORD"])
    browser.walk(sys.argv[1])
    browser.close()
