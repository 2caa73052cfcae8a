"""Operators declare attributes of learners, for reports of fairness only."""

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from web_pages import sign_in

from learners.models import Group, LearnerAttribute, User
from learners.selectors.parts import list_attributes_of, list_groups_of
from learners.services.accounts import erase_person

pytestmark = pytest.mark.django_db

LIST = "/admin/learners/learnerattribute/"


def upload(client: Client, text: str) -> Any:
    """The page that asks for confirmation, or that tells what is wrong."""
    file = SimpleUploadedFile("table.csv", text.encode("utf-8-sig"), content_type="text/csv")
    answer = client.post(f"{LIST}import/", {"import_file": file, "format": "0"})
    assert answer.status_code == 200
    return answer


def confirm(client: Client, answer: Any) -> Any:
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', _text(answer))
    return client.post(f"{LIST}process_import/", dict(hidden))


def _words(answer: Any) -> str:
    return " ".join(re.sub("<[^>]*>", " ", _text(answer)).split())


def _text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_table_is_imported_and_replaces_what_was_said_before(
    olga: Any, alice: Any, charlie: Any
) -> None:
    LearnerAttribute.objects.create(learner=alice, name="first language", value="Welsh")
    client = sign_in(olga)
    table = "learner,name,value\nalice, first language ,Finnish\ncharlie,first language,Welsh\n"
    answer = upload(client, table)
    assert list_attributes_of(learner_ids=[alice.pk]) == {"first language": {"Welsh": [alice.pk]}}
    assert confirm(client, answer).status_code == 302
    assert list_attributes_of(learner_ids=[alice.pk, charlie.pk]) == {
        "first language": {"Finnish": [alice.pk], "Welsh": [charlie.pk]}
    }
    # What is imported leaves nobody's name in a log that outlasts her account.
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            "learner,name,value\nalice,language,Finnish\nnobody,language,Welsh\n",
            "Line number 3 : learner: nobody is called nobody",
        ),
        ("learner,name,value\nalice,language,\n", "blank"),
        (
            "learner,name,value\nalice,language,\n",
            "value: This field cannot be blank. 2 alice language",
        ),
        ("user;attr\nalice;language\n", "Missing columns: learner, name, value"),
        ("learner,name,value\nali\0ce,language,Welsh\n", "nobody is called"),
        ("learner,name\nalice,language\n", "Missing columns: value"),
    ],
)
def test_a_table_with_a_mistake_changes_nothing(
    olga: Any, alice: Any, table: str, told: str
) -> None:
    answer = upload(sign_in(olga), table)
    assert told in _words(answer)
    assert "process_import" not in _text(answer)
    assert "Traceback" not in _text(answer) and ".py" not in _text(answer)
    assert not LearnerAttribute.objects.exists()


def test_a_later_row_of_a_table_takes_the_place_of_an_earlier_one(olga: Any, alice: Any) -> None:
    client = sign_in(olga)
    table = "learner,name,value\nalice,language,Finnish\nalice,language,Welsh\nalice,age,12\n"
    assert confirm(client, upload(client, table)).status_code == 302
    assert list_attributes_of(learner_ids=[alice.pk]) == {
        "language": {"Welsh": [alice.pk]},
        "age": {"12": [alice.pk]},
    }


@pytest.mark.parametrize("rows", [2, 60])
def test_a_table_costs_as_many_queries_however_long_it_is(
    olga: Any, rows: int, django_assert_max_num_queries: Any
) -> None:
    people = User.objects.bulk_create(
        [User(username=f"pupil{number}", password="!") for number in range(rows)]
    )
    # Half of them have a value already, which the table replaces.
    LearnerAttribute.objects.bulk_create(
        [LearnerAttribute(learner=one, name="language", value="Welsh") for one in people[::2]]
    )
    client = sign_in(olga)
    table = "\n".join(
        ["learner,name,value", *(f"{one.username},language,Finnish" for one in people)]
    )
    with django_assert_max_num_queries(40):
        answer = upload(client, table)
    with django_assert_max_num_queries(40):
        assert confirm(client, answer).status_code == 302
    ids = [one.pk for one in people]
    assert list_attributes_of(learner_ids=ids) == {"language": {"Finnish": ids}}


def test_one_is_declared_by_hand_and_the_log_names_nobody(olga: Any, alice: Any) -> None:
    client = sign_in(olga)
    form = {"learner": alice.pk, "name": "first language", "value": "Finnish"}
    assert client.post(f"{LIST}add/", form).status_code == 302
    stored = LearnerAttribute.objects.get()
    assert (stored.learner, stored.value) == (alice, "Finnish")
    assert LogEntry.objects.get().object_repr == f"#{stored.pk}"
    assert "Finnish" in _text(client.get(LIST, {"q": "alice"}))


def test_teachers_and_learners_see_nothing_of_others(
    alice: Any, bob: Any, group: Group, api: Any
) -> None:
    LearnerAttribute.objects.create(learner=alice, name="first language", value="Finnish")
    assert sign_in(bob).get(LIST).status_code in {302, 403}
    for address in (f"/api/v1/groups/{group.pk}/overview/", _her_page(group, alice)):
        answer = api(bob).get(address)
        assert answer.status_code == 200
        assert "Finnish" not in answer.content.decode()


def test_it_is_in_her_export_and_goes_with_her(alice: Any, api: Any) -> None:
    LearnerAttribute.objects.create(learner=alice, name="first language", value="Finnish")
    answer = api(alice).get("/api/v1/me/export/")
    stored = json.loads(b"".join(answer.streaming_content))["learners"]
    assert stored["attributes"] == [{"name": "first language", "value": "Finnish"}]
    erase_person(person=alice)
    assert not LearnerAttribute.objects.exists()


def test_groups_are_told_by_name_with_those_asked_for(
    alice: Any, charlie: Any, group: Group
) -> None:
    assert list_groups_of(learner_ids=[alice.pk, charlie.pk]) == {
        (group.pk, group.name): [alice.pk]
    }
    assert list_groups_of(learner_ids=[charlie.pk]) == {}


def _her_page(group: Group, learner: Any) -> str:
    return f"/api/v1/groups/{group.pk}/learners/{learner.pk}/"
