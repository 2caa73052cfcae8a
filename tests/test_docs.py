"""Documentation that cannot rot: whatever it names exists, and whatever exists is named."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
OURS = ("content", "learners", "platform", "recommender", "workers")
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "platform" / "README.md",
]
CODE = re.compile(r"`([^`\n]+)`")
READER = re.compile(
    r"env\.(?:text|boolean|number|integer|items)|_read|os\.environ\.(?:get|setdefault)|os\.getenv"
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def sources() -> Iterator[Path]:
    for folder in OURS:
        yield from (
            path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
        )
    yield ROOT / "manage.py"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def everything_written() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def environment_variables() -> set[str]:
    """Names read from the environment anywhere in the product, by any of its readers."""
    found = set()
    for path in sources():
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Call)
                and node.args
                and READER.fullmatch(ast.unparse(node.func))
            ):
                name = node.args[0]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                name = node.slice
            else:
                continue
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.add(name.value)
    # Read by others or set for others; not settings of this project.
    return found - {"PATH", "HOME", "DJANGO_SETTINGS_MODULE"}


def test_every_setting_is_documented() -> None:
    settings = environment_variables()
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ATTUNE_HOME"} <= settings
    written = {name for span in CODE.findall(read("docs/operations.md")) for name in span.split()}
    assert settings - written == set()


def test_every_documented_setting_is_read() -> None:
    """A row of a settings table begins with a name in capitals, in a code span."""
    rows = re.findall(r"^\|\s*`([A-Z][A-Z0-9_]+)`", read("docs/operations.md"), re.MULTILINE)
    compose = "\n".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("docker-compose.yml", "Makefile", ".ci/run", "tests/conftest.py")
        if (ROOT / name).exists()
    )
    used = environment_variables() | set(re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", compose))
    assert rows
    assert set(rows) - used == set()


def test_example_of_the_environment_names_only_what_is_read() -> None:
    names = re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", read(".env.example"), re.MULTILINE)
    compose = set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", read("docker-compose.yml")))
    known = environment_variables() | compose
    assert names
    assert {name for name in names if name.removesuffix("_FILE") not in known} == set()


def test_every_management_command_is_documented() -> None:
    commands = {
        path.stem
        for folder in OURS
        for path in (ROOT / folder).rglob("management/commands/*.py")
        if not path.stem.startswith("_")
    }
    assert {"run", "bench", "import_content"} <= commands
    text = everything_written()
    assert {name for name in commands if f"manage.py {name}" not in text} == set()


def test_every_documented_management_command_exists() -> None:
    from django.core.management import get_commands

    named = set(re.findall(r"manage\.py ([a-z][a-z_]+)", everything_written()))
    assert named - set(get_commands()) == set()


def test_every_target_of_the_makefile_is_documented() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):.*##", read("Makefile"), re.MULTILINE))
    assert {"run", "test", "bench", "lint", "check", "help"} <= targets
    written = everything_written()
    assert {name for name in targets if not re.search(rf"make {name}\b", written)} == set()
    named = set(re.findall(r"`make ([a-z]+)", written))
    assert named - targets == set()


def test_every_metric_is_documented() -> None:
    metrics = {
        node.value
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"attune_[a-z_]+", node.value)
    }
    assert metrics
    assert {name for name in metrics if f"`{name}" not in everything_written()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for target in re.findall(r"\]\(<?([^)\s>]+)>?\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert not broken


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_every_decision_is_listed() -> None:
    listed = read("docs/adr/README.md")
    decisions = list((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert decisions
    assert [path.name for path in decisions if path.name not in listed] == []
    numbers = [path.name[:4] for path in decisions]
    assert len(set(numbers)) == len(numbers)


def test_changelog_keeps_its_form() -> None:
    lines = read("CHANGELOG.md").splitlines()
    assert lines[0] == "# Changelog"
    headings = [line for line in lines if line.startswith("## ")]
    assert headings[0] == "## Unreleased"
    released = []
    for heading in headings[1:]:
        found = re.fullmatch(r"## (\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)", heading)
        assert found, f"{heading}: expected `## 1.2.3 (2026-01-31)`"
        released.append((tuple(map(int, found.groups()[:3])), found.group(4)))
    assert all(newer > older for newer, older in pairwise(released))
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_dataflow_names_files_and_functions_that_exist() -> None:
    """There a hop is written `path/file.py:function`, a method `path/file.py:Class.method`."""
    spans = CODE.findall(FENCE.sub("", read("docs/dataflow.md")))
    hops = [span for span in spans if re.fullmatch(r"[\w/.\-]+\.(?:py|js|html)(?::[\w.]+)?", span)]
    assert len(hops) > 40, "the page names too few hops to be of use"
    wrong = []
    for hop in hops:
        file, _, name = hop.partition(":")
        path = ROOT / file
        known = path.is_file() and (not name or name in _defined(path))
        if not known:
            wrong.append(hop)
    assert not wrong


def test_dataflow_draws_what_it_explains() -> None:
    """Each function in the drawing stands in the tables below it, with its file."""
    page = read("docs/dataflow.md")
    drawn = set(re.findall(r"\b([a-z_]+)\(\)", "".join(FENCE.findall(page))))
    explained = {
        span.partition(":")[2].split(".")[-1] for span in CODE.findall(page) if ":" in span
    }
    assert len(drawn) > 8
    assert drawn - explained == set()


def test_dataflow_names_every_table_and_task() -> None:
    from common.queue import QUEUE_OF

    page = read("docs/dataflow.md")
    tables = {
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in {"learners", "recommender"}
    }
    named = set(re.findall(r"`((?:content|learners|recommender)_[a-z_]+)`", page))
    every = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert named - every == set()
    assert tables - named == set()
    assert {task for task in QUEUE_OF if f"`{task}`" not in page} == set()


def _defined(path: Path) -> set[str]:
    if path.suffix != ".py":
        return set(re.findall(r"(?:function\s+|const\s+)(\w+)", path.read_text(encoding="utf-8")))
    found = set()
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{part.name}"
                for part in node.body
                if isinstance(part, ast.FunctionDef)
            }
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found
