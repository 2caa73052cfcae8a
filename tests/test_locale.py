"""The Chinese catalogue: complete, with the same placeholders, and compiled from what is there to read."""

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|<[^>]+>")
QUOTED = re.compile(r"""{%\s*translate\s+(?:"([^"]+)"|'([^']+)')""")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (FOLDER / "django.po").open("rb") as file:
        return read_po(file, locale="zh_Hans")


def texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value]  # type: ignore[attr-defined]


def pairs(catalogue: Catalog) -> dict[tuple[str, ...], list[str]]:
    return {tuple(texts(each.id)): texts(each.string) for each in catalogue if each.id}


def test_everything_is_translated_and_nothing_is_a_guess(catalogue: Catalog) -> None:
    messages = [message for message in catalogue if message.id]
    assert len(messages) > 500
    assert [message.id for message in messages if not all(texts(message.string or ""))] == []
    assert [message.id for message in messages if message.fuzzy] == []
    assert list(catalogue.obsolete) == []


def test_placeholders_and_tags_are_the_same(catalogue: Catalog) -> None:
    wrong = [
        message.id
        for message in catalogue
        if message.id
        and any(
            Counter(PLACEHOLDER.findall(text))
            != Counter(PLACEHOLDER.findall(texts(message.id)[-1]))
            for text in texts(message.string)
        )
    ]
    assert wrong == []


def test_the_compiled_catalogue_is_this_one(catalogue: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    with (FOLDER / "django.mo").open("rb") as file:
        shipped = pairs(read_mo(file))
    assert shipped == pairs(read_mo(compiled))


def test_the_sentences_of_templates_are_in_the_catalogue(catalogue: Catalog) -> None:
    known = {texts(message.id)[0] for message in catalogue if message.id}
    found = {
        text
        for path in (ROOT / "templates").rglob("*.html")
        for pair in QUOTED.findall(path.read_text(encoding="utf-8"))
        for text in (each.replace("%", "%%") for each in pair)
        if text
    }
    assert len(found) > 100
    assert sorted(found - known) == []
