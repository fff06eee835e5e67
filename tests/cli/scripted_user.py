"""A person with a browser: follows redirects, fills in the sign-in form, says yes or no."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2


class _Form:
    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.asks_consent = False


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(_Form(said.get("action", "")))
        elif tag == "input" and "name" in said and self.found:
            self.found[-1].fields.setdefault(said["name"], said.get("value", ""))
        elif tag == "button" and said.get("name") == "decision":
            self.found[-1].asks_consent = True

    def wanted(self) -> _Form | None:
        """The form that a person who wants to get on would fill in."""
        forms = (form for form in self.found if form.asks_consent or "password" in form.fields)
        return next(forms, None)


class ScriptedUser:
    """
    Opens what a browser is given, and goes on until the browser is back at the client.

    ``pages`` is every page that was shown, ``decision`` what is said to the question of consent.
    """

    def __init__(self, username: str, password: str, decision: str = "allow") -> None:
        self.username, self.password, self.decision = username, password, decision
        self.pages: list[str] = []

    def open(self, url: str, new: int = 0) -> bool:
        """Do what ``webbrowser.open`` does, and what its user does then."""
        with httpx2.Client(follow_redirects=True, timeout=10) as http:
            page = http.get(url)
            for _ in range(4):
                self.pages.append(page.text)
                forms = _Forms()
                forms.feed(page.text)
                form = forms.wanted()
                if form is None:
                    break
                page = http.post(urljoin(str(page.url), form.action), data=self._filled(form))
        return True

    def _filled(self, form: _Form) -> dict[str, str]:
        known = {"username": self.username, "password": self.password}
        fields = {name: known.get(name, value) for name, value in form.fields.items()}
        return {**fields, "decision": self.decision} if form.asks_consent else fields
