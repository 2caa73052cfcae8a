"""Template tags of the pages: icons, meters, numbers as people say them."""

import math
from datetime import datetime, timedelta
from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from content.markdown import to_plain_text
from web.icons import ICONS, LOGO

register = template.Library()

# Django's own words, here to be translated: Chinese "2 日" does not go before "ago".
UNITS: Final[dict[str, Any]] = {
    "year": ngettext_lazy("%(num)d year", "%(num)d years", "num"),
    "month": ngettext_lazy("%(num)d month", "%(num)d months", "num"),
    "week": ngettext_lazy("%(num)d week", "%(num)d weeks", "num"),
    "day": ngettext_lazy("%(num)d day", "%(num)d days", "num"),
    "hour": ngettext_lazy("%(num)d hour", "%(num)d hours", "num"),
    "minute": ngettext_lazy("%(num)d minute", "%(num)d minutes", "num"),
}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon; decorative unless `label` says what it means."""
    drawing = mark_safe(ICONS[name])  # noqa: S308  our own constants
    if label:
        return format_html(
            '<svg class="icon" viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>',
            label,
            drawing,
        )
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>',
        drawing,
    )


@register.simple_tag
def logo() -> SafeString:
    return format_html(
        '<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.5" '
        'stroke-linecap="round" aria-hidden="true" focusable="false">{}</svg>',
        mark_safe(LOGO),  # noqa: S308  our own constant
    )


@register.simple_tag
def meter(value: float | None, label: str, kind: str = "") -> SafeString:
    """A bar filled to `value` (0 to 1). An SVG, because the policy forbids a style attribute for its width."""
    percent = round(100 * min(max(value or 0.0, 0.0), 1.0))
    return format_html(
        '<svg class="meter {}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-track" width="100" height="4"/>'
        '<rect class="meter-fill" width="{}" height="4"/></svg>',
        kind,
        f"{label}: {percent}%",
        percent,
    )


@register.simple_tag
def interval(estimate: Any, label: str) -> SafeString:
    """A bar from the lower to the upper end of an estimate (`mean`, `low`, `high` from 0 to 1), with a mark at the mean."""
    mean, low, high = (100 * estimate[name] for name in ("mean", "low", "high"))
    told = _("%(label)s: %(mean)d%%, between %(low)d%% and %(high)d%%")
    return format_html(
        '<svg class="meter interval" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-track" width="100" height="4"/>'
        '<rect class="interval-band" x="{}" width="{}" height="4"/>'
        '<rect class="interval-mark" x="{}" width="1" height="4"/></svg>',
        told % {"label": label, "mean": round(mean), "low": round(low), "high": round(high)},
        f"{low:.1f}",
        f"{high - low:.1f}",
        f"{min(mean, 99):.1f}",
    )


LEVELS: Final[dict[str, tuple[str, Any]]] = {
    "mastered": ("good", gettext_lazy("mastered")),
    "unsure": ("", gettext_lazy("unsure")),
    "not_yet": ("warn", gettext_lazy("not yet mastered")),
}


@register.simple_tag
def level_badge(level: str) -> SafeString:
    """What is sure of a concept, in a word."""
    kind, label = LEVELS[level]
    return format_html('<span class="badge {}">{}</span>', kind, label)


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{round(100 * value)}%"


@register.filter
def share(part: float | None, whole: float | None) -> float:
    """`part` of `whole` between 0 and 1; 0 of nothing is 0."""
    return (part or 0) / whole if whole else 0.0


@register.filter
def minutes(value: float | None) -> str:
    """A typical attention time, as people say it."""
    return _("%(count)s min") % {"count": max(1, round(value or 0))}


@register.filter
def duration(seconds: float | None) -> str:
    """Attention in all: minutes below an hour, then hours with a fraction."""
    total = seconds or 0
    if total < 3600:
        return _("%(count)s min") % {"count": round(total / 60)}
    return _("%(count)s h") % {"count": f"{total / 3600:.1f}"}


@register.filter
def ago(moment: datetime) -> str:
    """How long ago, in the largest unit only."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, time_strings=UNITS, depth=1)}


