"""Ranking: every term of it with its source and its measured effect, to be switched off and on for everybody."""

from typing import Any, Final

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recommender.admin.base import ReadOnly
from recommender.effects import read_effects
from recommender.models.ranking import RankingChange
from recommender.selectors.terms import list_ranking_changes, read_switched_off
from recommender.services.terms import switch_terms
from recommender.terms import Term

CHANGES: Final = 20
"""So many of the last changes are listed."""
TOLD: Final[dict[Term, tuple[Any, Any, str]]] = {
    Term.AFFINITY: (
        gettext_lazy("What learners like her went on with"),
        gettext_lazy("The model's score of an item after her history, from 0 to 1."),
        "Vaswani et al., 2017; Steck, 2019",
    ),
    Term.PRACTICE: (
        gettext_lazy("Practice that is neither too easy nor too hard"),
        gettext_lazy("Most for exercises that she gets right about as often as her target says."),
        "Vygotsky, 1978; Wilson et al., 2019",
    ),
    Term.MEMORY: (
        gettext_lazy("What fades comes first"),
        gettext_lazy(
            "Lifts due reviews, the more so the less is left of them. They stay due without it."
        ),
        "Ye, Su & Cao, 2022; Hunziker et al., 2019",
    ),
    Term.PREREQUISITES: (
        gettext_lazy("Prerequisites first"),
        gettext_lazy(
            "What lacks a prerequisite stands below what lacks none. It has readiness within it."
        ),
        "Doignon & Falmagne, 1985",
    ),
    Term.READINESS: (
        gettext_lazy("Readiness"),
        gettext_lazy(
            "A prerequisite also counts as missing while the open exercises on it promise less than even odds."
        ),
        "Bloom, 1968; Keller, 1968",
    ),
    Term.LESSONS_FIRST: (
        gettext_lazy("Lessons before exercises"),
        gettext_lazy("On a concept that is new to her, what teaches stands above what asks."),
        "Sweller & Cooper, 1985; Kalyuga et al., 2003",
    ),
    Term.REMEDIES: (
        gettext_lazy("Remedies"),
        gettext_lazy(
            "After three wrong answers in a row on a concept, what it builds on comes to the top."
        ),
        "Corbett & Anderson, 1995",
    ),
    Term.RETEACHING: (
        gettext_lazy("Lessons that come back"),
        gettext_lazy(
            "After a wrong answer, a lesson on it is due again, a day after she finished it."
        ),
        "Bloom, 1968; Kelly et al., 2015",
    ),
}
"""What a term is called, what it does, and where it is from."""


@admin.register(RankingChange)
class RankingAdmin(ReadOnly):
    """One page in place of a list of rows."""

    def get_urls(self) -> list[URLPattern]:
        save = self.button(self.save, "recommender.change_rankingchange")
        return [path("save/", save, name="recommender_rankingchange_save"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        request.current_app = self.admin_site.name
        changes = list_ranking_changes(limit=CHANGES)
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Ranking"),
            "opts": self.opts,
            "media": self.media,
            "effects": read_effects(),
            "terms": describe_terms(),
            "seen": changes[0].pk if changes else 0,
            "changes": [
                (row, [TOLD[term][0] for term in Term if term.value in row.switched_off])
                for row in changes
            ],
            "may_change": request.user.has_perm("recommender.change_rankingchange"),
        }
        return render(request, "admin/recommender/ranking/page.html", context)

    def save(self, request: HttpRequest) -> str:
        on = set(request.POST.getlist("term"))
        seen = request.POST.get("seen", "")
        changed = switch_terms(
            off=[term for term in Term if term.value not in on],
            by=request.user,
            seen=int(seen) if seen.isdecimal() else -1,
        )
        if changed:
            messages.success(request, _("Every list that is made from now on follows this."))
        else:
            messages.info(request, _("Nothing was changed."))
        return reverse("admin:recommender_rankingchange_changelist")


def describe_terms() -> list[dict[str, Any]]:
    """What the page shows of each term."""
    off, effects = read_switched_off(), read_effects()
    return [
        {
            "term": term,
            "name": TOLD[term][0],
            "does": TOLD[term][1],
            "source": TOLD[term][2],
            "on": term not in off,
            "effects": [
                {"effect": each, "sure": each.is_sure(among=effects.count)}
                for each in effects.by_term[term]
            ],
        }
        for term in Term
    ]
