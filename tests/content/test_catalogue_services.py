"""Selectors and services that the apps above call."""

import hashlib
import itertools
from typing import Any

import numpy
import pytest
from common.turns import key_of
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from content import selectors, services
from content.models import Concept, Course, Item, TextVector


def test_item_text_is_what_people_read_without_the_key(exercise: Item, quiz: Item) -> None:
    assert selectors.item_text(exercise) == (
        "The capital\nCapitals\nWhat is the capital of France?"
    )
    text = selectors.item_text(quiz)
    assert text == "A mixed quiz\nCapitals\nWhich are even?\nHow much?\nWho?"
    assert quiz.text_hash == hashlib.sha256(text.encode()).hexdigest()


def test_equal_text_has_an_equal_hash(course: Course) -> None:
    def make(slug: str, body: str) -> Item:
        return services.create_item(
            course=course, slug=slug, title="Café", kind="reading", body=body
        )

    first, second = make("a", "Some *words*\nhere"), make("b", "Some   words here")
    assert first.text_hash == second.text_hash
    assert first.text_hash != make("c", "Other words").text_hash
    # One é of two code points.
    services.update_item(item=second, title="Cafe\u0301")
    assert second.text_hash == first.text_hash


def test_retitled_concept_changes_the_text_of_its_items(exercise: Item, concept: Concept) -> None:
    before = exercise.text_hash
    services.update_concept(concept=concept, title="Seats of government")
    exercise.refresh_from_db()
    assert exercise.text_hash != before


def test_syllabus_is_in_tree_order_and_published(
    course: Course, exercise: Item, quiz: Item, lesson: Item
) -> None:
    other = services.create_course(slug="spain", title="Spain")
    far = services.create_item(course=other, slug="far", title="Far", kind="reading", body="x")
    services.update_item(item=lesson, position=0)
    services.update_item(item=exercise, position=7)
    assert selectors.get_syllabus([other.pk, course.pk]) == [
        far.pk,
        lesson.pk,
        quiz.pk,
        exercise.pk,
    ]
    services.set_published(Item.objects.filter(pk=quiz.pk), published=False)
    assert selectors.get_syllabus([course.pk]) == [lesson.pk, exercise.pk]
    services.update_course(course=course, published=False)
    assert selectors.get_syllabus([course.pk]) == []


def test_catalogue_rows_hold_everything_in_one_query(
    exercise: Item, lesson: Item, concept: Concept, django_assert_num_queries: Any
) -> None:
    lonely = services.create_item(
        course=exercise.course, slug="lonely", title="L", kind="reading", published=False
    )
    with django_assert_num_queries(1):
        rows = {row.id: row for row in selectors.catalogue_rows()}
    assert list(rows) == [exercise.pk, lesson.pk, lonely.pk]
    row = rows[exercise.pk]
    assert (row.slug, row.kind, row.course_id) == ("capital", "exercise", exercise.course_id)
    assert (row.concept_ids, row.published) == ((concept.pk,), True)
    assert row.text_hash == exercise.text_hash
    assert (rows[lonely.pk].concept_ids, rows[lonely.pk].published) == ((), False)
    services.update_course(course=exercise.course, published=False)
    assert not any(row.published for row in selectors.catalogue_rows())


def test_outline_is_the_tree(course: Course, lesson: Item, exercise: Item) -> None:
    services.update_course(
        course=course,
        sections=[
            {"slug": "empty", "title": "Empty"},
            {"slug": "a", "title": "A"},
            {"slug": "b", "title": "B", "parent": "a"},
        ],
    )
    services.update_item(item=lesson, section=course.sections.get(slug="b"))
    outline = selectors.get_outline(course.pk)
    first, loose = outline.sections
    assert first.section is not None
    assert (first.section.slug, first.items) == ("a", [])
    assert first.children[0].items == [lesson]
    assert (loose.section, loose.items) == (None, [exercise])


def test_sections_belong_to_one_course(course: Course, lesson: Item) -> None:
    other = services.create_course(
        slug="spain", title="Spain", sections=[{"slug": "s", "title": "S"}]
    )
    with pytest.raises(ValidationError) as refused:
        services.update_item(item=lesson, section=other.sections.get())
    assert list(refused.value.message_dict) == ["section"]


