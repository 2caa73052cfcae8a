"""How typed answers are read: numbers as people write them, text and expressions by their normal form."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from fractions import Fraction

MAX_NUMBER_LENGTH = 40
_MAX_EXPONENT = 400

_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f']")
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_FRACTION = re.compile(r"([+-]?\d+)/(\d+)", re.ASCII)
_GROUPED_BY_COMMA = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
_NOT_IN_LINE = ("<super>", "<sub>", "<fraction>")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2012": "-", "\ufe63": "-", "\uff0d": "-"})

_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUPERSCRIPT_RUN = re.compile(f"[{_SUPERSCRIPTS}]+")
_SUPERSCRIPT_DIGITS = str.maketrans(_SUPERSCRIPTS, "0123456789")
_SAME_SIGN = str.maketrans(
    {
        **{"\u2212": "-", "\u2013": "-", "\u2012": "-", "\u2010": "-", "\u2011": "-"},
        **{"×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/", "∕": "/", "⁄": "/"},
        **{"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'},
    }
)
_OPERATOR = re.compile(r"[=+*/^<>≤≥≠|()\[\]{}-]")


def read_number(text: str, *, unit: str = "") -> list[Fraction]:
    """Return the readings of a number as typed: none if it is no number, two if it is ambiguous.

    Read are a sign (also the typographic minus), a decimal point or comma, digits grouped by spaces or
    apostrophes ("1 000"), a power of ten ("1.5e3"), a fraction of whole numbers ("3/4") and the unit of
    the question behind it. With both "." and ",", the last is the decimal sign. "1,234" is read both as
    1.234 and as 1234, since both are usual; "1.234" is read as 1.234 only.
    """
    typed = text.strip()
    if unit and typed.endswith(unit):
        typed = typed.removesuffix(unit)
    # NFKC would make 52 of 5² and 31/2 of 3½.
    if any(unicodedata.decomposition(sign).startswith(_NOT_IN_LINE) for sign in typed):
        return []
    typed = _SPACES.sub("", unicodedata.normalize("NFKC", typed).translate(_MINUS))
    if not typed or len(typed) > MAX_NUMBER_LENGTH:
        return []
    if match := _FRACTION.fullmatch(typed):
        return [Fraction(int(match[1]), int(match[2]))] if int(match[2]) else []
    readings = []
    if _GROUPED_BY_COMMA.fullmatch(typed):
        readings.append(typed.replace(",", ""))
    if typed.rfind(",") > typed.rfind("."):
        readings.append(typed.replace(".", "").replace(",", "."))
    else:
        readings.append(typed.replace(",", ""))
    return list(dict.fromkeys(_exact(each) for each in readings if _PLAIN.fullmatch(each)))


def to_fraction(value: float) -> Fraction:
    """Return the number that `value` is written as: 0.1 is a tenth, not its binary neighbour.

    Raises ValueError where it is not finite or beyond 10^±400.
    """
    try:
        exact = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError("not a number") from error
    if not exact.is_finite() or abs(exact.adjusted()) > _MAX_EXPONENT:
        raise ValueError("not finite or out of range")
    return Fraction(exact)


def fold_text(text: str, *, case_sensitive: bool = False) -> str:
    """Return the form in which typed text is compared.

    Unicode NFKC, superscripts as powers (x² is x^2), one kind of minus, times, division and quotation
    sign, white space collapsed, and case folded unless `case_sensitive`.
    """
    typed = _SUPERSCRIPT_RUN.sub(lambda run: "^" + run[0].translate(_SUPERSCRIPT_DIGITS), text)
    typed = unicodedata.normalize("NFKC", typed.translate(_SAME_SIGN)).translate(_SAME_SIGN)
    if not case_sensitive:
        # Folding can bring back what NFKC had composed.
        typed = unicodedata.normalize("NFKC", typed.casefold())
    return " ".join(typed.split())


def is_expression(text: str) -> bool:
    """Tell whether accepted text is a formula, in which spaces mean nothing: it holds an operator or bracket."""
    return bool(_OPERATOR.search(fold_text(text)))


def matches(text: str, accepted: str, *, case_sensitive: bool = False) -> bool:
    """Tell whether typed `text` is the `accepted` one."""
    typed = fold_text(text, case_sensitive=case_sensitive)
    wanted = fold_text(accepted, case_sensitive=case_sensitive)
    if is_expression(accepted):
        return typed.replace(" ", "") == wanted.replace(" ", "")
    return typed == wanted


def _exact(typed: str) -> Fraction:
    return Fraction(Decimal(typed))
