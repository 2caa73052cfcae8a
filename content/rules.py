"""Who may write the catalogue: authors and operators, all of it."""

from typing import Any

from rules.permissions import add_perm
from rules.predicates import predicate


@predicate
def can_edit_catalogue(person: Any) -> bool:
    # `learners` lies above this app, so a person is known by her role only.
    return bool(getattr(person, "is_author", False) or getattr(person, "is_operator", False))


for _model in ("course", "section", "concept", "prerequisite", "item", "question"):
    for _action in ("view", "add", "change"):
        add_perm(f"content.{_action}_{_model}", can_edit_catalogue)
# Events, slates and assignments hang on courses, items and concepts: these are unpublished, not deleted.
for _model in ("section", "prerequisite", "question"):
    add_perm(f"content.delete_{_model}", can_edit_catalogue)
add_perm("content.view_textvector", can_edit_catalogue)
add_perm("content", can_edit_catalogue)
