"""Markdown to HTML that is safe to show: maths becomes MathML, code gets classes, nothing runs or phones out.

CommonMark with tables; `$…$` and `$$…$$` hold LaTeX; fenced code is highlighted where its language is
known (style sheet: `pygments.formatters.HtmlFormatter().get_style_defs(".highlight")`). Raw HTML is shown
as text. The page's own pictures are no part of it: an image is rendered as a link to it.
"""

import html
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from content.text import normalise_text

# A formula longer than this is a mistake (a lost dollar sign), and parsing it would take long.
MAX_FORMULA = 2_000
_ESCAPED = re.compile(r"\\.", re.DOTALL)

_TEXT_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "blockquote", "a", "s"),
    *("ul", "ol", "li", "pre", "code", "span", "div"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_MATH_TAGS = {
    *("math", "semantics", "mrow", "mi", "mn", "mo", "mtext", "mspace", "ms", "mstyle", "merror"),
    *("mfrac", "msqrt", "mroot", "mpadded", "mphantom", "menclose", "mfenced"),
    *("msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts"),
    *("none", "mtable", "mtr", "mtd"),
}
_MATH_ATTRIBUTES = {
    *("mathvariant", "mathcolor", "mathbackground", "mathsize", "displaystyle", "scriptlevel"),
    *("stretchy", "fence", "separator", "form", "accent", "accentunder", "movablelimits"),
    *("largeop", "symmetric", "lspace", "rspace", "minsize", "maxsize", "width", "height", "depth"),
    *("voffset", "linebreak", "linethickness", "notation", "columnalign", "rowspacing"),
    *("columnspacing", "columnlines", "rowlines", "rowalign", "frame", "open", "close"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    **{tag: {"class"} for tag in ("pre", "code", "span", "div", "th", "td")},
    **dict.fromkeys(_MATH_TAGS, _MATH_ATTRIBUTES),
    "math": _MATH_ATTRIBUTES | {"display", "alttext", "xmlns"},
}
_SAFE = nh3.Cleaner(
    tags=_TEXT_TAGS | _MATH_TAGS,
    attributes=_ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer",
)


class UnreadableFormula(ValueError):
    """LaTeX that cannot be turned into MathML."""


def formula_to_mathml(latex: str, *, display: bool = False) -> str:
    """Return the MathML of `latex`. Raises UnreadableFormula."""
    if len(latex) > MAX_FORMULA or not _is_balanced(latex):
        raise UnreadableFormula(latex)
    try:
        mathml = convert(latex, display="block" if display else "inline")
    except Exception as error:  # the library's errors have no common ancestor
        raise UnreadableFormula(latex) from error
    # The library passes on a command, or an alignment mark, that it does not know.
    if "<mi>\\" in mathml or "<mi>&</mi>" in mathml:
        raise UnreadableFormula(latex)
    alternative = html.escape(latex.strip(), quote=True)
    return mathml.replace("<math ", f'<math alttext="{alternative}" ', 1)


@lru_cache(maxsize=256)
def render(text: str) -> SafeString:
    """Return Markdown as sanitised HTML. Never raises: what cannot be read is shown as it was written."""
    return _clean(_MARKDOWN.render(text))


@lru_cache(maxsize=1024)
def render_inline(text: str) -> SafeString:
    """Return one line of Markdown (an option, a title) as sanitised HTML without a paragraph."""
    return _clean(_MARKDOWN.renderInline(text))


def to_plain_text(text: str) -> str:
    """Return the words of Markdown without its markup, normalised; formulas stay as LaTeX."""
    return normalise_text(" ".join(_words(_MARKDOWN.parse(text))))


def find_unreadable_formulas(text: str) -> list[str]:
    """Return the formulas in Markdown that would be shown as code, in their order."""
    unreadable = []
    for token in _flatten(_MARKDOWN.parse(text)):
        if token.type.startswith("math_"):
            try:
                formula_to_mathml(token.content)
            except UnreadableFormula:
                unreadable.append(token.content.strip())
    return unreadable


def _clean(rendered: str) -> SafeString:
    # Safe because the allow-list above has no element or attribute that runs or loads anything.
    return mark_safe(_SAFE.clean(rendered))  # noqa: S308


def _is_balanced(latex: str) -> bool:
    depth = 0
    for character in _ESCAPED.sub("", latex):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _render_formula(latex: str, options: dict[str, Any]) -> str:
    try:
        return formula_to_mathml(latex, display=bool(options.get("display_mode")))
    except UnreadableFormula:
        return f'<code class="unreadable-formula">{html.escape(latex)}</code>'


def _highlight(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language) if language else None
    except ClassNotFound:
        lexer = None
    if lexer is None:
        return f'<pre class="highlight"><code>{html.escape(code)}</code></pre>\n'
    marked = highlight(code, lexer, HtmlFormatter(nowrap=True))
    name = html.escape(lexer.aliases[0], quote=True)
    return f'<pre class="highlight"><code class="language-{name}">{marked}</code></pre>\n'


def _render_image(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    token = tokens[index]
    address = str(token.attrGet("src") or "")
    words = " ".join(_words(token.children or [])) or address
    return f'<a href="{html.escape(address, quote=True)}">{html.escape(words)}</a>'


def _render_cell(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    # A strict CSP forbids the style attribute that the library aligns cells with.
    style = str(tokens[index].attrGet("style") or "")
    aligned = f' class="{style.replace("text-align:", "align-")}"' if style else ""
    return f"<{tokens[index].tag}{aligned}>"


def _flatten(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flatten(token.children or [])


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children is not None and token.type in {"inline", "image"}:
            # Pieces of one line belong together: "H" + "2" + "O" is one word.
            yield "".join(_words(token.children))
        elif token.type in {"softbreak", "hardbreak"}:
            yield " "
        elif token.content:
            yield token.content


def _build() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    # Money ("$5 and $7") is no formula: a formula touches its dollars and no digit follows it.
    markdown.use(
        dollarmath_plugin,
        allow_space=False,
        allow_digits=False,
        allow_labels=False,
        double_inline=True,
        renderer=_render_formula,
    )
    markdown.add_render_rule("image", _render_image)
    markdown.add_render_rule("th_open", _render_cell)
    markdown.add_render_rule("td_open", _render_cell)
    markdown.add_render_rule("fence", _render_fence)
    return markdown


def _render_fence(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    language = (tokens[index].info.split() or [""])[0]
    return _highlight(tokens[index].content, language)


_MARKDOWN = _build()
