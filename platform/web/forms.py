"""Forms of the pages. They read and check what a person typed; services carry it out."""

from datetime import datetime, time
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from content.models import Concept, Course, Item
from learners.models import Assignment, Group, User
from learners.selectors import find_person, list_offered_courses


class JoinForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Join code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


class AccountForm(forms.ModelForm):
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = ["first_name", "last_name", "language"]


class DeleteForm(forms.Form):
    """Leaving for good asks for the user name, so that no slip of the finger does it."""

    username = forms.CharField(
        label=gettext_lazy("Type your user name to confirm"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_username(self) -> str:
        typed: str = self.cleaned_data["username"]
        if typed != self.person.username:
            raise forms.ValidationError(_("That is not your user name."))
        return typed


class GroupForm(forms.ModelForm):
    class Meta:
        model = Group
        fields = ["name"]


class MemberForm(forms.Form):
    person = forms.CharField(
        label=gettext_lazy("User name or email address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_person(self) -> User:
        typed = self.cleaned_data["person"].strip()
        found = find_person(email=typed) if "@" in typed else find_person(username=typed)
        if found is None:
            raise forms.ValidationError(_("There is nobody of this name or address."))
        return found


class FindForm(forms.Form):
    """Looking for learners of a group. What makes no sense in an address counts as not given."""

    q = forms.CharField(
        label=gettext_lazy("Find by name"),
        max_length=100,
        required=False,
        widget=forms.SearchInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    sort = forms.ChoiceField(
        label=gettext_lazy("Sort by"),
        required=False,
        choices=[
            ("need", gettext_lazy("who needs help first")),
            ("name", gettext_lazy("name")),
            ("right", gettext_lazy("fewest right answers")),
            ("done", gettext_lazy("least done")),
            ("active", gettext_lazy("longest away")),
        ],
    )
    page = forms.IntegerField(
        required=False, min_value=1, max_value=100_000, widget=forms.HiddenInput
    )

    def read(self) -> dict[str, Any]:
        """`q`, `sort` and `page` (None where none is given)."""
        self.is_valid()
        found = {"q": "", "page": None, **self.cleaned_data}
        return {**found, "sort": found.get("sort") or "need"}

    def as_query(self, **changed: Any) -> str:
        """The query string that asks for this, without what is so anyway."""
        wanted = {**self.read(), **changed}
        plain = {"q": "", "sort": "need", "page": None}
        return urlencode(
            {name: wanted[name] for name in plain if wanted[name] not in {plain[name], 1}}
        )


class CourseForm(forms.Form):
    course = forms.ModelChoiceField(
        label=gettext_lazy("Course"), queryset=Course.objects.none(), to_field_name="slug"
    )

    def __init__(self, *args: Any, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["course"]
        field.queryset = list_offered_courses().exclude(groups=group).order_by("title")


class RuleForm(forms.Form):
    """Assign, pin or ban: one item or one concept, for everybody or for some."""

    rule = forms.ChoiceField(
        label=gettext_lazy("Rule"),
        choices=[
            (Assignment.Rule.ASSIGN, gettext_lazy("Assign as work")),
            (Assignment.Rule.PIN, gettext_lazy("Keep at the top")),
            (Assignment.Rule.BAN, gettext_lazy("Hide")),
        ],
        help_text=gettext_lazy(
            "Work comes first until it is done, and may have a due date. What is kept at the top stands there, "
            "too, without being work. What is hidden is never suggested."
        ),
    )
    item = forms.ModelChoiceField(
        label=gettext_lazy("Item"),
        queryset=Item.objects.none(),
        to_field_name="slug",
        required=False,
    )
    concept = forms.ModelChoiceField(
        label=gettext_lazy("or everything on a concept"),
        queryset=Concept.objects.none(),
        to_field_name="slug",
        required=False,
    )
    learners = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Only for"),
        queryset=User.objects.none(),
        required=False,
        # Boxes: in a list of many names one slip without the right key loses all that was chosen.
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Choose nobody to reach the whole group."),
    )
    due = forms.DateField(
        label=gettext_lazy("Due"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        items = Item.objects.filter(course__groups=group, published=True).order_by(
            "course__title", "position"
        )
        concepts = Concept.objects.filter(items__in=items).distinct().order_by("title")
        fields: Any = self.fields
        fields["item"].queryset = items
        fields["concept"].queryset = concepts
        fields["learners"].queryset = group.learners.order_by("username")
        fields["learners"].label_from_instance = lambda one: one.get_full_name() or one.username

    def clean_due(self) -> Any:
        day = self.cleaned_data["due"]
        if day is None:
            return None
        if day < timezone.localdate():
            raise forms.ValidationError(_("This day is over."))
        # Due by the end of that day, in the site's time zone.
        end = datetime.combine(day, time(23, 59, 59))
        return timezone.make_aware(end)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("item")) == bool(data.get("concept")) and not self.errors:
            self.add_error("item", _("Choose either an item or a concept."))
        return data


class WeightForm(forms.Form):
    """How much one feature counts: `level` is the logarithm of its weight to base 2, none gives it back."""

    feature = forms.CharField(max_length=120)
    level = forms.FloatField(min_value=-2, max_value=2, required=False)
