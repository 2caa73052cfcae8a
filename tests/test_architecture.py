"""The house rules that a reader would otherwise have to take on trust, checked on the files and the running code."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE_ROOT = ROOT / "platform"
OURS = ("content", "learners", "platform", "recommender", "templates", "tests", "workers")
LONGEST = 400


def files(*suffixes: str, below: tuple[str, ...] = OURS) -> Iterator[Path]:
    """Our own files with these suffixes: not what a tool made, and not the demo's study material."""
    for folder in below:
        for path in sorted((ROOT / folder).rglob("*")):
            made = {"__pycache__", "migrations", "vendor", "demo"} & set(path.parts)
            if path.suffix in suffixes and path.is_file() and not made:
                yield path


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_imports_follow_the_contracts() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    path = os.pathsep.join([str(ROOT), str(SOURCE_ROOT)])
    done = run(sys.executable, "-c", command, PYTHONPATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


def test_platform_is_the_standard_library_for_python_started_in_the_root() -> None:
    done = run(sys.executable, "-c", "import platform; print(platform.__file__, platform.node())")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.split()[0]).parent == Path(os.__file__).parent


def test_source_root_holds_packages_and_a_readme_only() -> None:
    for path in SOURCE_ROOT.iterdir():
        if path.name == "__pycache__":
            continue
        package = path.is_dir() and (path / "__init__.py").is_file()
        assert package or path.name == "README.md", f"{path.relative_to(ROOT)} is a loose module"
    assert not (SOURCE_ROOT / "__init__.py").exists()
    assert not [path for path in SOURCE_ROOT.rglob("*.py") if "test" in path.stem.split("_")]


def test_source_roots_are_declared_in_four_places_only() -> None:
    declares = re.compile(r"""(?:ROOT|root)\s*/\s*["']platform["'](?!\s*/)|PYTHONPATH=""")
    allowed = {"manage.py", "workers/celery.py", "pyproject.toml", "Dockerfile"}
    candidates = [*files(".py", below=OURS[:4]), *ROOT.glob("*.py"), *ROOT.glob("Docker*")]
    candidates += [ROOT / "workers" / "celery.py", ROOT / "docker-compose.yml"]
    found = {
        path.relative_to(ROOT).as_posix()
        for path in candidates
        if path.exists() and declares.search(path.read_text(encoding="utf-8"))
    }
    assert found <= allowed


@pytest.mark.parametrize("folder", OURS)
def test_files_can_be_read_in_one_sitting(folder: str) -> None:
    kinds = (".py", ".html", ".css", ".js", ".sh")
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(*kinds, below=(folder,))
    }
    assert lengths
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    left = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(".py", ".html", ".css", ".js")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert not left


def test_names_of_tasks_are_registered_and_routed() -> None:
    from common import queue

    from workers.celery import app

    app.loader.import_default_modules()
    registered = {name for name in app.tasks if name.startswith("attune.")}
    constants = {
        value
        for value in vars(queue).values()
        if isinstance(value, str) and value.startswith("attune.")
    }
    assert constants == set(queue.QUEUE_OF) == registered
    assert set(queue.QUEUE_OF.values()) <= {queue.DEFAULT, queue.REFRESH, queue.GPU}


def test_schedule_sends_known_tasks_to_their_queues() -> None:
    from common.queue import QUEUE_OF

    from workers.celery import app

    app.loader.import_default_modules()
    schedule = app.conf.beat_schedule
    assert schedule
    for entry in schedule.values():
        options = app.amqp.router.route(dict(entry.get("options", {})), entry["task"])
        chosen = options["queue"]
        assert getattr(chosen, "name", chosen) == QUEUE_OF[entry["task"]]


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=3)


def test_constraints_and_indexes_have_names_of_their_own() -> None:
    """A generated name changes with the fields, and says nothing in an error message."""
    from django.apps import apps

    for model in apps.get_models():
        if model._meta.app_label not in {"content", "learners", "recommender"}:
            continue
        for part in [*model._meta.constraints, *model._meta.indexes]:
            assert part.name.startswith(f"{model._meta.app_label}_"), (model, part.name)
            assert not re.search(r"_[0-9a-f]{6,}_(?:idx|uniq)$", part.name), (model, part.name)


@pytest.mark.parametrize("folder", ["content", "learners", "recommender", "platform", "workers"])
def test_public_modules_say_what_they_are_for(folder: str) -> None:
    """Where there is something to say: a module of 40 lines or more begins with a docstring."""
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in files(".py", below=(folder,))
        if len((source := path.read_text(encoding="utf-8")).splitlines()) >= 40
        and ast.get_docstring(ast.parse(source)) is None
    ]
    assert not silent
