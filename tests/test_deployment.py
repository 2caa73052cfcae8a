"""Image and compose file: whole, without secrets, and in step with the code."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from common import queue
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OURS = ("prepare", "web", "worker", "worker-gpu", "beat")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def services() -> dict[str, dict[str, Any]]:
    found = yaml.safe_load(read("docker-compose.yml"))["services"]
    assert isinstance(found, dict)
    return found


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", read(lock), re.MULTILINE))


def test_compose_runs_every_part() -> None:
    assert set(services()) == {*OURS, "postgres", "redis"}


def test_every_lasting_service_has_a_health_check() -> None:
    assert {name for name, service in services().items() if "healthcheck" not in service} == {
        "prepare"
    }


def test_workers_take_every_queue() -> None:
    taken = set()
    for service in services().values():
        command = service.get("command") or []
        if "--queues" in command:
            taken |= set(command[command.index("--queues") + 1].split(","))
    assert taken == set(queue.QUEUE_OF.values())


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_few_rights(name: str) -> None:
    service = services()[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert not {"privileged", "user", "network_mode"} & set(service)
    target = service["build"]["target"]
    assert re.search(rf"^FROM base AS {target}$", read("Dockerfile"), re.MULTILINE)


def test_image_runs_as_a_user_of_its_own() -> None:
    text = read("Dockerfile")
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["attune"]
    assert text.index("USER attune") < text.index("FROM base AS worker")


def test_only_the_worker_image_has_torch() -> None:
    stages = re.split(r"^FROM ", read("Dockerfile"), flags=re.MULTILINE)
    with_torch = [stage.split()[2] for stage in stages if "torch==" in stage]
    assert with_torch == ["worker-libraries"]


def test_no_secret_is_inside() -> None:
    for name in ("docker-compose.yml", "Dockerfile", ".env.example"):
        for key, value in re.findall(
            r"^[ \t]*([A-Z_]*(?:SECRET|PASSWORD|TOKEN|KEY)[A-Z_]*)[ \t]*[:=][ \t]*(.*)$",
            read(name),
            re.MULTILINE,
        ):
            assert value in ("", '""') or value.startswith('"${'), f"{name}: {key}"


def test_missing_secrets_are_asked_for() -> None:
    text = read("docker-compose.yml")
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        assert f"${{{name}:?" in text
        assert re.search(rf"^{name}=$", read(".env.example"), re.MULTILINE)


def test_what_the_image_copies_exists() -> None:
    wanted = [line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")]
    # Translations are added with the first language.
    assert [name for name in wanted if not (ROOT / name).exists() and name != "locale"] == []
    for package in ("platform", "content", "learners", "recommender", "workers", "templates"):
        assert package in wanted


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_a_hash_for_everything_and_tells_nothing_of_its_maker(lock: str) -> None:
    lines = read(lock).splitlines()
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[\w.!]+ \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?", line)
        for line in lines
    )
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert line.endswith("\\") == following.startswith("    --hash")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_leaves_out_torch_and_what_only_its_cuda_build_needs(lock: str) -> None:
    assert not [
        name
        for name in pins(lock)
        if name == "torch" or name.startswith(("nvidia-", "cuda-", "triton"))
    ]


def test_locks_satisfy_the_project() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    runtime, everything = (pins(lock) for lock in LOCKS)
    assert runtime.items() <= everything.items()
    wanted = [(text, runtime) for text in project["dependencies"]]
    wanted += [(text, everything) for text in project["optional-dependencies"]["dev"]]
    for text, found in wanted:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if name == "torch":
            assert re.fullmatch(r"==\d+\.\d+\.\d+", str(requirement.specifier)), (
                "the Makefile reads this pin"
            )
        else:
            assert name in found, f"make lock: {text} is missing"
            assert found[name] in requirement.specifier, f"make lock: {text}, locked {found[name]}"
