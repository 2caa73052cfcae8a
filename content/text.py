"""Normal form and hash of text, and what no text of the catalogue may contain."""

import hashlib
import unicodedata


def normalise_text(text: str) -> str:
    """Return `text` in Unicode NFC with every run of white space as one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def hash_text(text: str) -> str:
    """Return the SHA-256 of the UTF-8 bytes of `text`, 64 hexadecimal digits.

    Nothing is normalised here: `selectors.item_text` returns normalised text, so whoever encodes that
    text gets the same key from a plain SHA-256 of its UTF-8 bytes, without this app.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can store `text`: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
