"""A person's own account: name, language, her data, and leaving."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from learners.selectors.export import write_export
from learners.services.accounts import erase_person, update_account
from web.forms import AccountForm, DeleteForm
from web.requests import PageRequest, PersonRequest

_YEAR = 365 * 24 * 3600


@login_required
@require_http_methods(["GET", "POST"])
def show_account(request: PersonRequest) -> HttpResponse:
    person = request.user
    form = AccountForm(
        request.POST or None,
        instance=person,
        initial={"language": person.language or translation.get_language()},
    )
    if request.method == "POST" and form.is_valid():
        update_account(person=person, **form.cleaned_data)
        with translation.override(person.language):
            messages.success(request, _("Saved."))
        return _remember(redirect("web:account"), person.language)
    context = {"form": form, "delete_form": DeleteForm(person=person)}
    return render(request, "web/account.html", context, status=422 if form.errors else 200)


@require_POST
def choose_language(request: PageRequest) -> HttpResponse:
    """The switch at the foot of each page: kept in a cookie and, for who is signed in, with the account."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "/"
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        return redirect(target)
    if request.user.is_authenticated:
        update_account(person=request.user, language=language)
    return _remember(redirect(target), language)


@login_required
@require_GET
def export(request: PersonRequest) -> StreamingHttpResponse:
    """Everything stored of her, as one JSON file, written while it is read."""
    person = request.user
    response = StreamingHttpResponse(write_export(person=person), content_type="application/json")
    name = f"attune-{person.pseudonym}-{timezone.now():%Y%m%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
@require_POST
def delete(request: PersonRequest) -> HttpResponse:
    form = DeleteForm(request.POST, person=request.user)
    if not form.is_valid():
        context = {"form": AccountForm(instance=request.user), "delete_form": form}
        return render(request, "web/account.html", context, status=422)
    person = request.user
    logout(request)
    erase_person(person=person)
    messages.success(request, _("Your account and everything stored of you has been erased."))
    return redirect("web:home")


def _remember(response: HttpResponse, language: str) -> HttpResponse:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=_YEAR,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response
