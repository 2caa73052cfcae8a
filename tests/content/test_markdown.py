"""Markdown: maths, code and tables come out; nothing that runs, loads or breaks does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.markdown import find_unreadable_formulas, render, render_inline, to_plain_text


def test_prose_tables_and_code() -> None:
    html = render("# Title\n\n**b**\n\n| a | b |\n|--|--:|\n| 1 | 2 |\n\n```python\nif x:\n```\n")
    assert "<h1>Title</h1>" in html
    assert '<td class="align-right">2</td>' in html
    assert '<pre class="highlight"><code class="language-python"><span class="k">if</span>' in html


def test_maths_becomes_mathml() -> None:
    html = render("Inline $x^2$ and\n\n$$\\frac{1}{2}$$\n")
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html
    assert 'display="block"' in html
    assert 'alttext="\\frac{1}{2}"' in html


def test_money_is_no_formula() -> None:
    assert "<math" not in render("It costs $5 and then $7, or $3.")


@pytest.mark.parametrize(
    "formula", ["\\left( x", "\\frac{1", "\\nosuchcommand{x}", "}{", "{" * 3_000, "x_" * 5_000]
)
def test_bad_latex_is_shown_as_code(formula: str) -> None:
    html = render(f"Before ${formula}$ after")
    assert '<code class="unreadable-formula">' in html
    assert "after" in html
    assert find_unreadable_formulas(f"${formula}$") == [formula]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="x" style="position:fixed">a</a>',
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "![a](https://evil.example/pixel.png)",
        "$\\text{<img src=x onerror=alert(1)>}$",
        '$\\color{red" onclick="alert(1)}{x}$',
        "$\\href{javascript:alert(1)}{x}$",
        "$\\style{position:fixed}{x}$",
        '```"><script>alert(1)</script>\nx\n```',
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></math>",
    ],
)
def test_nothing_runs_or_phones_out(attack: str) -> None:
    for html in (render(attack), render_inline(attack)):
        tags = " ".join(re.findall(r"<[^>]*>", html))
        without_values = re.sub(r'"[^"]*"', '""', tags)
        assert not re.search(r"<(script|img|style|svg|iframe)", tags)
        assert not re.search(r"\b(on\w+|style|src)=", without_values)
        assert not re.search(r'href="\s*(javascript|data):', tags, re.IGNORECASE)


def test_links_lead_away_safely() -> None:
    assert 'rel="noopener noreferrer"' in render("[a](https://example.org)")


def test_plain_text_has_the_words_only() -> None:
    text = "# A *title*\n\nH**2**O and $x^2$.\n\n- one\n- two\n\n| a |\n|---|\n| b |\n\n`code`"
    assert to_plain_text(text) == "A title H2O and x^2. one two a b code"


@given(st.text(alphabet="$\\{}^_&%abx <>/\"'=*`|\n#[]()!-", max_size=80) | st.text(max_size=80))
def test_any_text_is_rendered(text: str) -> None:
    html = render(text)
    assert "<script" not in html
    assert isinstance(to_plain_text(text), str)
    assert isinstance(find_unreadable_formulas(text), list)
