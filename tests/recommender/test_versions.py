"""Which version serves: activation, the way back, and artefacts that are damaged, foreign or gone."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from common.api.errors import Refused
from django.db import IntegrityError, transaction

from recommender.models import Activation, ModelVersion
from recommender.pipeline.active import forget_active, get_active
from recommender.selectors.versions import get_active_version, get_serving_version_id
from recommender.services.activation import activate_version, roll_back
from tests.recommender.connections import all_at_once
from tests.recommender.training_samples import make_class, stored_file, train_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def test_activating_moves_the_pointer_and_writes_the_ledger(make_version: Any, olga: Any) -> None:
    one, two = make_version(1), make_version(2)
    activate_version(version=one, by=olga)
    activate_version(version=two, by=olga)
    assert get_active_version() == two
    last = Activation.objects.first()
    assert last is not None
    assert (last.version, last.previous, last.by) == (two, one, olga)


def test_activating_the_active_version_changes_nothing(make_version: Any, olga: Any) -> None:
    version = make_version(1)
    first = activate_version(version=version, by=olga)
    assert activate_version(version=version, by=olga).activated_at == first.activated_at
    assert Activation.objects.count() == 1


def test_rolling_back_goes_back_step_by_step(make_version: Any) -> None:
    one, two, three = make_version(1), make_version(2), make_version(3)
    for version in (one, two, three):
        activate_version(version=version)
    assert roll_back() == two
    assert roll_back() == one
    with pytest.raises(Refused):
        roll_back()
    activate_version(version=three)
    assert roll_back() == one


def test_rolling_back_knows_versions_that_were_active_more_than_once(make_version: Any) -> None:
    one, two = make_version(1), make_version(2)
    for version in (one, two, one, two):
        activate_version(version=version)
    assert [roll_back(), roll_back(), roll_back()] == [one, two, one]
    with pytest.raises(Refused):
        roll_back()


def test_the_database_allows_one_active_version(make_version: Any) -> None:
    one, two = make_version(1), make_version(2)
    activate_version(version=one)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=two.pk).update(is_active=True)


def test_activations_at_once_leave_one_active_version_and_a_ledger_in_order(
    make_version: Any,
) -> None:
    versions = [make_version(number) for number in range(4)]
    all_at_once([partial(activate_version, version=version) for version in versions])
    ledger = list(Activation.objects.order_by("pk"))
    assert len(ledger) == 4
    assert [row.previous_id for row in ledger] == [None, *(row.version_id for row in ledger[:-1])]
    assert ModelVersion.objects.get(is_active=True).pk == ledger[-1].version_id


def test_a_version_without_files_is_refused_and_the_old_one_stays(make_version: Any) -> None:
    one, two = make_version(1), make_version(2)
    activate_version(version=one)
    stored_file(two, "manifest.json").unlink()
    with pytest.raises(Refused):
        activate_version(version=two)
    assert get_active_version() == one


@pytest.fixture
def trained(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelVersion, ModelVersion]:
    """Two real versions, none active. Trained once; their files don't depend on the rows of one test's database."""
    kept = KEPT.get("folder")
    if kept is None:
        make_class(request.getfixturevalue("algebra"))
        KEPT["rows"] = [_columns(train_version(seed=seed)) for seed in (1, 2)]
        KEPT["folder"] = kept = tmp_path_factory.mktemp("trained") / "artefacts"
        shutil.copytree(tmp_path / "artefacts", kept)
        ModelVersion.objects.all().delete()
    shutil.copytree(kept, tmp_path / "artefacts", dirs_exist_ok=True)
    first, second = (ModelVersion.objects.create(**row) for row in KEPT["rows"])
    return first, second


KEPT: dict[str, Any] = {}


def _columns(version: ModelVersion) -> dict[str, Any]:
    names = ("artefact", "sha256", "manifest", "metrics", "data_until")
    return {name: getattr(version, name) for name in names}


def test_a_worker_picks_up_an_activation_without_a_restart(
    trained: tuple[ModelVersion, ModelVersion], django_assert_num_queries: Any
) -> None:
    first, second = trained
    assert get_active() is None
    activate_version(version=first)
    model = get_active()
    assert model is not None and model.version_id == first.pk
    with django_assert_num_queries(1):
        assert get_active() is model
    activate_version(version=second)
    newer = get_active()
    assert newer is not None and newer.version_id == second.pk


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def rewrite_format(path: Path) -> None:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "format_version": 99}), encoding="utf-8")


DAMAGE = {
    "weights altered": ("model.safetensors", flip_a_byte, "SHA-256 differs"),
    "weights gone": ("model.safetensors", Path.unlink, "not in the artefact storage"),
    "weights cut short": (
        "model.safetensors",
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        "SHA-256 differs",
    ),
    "names altered": ("names.json", flip_a_byte, "SHA-256 differs"),
    "manifest altered": (
        "manifest.json",
        lambda path: path.write_text(path.read_text().replace('"seed": 2', '"seed": 7')),
        "altered since it was written",
    ),
    "manifest of another format version": ("manifest.json", rewrite_format, "format version 99"),
    "manifest not JSON": ("manifest.json", lambda path: path.write_text("{"), "not JSON"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_version_is_named_and_the_one_before_it_serves(
    damage: str, trained: tuple[ModelVersion, ModelVersion]
) -> None:
    first, second = trained
    activate_version(version=first)
    name, spoil, message = DAMAGE[damage]
    activate_version(version=second)
    spoil(stored_file(second, name))
    forget_active()

    model = get_active()

    assert model is not None and model.version_id == first.pk
    second.refresh_from_db()
    assert message in second.problem
    assert get_serving_version_id() is None


def test_a_foreign_version_under_its_name_is_refused(
    trained: tuple[ModelVersion, ModelVersion],
) -> None:
    first, second = trained
    activate_version(version=second)
    for name in ("model.safetensors", "names.json", "manifest.json"):
        stored_file(second, name).write_bytes(stored_file(first, name).read_bytes())
    assert get_active() is None
    second.refresh_from_db()
    assert "other weights" in second.problem


def test_a_mended_version_serves_again(
    trained: tuple[ModelVersion, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommender.pipeline import active

    _first, second = trained
    activate_version(version=second)
    weights = stored_file(second, "model.safetensors")
    sound = weights.read_bytes()
    flip_a_byte(weights)
    assert get_active() is None
    weights.write_bytes(sound)
    assert get_active() is None  # not tried again at every batch
    monkeypatch.setattr(active, "RETRY_SECONDS", 0.0)
    model = get_active()
    assert model is not None and model.version_id == second.pk
    second.refresh_from_db()
    assert second.problem == ""


def test_a_damaged_local_copy_is_fetched_again(
    trained: tuple[ModelVersion, ModelVersion], tmp_path: Path
) -> None:
    _first, second = trained
    activate_version(version=second)
    get_active()
    flip_a_byte(tmp_path / "cache" / "versions" / second.artefact / "model.safetensors")
    forget_active()
    model = get_active()
    assert model is not None and model.version_id == second.pk