@register.filter
def times(weight: float) -> str:
    """A weight as a factor."""
    return _("%(factor)s×") % {"factor": f"{weight:.2f}"}


@register.filter
def level(weight: float) -> str:
    """A weight's place on its slider, which counts in powers of two, a quarter a step."""
    return f"{round(4 * math.log2(weight)) / 4:g}"


@register.filter
def spoken(text: str) -> str:
    """Markdown as words, formulas as LaTeX: the name of a control with a formula in it, whose MathML a screen reader
    would flatten ("12x22x" for a fraction)."""
    return to_plain_text(text)


@register.filter
def get(mapping: Any, key: Any) -> Any:
    return mapping.get(key)


@register.filter
def likelihood(value: float) -> str:
    """How likely a right answer is, in words a learner can use."""
    if value >= 0.85:
        return _("very likely right")
    if value >= 0.6:
        return _("likely right")
    if value >= 0.4:
        return _("about even")
    return _("a real challenge")


KIND_LABELS = {
    "lesson": gettext_lazy("Lesson"),
    "exercise": gettext_lazy("Exercise"),
    "quiz": gettext_lazy("Quiz"),
    "video": gettext_lazy("Video"),
    "reading": gettext_lazy("Reading"),
}
REASON_ICONS = {
    "assigned": "assign",
    "pinned": "pin",
    "prerequisite": "hint",
    "introduction": "lesson",
    "reteaching": "refresh",
    "exploration": "compass",
    "review": "refresh",
    "syllabus": "courses",
    "syllabus_start": "courses",
    "success": "progress",
}


@register.simple_tag
def kind_badge(kind: str) -> SafeString:
    return format_html(
        '<span class="badge accent">{}{}</span>', icon(kind), KIND_LABELS.get(kind, kind)
    )


@register.simple_tag
def reason_icon(code: str) -> SafeString:
    return icon(REASON_ICONS.get(code, "spark"))


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The main places of a person, with the one she is at marked."""
    request = context["request"]
    match = getattr(request, "resolver_match", None)
    here = match.url_name if match and match.namespaces == ["web"] else ""
    return [
        {
            "name": name,
            "url": reverse(f"web:{name}"),
            "label": label,
            "icon": drawing,
            "current": here in places,
        }
        for name, label, drawing, places in _places(request.user)
    ]


def _places(person: Any) -> list[tuple[str, str, str, set[str]]]:
    groups = ("groups", _("Groups"), "group", {"groups", "group", "learner"})
    courses = ("courses", _("Courses"), "courses", {"courses", "course", "item", "join"})
    account = ("account", _("Account"), "person", {"account"})
    if person.is_operator:
        return [("home", _("Operations"), "progress", {"home"}), groups, courses, account]
    if person.is_teacher:
        return [groups, courses, account]
    return [
        ("home", _("Next"), "compass", {"home"}),
        courses,
        ("progress", _("Progress"), "progress", {"progress", "attention"}),
        account,
    ]


_VERB_ICONS = {
    "viewed": "lesson",
    "progressed": "started",
    "completed": "check",
    "answered": "exercise",
    "rated": "helpful",
    "abandoned": "out",
}


@register.simple_tag
def verb_icon(verb: str, success: bool | None) -> SafeString:
    """The mark of one thing that a learner did."""
    if verb == "answered" and success is not None:
        kind, drawing = ("good", "check") if success else ("bad", "cross")
        return format_html('<span class="{}-icon">{}</span>', kind, icon(drawing))
    return format_html("<span>{}</span>", icon(_VERB_ICONS.get(verb, "circle")))


_DONE = {
    "viewed": gettext_lazy("Opened:"),
    "progressed": gettext_lazy("Worked on:"),
    "completed": gettext_lazy("Finished:"),
    "answered": gettext_lazy("Answered:"),
    "rated": gettext_lazy("Rated:"),
    "abandoned": gettext_lazy("Left:"),
}


@register.simple_tag
def verb_text(verb: str, success: bool | None, graded: bool) -> str:
    """What was done, in a word or two, before the item's title."""
    if verb == "answered" and graded and success is not None:
        return _("Answered right:") if success else _("Answered, not yet right:")
    return str(_DONE.get(verb, verb))
