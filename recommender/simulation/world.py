"""A world: the file of parameters that says how simulated learners learn, forget, choose and leave.

Every parameter is documented with its source in `docs/simulator.md`; units stand in the descriptions here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recommender.core.errors import BadDataError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
Weight = Annotated[float, Field(ge=0, le=100)]
Spread = Annotated[float, Field(ge=0, le=3)]
SHIPPED = Path(__file__).parent / "worlds"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GeneratedGraph(_Part):
    """A prerequisite graph drawn from a seed."""

    concepts: int = Field(ge=2, le=5000)
    parents: float = Field(ge=0, le=10, description="mean number of direct prerequisites")
    reach: int = Field(ge=1, le=1000, description="a prerequisite is among so many concepts before")
    roots: int = Field(ge=1, le=1000, description="concepts at the start without prerequisites")
    seed: int = Field(ge=0)


class FolderGraph(_Part):
    """Concepts and prerequisites of `items.csv` in a data folder."""

    folder: str | None = Field(
        description="path, relative to the world file; null: named on the command line"
    )


class Catalogue(_Part):
    """What is studied, and what the platform is told of it."""

    courses: int = Field(ge=1, le=100)
    lessons: int = Field(ge=1, le=10, description="of each concept")
    exercises: int = Field(ge=1, le=50, description="of each concept")
    lesson_minutes: Positive
    exercise_minutes: Positive
    difficulty_spread: Share = Field(
        description="standard deviation of the knowledge at which half is right"
    )
    discrimination: Positive = Field(
        description="slope of the item response, per unit of knowledge"
    )
    discrimination_spread: Spread
    joint: Share = Field(description="share of exercises that also need a prerequisite")
    disorder: Weight = Field(
        description="standard deviation of places in the syllabus, in concepts"
    )
    missing_edges: Share = Field(description="share of true prerequisites that aren't declared")
    false_edges: Share = Field(description="declared prerequisites that aren't true, per true one")


class Response(_Part):
    """From knowledge to answers."""

    slip: Share
    guess: Share
    combine: Literal["mean", "weakest"]
    ability_spread: Spread = Field(description="in logits")


class Zone(_Part):
    """Practice teaches most at this P(correct), and nothing at `width` from it."""

    target: Share
    width: Positive


class Learning(_Part):
    """What an activity adds to the share of a concept that isn't known yet."""

    lesson: Share
    right: Share
    wrong: Share
    without_prerequisites: Share = Field(
        description="share of it left where nothing before is known"
    )
    unaided: Share = Field(description="share of practice's effect where nothing of it is known")
    readiness: Literal["mean", "weakest"]
    zone: Zone | None
    start: Share = Field(description="knowledge of a root concept at the beginning")
    start_spread: Spread
    spread: Spread = Field(description="of the learners' rates, of their logarithm")


class Multiscale(_Part):
    """Leaky integrators on many time scales (multiscale context model)."""

    model: Literal["multiscale"]
    shortest: Positive = Field(description="first time constant, days")
    ratio: float = Field(gt=1, le=100, description="of neighbouring time constants")
    scales: int = Field(ge=2, le=40)
    fading: float = Field(gt=0, le=10, description="ratio of neighbouring weights")
    retrieved: Weight = Field(description="what a successful retrieval adds; studying adds 1")


class Stability(_Part):
    """Stability and retrievability (the model of FSRS)."""

    model: Literal["stability"]
    first_right: Positive = Field(description="stability after the first success, days")
    first_wrong: Positive
    difficulty: float = Field(ge=1, le=10)
    growth: float = Field(ge=-10, le=10)
    saturation: Weight
    spacing: Weight
    lapse: tuple[Weight, Weight, Weight, Weight]
    decay: Positive = Field(description="exponent of the forgetting curve")


class Memory(_Part):
    trace: Annotated[Multiscale | Stability, Field(discriminator="model")]
    spread: Spread = Field(description="of the learners' speed of forgetting, of its logarithm")
    implicit: Share = Field(
        description="share of a right answer's effect that reaches prerequisites"
    )


class Attention(_Part):
    session_minutes: Positive
    session_spread: Spread
    days_between: Positive
    days_spread: Spread
    speed_spread: Spread = Field(description="of minutes an item takes, of their logarithm")
    fatigue: Weight = Field(description="attention falls by this rate per hour of a session")


class Taste(_Part):
    strength: Weight = Field(description="what one unit of liking counts in choosing from a list")
    first: Weight = Field(description="what each place further down a list costs")


class DropOut(_Part):
    """Hazard of a session: base · exp(frustration · f + boredom · b - liking · t)."""

    base: Share
    frustration: Weight
    boredom: Weight
    liking: Weight


class WarmUp(_Part):
    learners: int = Field(ge=10, le=100_000)
    minutes: Positive
    random: Share = Field(description="share of lists that are random, the others are the syllabus")


class World(_Part):
    """All parameters of one world."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")
    description: str
    graph: FolderGraph | GeneratedGraph
    catalogue: Catalogue
    response: Response
    learning: Learning
    memory: Memory
    attention: Attention
    taste: Taste
    drop_out: DropOut
    warm_up: WarmUp


def load_world(path: Path, *, graph: Path | None = None) -> World:
    """Read a world file. `graph` is the data folder of a world that names none.

    Raises BadDataError, in one line that names the file and the parameter.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataError(f"{path}: cannot be read: {_one_line(error)}") from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{path}: not JSON: {_one_line(error)}") from error
    if isinstance(content, dict) and isinstance(content.get("graph"), dict):
        # Told apart by hand, so that an error names one kind of graph and not both.
        kind = FolderGraph if "folder" in content["graph"] else GeneratedGraph
        try:
            content["graph"] = kind.model_validate(content["graph"])
        except ValidationError as error:
            raise BadDataError(f"{path}: {_first(error, 'graph.')}") from error
    try:
        world = World.model_validate(content)
    except ValidationError as error:
        raise BadDataError(f"{path}: {_first(error)}") from error
    if isinstance(world.graph, FolderGraph):
        named = world.graph.folder
        folder = graph if named is None else path.parent / named
        full = FolderGraph(folder=None if folder is None else str(folder))
        return world.model_copy(update={"graph": full})
    return world


def list_shipped() -> list[Path]:
    """The worlds that come with the project."""
    return sorted(SHIPPED.glob("*.json"))


def _first(error: ValidationError, before: str = "") -> str:
    """Field and message of the first of several errors, and how many there are."""
    told = error.errors()
    place = before + ".".join(str(part) for part in told[0]["loc"])
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return f"{place.strip('.') or 'world'}: {told[0]['msg']}{more}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
