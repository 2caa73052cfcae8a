"""Who may do what with runs, versions and what the platform recommended: operators."""

from rules.permissions import add_perm

from learners.rules import is_operator

add_perm("recommender", is_operator)
# Runs and versions change through services only; the rest is the record of what happened.
_RECORDS = ("activation", "slate", "impression", "feedback", "repairtrial", "healthsummary")
for _model in ("trainingrun", "modelversion", *_RECORDS):
    add_perm(f"recommender.view_{_model}", is_operator)
add_perm("recommender.train_model", is_operator)
add_perm("recommender.activate_version", is_operator)
add_perm("recommender.view_experiment", is_operator)
add_perm("recommender.add_experiment", is_operator)
add_perm("recommender.view_rankingchange", is_operator)
add_perm("recommender.change_rankingchange", is_operator)
