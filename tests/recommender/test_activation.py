"""Activation beside what takes its time or comes in between: a slow storage, and other people's activations."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from recommender.models import Activation, ModelVersion
from recommender.selectors.versions import get_active_version
from recommender.services.activation import Overtaken, activate_version, roll_back
from tests.recommender.connections import elsewhere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


class SlowStorage(FileSystemStorage):
    """An object store that takes its time to answer, while somebody else goes on."""

    meanwhile: Callable[[], object] | None = None

    def exists(self, name: str) -> bool:
        act, SlowStorage.meanwhile = SlowStorage.meanwhile, None
        if act is not None:
            elsewhere(act)
        return super().exists(name)


@pytest.fixture
def slow_storage(settings: Any, own_home: None) -> None:
    artefacts = {**settings.STORAGES["artefacts"], "BACKEND": f"{__name__}.SlowStorage"}
    settings.STORAGES = {**settings.STORAGES, "artefacts": artefacts}


def test_a_slow_storage_holds_up_no_other_activation(make_version: Any, slow_storage: None) -> None:
    one, two = make_version(1), make_version(2)
    SlowStorage.meanwhile = lambda: activate_version(version=one)
    activate_version(version=two)
    assert [row.version for row in Activation.objects.order_by("pk")] == [one, two]


def test_rolling_back_heeds_an_activation_that_came_first(
    make_version: Any, slow_storage: None
) -> None:
    one, two, three = make_version(1), make_version(2), make_version(3)
    for version in (one, two):
        activate_version(version=version)
    SlowStorage.meanwhile = lambda: activate_version(version=three)
    assert roll_back() == two
    assert get_active_version() == two


def test_a_version_that_changed_while_its_files_were_looked_at_is_not_activated(
    make_version: Any, slow_storage: None
) -> None:
    one, two = make_version(1), make_version(2)
    activate_version(version=one)
    SlowStorage.meanwhile = lambda: ModelVersion.objects.filter(pk=two.pk).delete()
    with pytest.raises(ModelVersion.DoesNotExist):
        activate_version(version=two)
    assert get_active_version() == one


def test_who_decided_about_another_active_version_changes_nothing(make_version: Any) -> None:
    one, two, three = make_version(1), make_version(2), make_version(3)
    with pytest.raises(Overtaken):
        activate_version(version=two, instead_of=one)
    activate_version(version=one, instead_of=None)
    with pytest.raises(Overtaken):
        activate_version(version=two, instead_of=None)
    activate_version(version=three)
    with pytest.raises(Overtaken):
        activate_version(version=two, instead_of=one)
    assert get_active_version() == three
    assert activate_version(version=two, instead_of=three) == two