def test_prerequisites_refuse_a_cycle_by_name(db: None) -> None:
    a, b, c = (services.create_concept(slug=slug, title=slug) for slug in "abc")
    assert services.set_prerequisites(concept=b, prerequisites=[a])
    assert services.set_prerequisites(concept=c, prerequisites=[b])
    assert not services.set_prerequisites(concept=c, prerequisites=[b])
    with pytest.raises(services.PrerequisiteCycle) as refused:
        services.set_prerequisites(concept=a, prerequisites=[c])
    assert refused.value.path == ["a", "c", "b", "a"]
    assert "a → c → b → a" in str(refused.value)
    assert selectors.prerequisite_map() == {b.pk: {a.pk}, c.pk: {b.pk}}


@pytest.mark.django_db(transaction=True)
def test_writers_of_prerequisites_take_turns() -> None:
    from django.db import connections

    services.create_concept(slug="a", title="A")
    other = connections.create_connection("default")
    try:
        with transaction.atomic():
            services.concepts.lock_prerequisites()
            with other.cursor() as cursor:
                key = key_of(services.concepts.GRAPH)
                cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
                assert cursor.fetchone() == (False,)
    finally:
        other.close()
    assert connection.in_atomic_block is False


@given(st.dictionaries(st.integers(0, 6), st.sets(st.integers(0, 6), max_size=4), max_size=7))
def test_a_cycle_is_found_exactly_where_there_is_one(graph: dict[int, set[int]]) -> None:
    cycle = selectors.find_cycle(graph)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert len(cycle) >= 2
        assert all(after in graph[before] for before, after in itertools.pairwise(cycle))
        return
    # Without a cycle, taking away what needs nothing any more takes away everything.
    left = {node: set(needs) for node, needs in graph.items()}
    while left:
        free = {node for node, needs in left.items() if not needs & set(left)}
        assert free
        left = {node: needs for node, needs in left.items() if node not in free}


def test_deep_graphs_do_not_exhaust_the_stack() -> None:
    chain = {number: {number + 1} for number in range(20_000)}
    assert selectors.find_cycle(chain) is None
    assert len(selectors.find_cycle({**chain, 20_000: {0}}) or []) == 20_002


def test_vectors_are_stored_once_and_read_back(exercise: Item, lesson: Item) -> None:
    missing = selectors.list_missing_vectors("e1")
    assert {entry.item_id for entry in missing} == {exercise.pk, lesson.pk}
    texts = selectors.read_texts([entry.item_id for entry in missing])
    assert set(texts) == {exercise.text_hash, lesson.text_hash}
    vectors = {text_hash: [3.0, 4.0] for text_hash in texts}
    assert services.store_vectors("e1", vectors) == 2
    assert services.store_vectors("e1", vectors) == 0
    assert selectors.list_missing_vectors("e1") == []
    assert len(selectors.list_missing_vectors("e2", limit=1)) == 1
    loaded = selectors.load_vectors("e1", [exercise.text_hash, "0" * 64])
    assert list(loaded) == [exercise.text_hash]
    assert loaded[exercise.text_hash].dtype == numpy.float32
    assert loaded[exercise.text_hash] == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("vector", [[], [[1.0]], [float("nan")], [float("inf")]])
def test_unusable_vectors_are_refused(db: None, vector: Any) -> None:
    with pytest.raises(ValueError, match="empty, not flat or not finite"):
        services.store_vectors("e1", {"a" * 64: [1.0], "b" * 64: vector})
    assert not TextVector.objects.exists()


def test_hashes_of_rows_loaded_past_the_services(course: Course) -> None:
    Item.objects.bulk_create(
        Item(course=course, slug=f"bulk-{number}", title=f"Bulk {number}", kind="reading")
        for number in range(3)
    )
    assert selectors.list_missing_vectors("e1") == []
    assert services.compute_text_hashes() == 3
    assert services.compute_text_hashes() == 0
    assert len(selectors.list_missing_vectors("e1")) == 3
