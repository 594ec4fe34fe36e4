"""The forms of an HTML page, as a browser without scripts would see them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

# Pages that post themselves: form_post (OpenID Connect, WS-Federation) and sign-out pages.
_SELF_POSTING = re.compile(r"\.submit\(\)")


@dataclass(slots=True)
class Form:
    """`fields`: what submitting would send, but for `buttons`, of which only the pressed one is sent.

    `choices`: the values of each group of radio buttons, chosen or not.
    """

    action: str = ""
    method: str = "GET"
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether there is a field, a choice or a button of this name."""
        return name in self.fields or name in self.choices or name in dict(self.buttons)


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.loose: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.in_script = False

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = attributes.get("method", "get").upper()
            self.open = Form(attributes.get("action", ""), method, attributes.get("id", ""))
            self.forms.append(self.open)
        elif tag in ("input", "button") and "form" in attributes:
            self.loose.append((tag, attributes))
        elif tag in ("input", "button") and self.open:
            add(self.open, tag, attributes)
        elif tag == "textarea" and self.open:
            self.open.fields[attributes.get("name", "")] = ""
        self.in_script = tag == "script"
        self.scripts.append(attributes.get("onload", ""))

    def handle_data(self, data):
        if self.in_script:
            self.scripts.append(data)

    def handle_endtag(self, tag):
        if tag == "form":
            self.open = None
        self.in_script = False


def add(form: Form, tag: str, attributes: dict[str, str]) -> None:
    name, kind = attributes.get("name", ""), attributes.get("type", "text" if tag == "input" else "submit")
    if tag == "button" or kind in ("submit", "image"):
        form.buttons.append((name, attributes.get("value", "")))
        return
    if kind == "radio":
        form.choices.setdefault(name, []).append(attributes.get("value", "on"))
    if name and (kind not in ("checkbox", "radio") or "checked" in attributes):
        form.fields[name] = attributes.get("value", "on" if kind == "checkbox" else "")


def read_forms(html: str) -> tuple[list[Form], bool]:
    """The page's forms in order, and whether a script of the page posts the first one by itself."""
    reader = _Reader()
    reader.feed(html)
    for tag, attributes in reader.loose:
        for form in reader.forms:
            if form.id == attributes["form"]:
                add(form, tag, attributes)
    return reader.forms, bool(reader.forms) and any(map(_SELF_POSTING.search, reader.scripts))
