"""The pages. One URL, one view: an htmx request to the same address gets the part that changed."""

from django.urls import path

from web.views import (
    account,
    attention,
    courses,
    files,
    groups,
    health,
    home,
    items,
    learner_pages,
    placement,
    progress,
    reviews,
    rules,
)

app_name = "web"

urlpatterns = [
    path("", home.show_home, name="home"),
    path("next/<uuid:slate>/feedback/", home.give_feedback, name="feedback"),
    path("items/<slug:slug>/", items.show_item, name="item"),
    path("items/<slug:slug>/answer/", items.answer_item, name="answer"),
    path("items/<slug:slug>/done/", items.finish_item, name="done"),
    path("items/<slug:slug>/file/", files.send_file, name="file"),
    path("placement/<slug:slug>/", placement.show_placement, name="placement"),
    path("reviews/", reviews.show_reviews, name="reviews"),
    path("progress/", progress.show_progress, name="progress"),
    path("attention/", attention.show_attention, name="attention"),
    path("attention/set/", attention.set_weight, name="attention-set"),
    path("attention/pause/", attention.pause, name="attention-pause"),
    path("attention/undo/", attention.undo, name="attention-undo"),
    path("attention/reset/", attention.reset, name="attention-reset"),
    path("courses/", courses.list_courses, name="courses"),
    path("courses/<slug:slug>/", courses.show_course, name="course"),
    path("join/", courses.join, name="join"),
    path("account/", account.show_account, name="account"),
    path("account/language/", account.choose_language, name="language"),
    path("account/export/", account.export, name="export"),
    path("account/delete/", account.delete, name="delete"),
    path("groups/", groups.list_groups, name="groups"),
    path("groups/<int:pk>/", groups.show_group, name="group"),
    path("groups/<int:pk>/mastery/", groups.show_mastery, name="group-mastery"),
    path("groups/<int:pk>/code/", groups.change_code, name="group-code"),
    path("groups/<int:pk>/rules/", rules.give_rule, name="group-rules"),
    path("groups/<int:pk>/rules/<int:rule>/withdraw/", rules.withdraw_rule, name="group-rule"),
    path("groups/<int:pk>/members/", groups.change_members, name="group-members"),
    path("groups/<int:pk>/courses/", groups.change_courses, name="group-courses"),
    path("groups/<int:pk>/learners/<int:learner>/", learner_pages.show_learner, name="learner"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
