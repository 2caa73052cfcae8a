"""What every template and asset must keep to: no other host, nothing inline, every sentence translatable."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html")) + sorted(
    path for app in ("content", "learners", "recommender") for path in (ROOT / app).rglob("*.html")
)
ASSETS = sorted(
    path
    for path in (ROOT / "platform" / "web" / "static").rglob("*")
    if path.suffix in {".css", ".js", ".svg", ".webmanifest"}
)
# The names of XML's dialects look like addresses; nothing is ever fetched from them.
NAMESPACE = re.compile(r"http://www\.w3\.org/(?:2000/svg|1999/xlink|1998/Math/MathML|1999/xhtml)")
ADDRESS = re.compile(r"""(?:https?:|wss?:)//[^\s"']+|(?<=["'(=])//[A-Za-z0-9][^\s"')]*""")
SPOKEN = {"alt", "aria-label", "aria-description", "placeholder", "title", "label", "content"}
# Names are the same in every language.
NAMES = re.compile(r"Attune|English|简体中文")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def without_tags(source: str) -> str:
    """Return the template's own text: what a template tag or a translation puts there is left out.

    Tags become nothing and not a space, so that attributes and words stay in one piece; lines are kept.
    """
    kept, silent = [], ""
    for token in Lexer(source).tokenize():
        words = token.contents.split()
        if token.token_type == TokenType.TEXT and not silent:
            kept.append(token.contents)
        elif token.token_type == TokenType.BLOCK and words and words[0] == silent:
            silent = ""
        elif token.token_type == TokenType.BLOCK and words and _silences(words):
            silent = f"end{words[0]}"
    return "".join(kept)


def _silences(words: list[str]) -> bool:
    """Whether what follows is translated, never shown, or stands inside a tag of the parent template."""
    if words[0] == "block":
        return words[1].endswith(("_class", "_attributes"))
    return words[0] in {"blocktranslate", "blocktrans", "comment"}


class Reader(HTMLParser):
    """Collects what a person reads or hears, and what a strict content policy refuses."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.inline: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "style", "code", "kbd", "math"}:
            self.silent += 1
        if tag == "style" or (tag == "script" and "src" not in given and not _is_data(given)):
            self.inline.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.inline.append(f"{name}=")
            if name in SPOKEN and tag not in {"meta", "link"}:
                self.said.append(value or "")
            if tag == "input" and name == "value" and given.get("type") in {"submit", "button"}:
                self.said.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "code", "kbd", "math"}:
            self.silent -= 1

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.said.append(data)


def _is_data(given: dict[str, str | None]) -> bool:
    return given.get("type") in {"application/json", "speculationrules"}


def read(source: str) -> Reader:
    reader = Reader()
    reader.feed(without_tags(source))
    reader.close()
    return reader


def untranslated(source: str) -> list[str]:
    words = (NAMES.sub("", text).strip() for text in read(source).said)
    return [text for text in words if any(sign.isalpha() for sign in text)]


def addresses(source: str) -> Iterator[str]:
    yield from ADDRESS.findall(NAMESPACE.sub("", source))


def test_there_are_templates_to_check() -> None:
    assert TEMPLATES
    assert ASSETS


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>{% translate 'Next' %}</p>", []),
        ("<p>Next</p>", ["Next"]),
        ("{% blocktranslate %}Next, <b>please</b>{% endblocktranslate %} now", ["now"]),
        ("<a title='Away' href='{% url 'x' %}'>{{ name }}</a>", ["Away"]),
        ("<input type='submit' value='Go'><script src='a.js'></script>", ["Go"]),
        ("<code>pip</code> Attune · 1 / 2", []),
    ],
)
def test_the_reader_of_templates_finds_what_is_not_marked(source: str, expected: list[str]) -> None:
    assert untranslated(source) == expected


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_sentences_are_marked_for_translation(path: Path) -> None:
    assert untranslated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_nothing_is_inline_under_the_strict_policy(path: Path) -> None:
    assert read(path.read_text(encoding="utf-8")).inline == []


@pytest.mark.parametrize("path", [*TEMPLATES, *ASSETS], ids=named)
def test_nothing_comes_from_another_host(path: Path) -> None:
    assert list(addresses(path.read_text(encoding="utf-8"))) == []


def test_the_reader_of_addresses_finds_other_hosts() -> None:
    bad = '<img src="//cdn.example/x.png"> @import url(https://fonts.example/a.css)'
    assert len(list(addresses(bad))) == 2
    assert not list(addresses('<svg xmlns="http://www.w3.org/2000/svg"> a // b'))
