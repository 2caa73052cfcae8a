"""What the recommender's parts of the admin share: rows that nobody edits, and buttons that call services."""

from collections.abc import Mapping
from typing import Any

from common.api.errors import Refused
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from recommender.selectors.versions import FEWEST_CASES


class ReadOnly(ModelAdmin):
    """Rows that only services and workers write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    class Media:
        css = {"all": ["recommender/admin.css"]}

    def answer(self, request: HttpRequest, address: str) -> HttpResponse:
        """Go to `address` after a button: a redirect for a form, a header for htmx."""
        if getattr(request, "htmx", False):
            return HttpResponse(headers={"HX-Redirect": address})
        return redirect(address)

    def button(self, view: Any, permission: str) -> Any:
        """A POST view for those who have `permission`; what a service refuses becomes a message."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            try:
                address: str = view(request, *args, **kwargs)
            except Refused as error:
                messages.error(request, str(error.detail))
                address = request.headers.get("HX-Current-URL") or reverse(
                    f"admin:recommender_{self.opts.model_name}_changelist"
                )
            return self.answer(request, address)

        return self.admin_site.admin_view(require_POST(guarded))


def format_metric(metrics: Mapping[str, float], name: str) -> str:
    """Three decimals with the number of cases, a dash where there is nothing; of too few cases no figure."""
    value, cases = metrics.get(name), metrics.get("cases")
    if value is None:
        return "–"
    if cases is None:
        return f"{value:.3f}"
    counted = ngettext("%(cases)d case", "%(cases)d cases", int(cases)) % {"cases": int(cases)}
    if cases >= FEWEST_CASES:
        return f"{value:.3f} ({counted})"
    return _("too few cases: %(cases)d of %(needed)d") % {
        "cases": int(cases),
        "needed": FEWEST_CASES,
    }
