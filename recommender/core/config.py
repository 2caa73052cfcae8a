"""Settings of model and training; each checks itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the attention model."""

    width: int = 64
    heads: int = 2
    blocks: int = 1
    length: int = 32
    hidden: int = 128
    dropout: float = 0.2
    id_dropout: float = 0.05
    text_beside_id: bool = True  # else text counts only where an item has no id vector

    def __post_init__(self) -> None:
        if self.width < 1 or self.heads < 1 or self.width % self.heads:
            raise ValueError("width must be a positive multiple of heads")
        if min(self.blocks, self.length, self.hidden) < 1:
            raise ValueError("blocks, length and hidden must be at least 1")
        if not (0 <= self.dropout < 1 and 0 <= self.id_dropout < 1):
            raise ValueError("dropout and id_dropout must be in [0, 1)")


@dataclass(frozen=True)
class TrainConfig:
    """How one training run goes; what is None is chosen by rule from the data."""

    minutes: float = 30.0
    seed: int = 0
    epochs: int = 60
    patience: int = 4
    rate: float = 2e-3
    decay: float = 0.01  # weight decay of AdamW
    average: float = 0.995  # decay of the moving average of weights that is evaluated and kept
    tokens: int = 2048  # events in a batch
    negatives: int = 1024
    sampled: bool | None = None  # softmax over a sample of the items, or over all of them
    warm_events: int = 5  # an item with fewer has no vector of its own
    validation: int = 2_000  # learners held out at most, where the data name no validation part
    success_epochs: int = 30
    success_rate: float = 1e-3
    model: ModelConfig | None = None
    calibrate: bool = False  # learn what healthy attention is: for a version that serves

    def __post_init__(self) -> None:
        if self.minutes <= 0:
            raise ValueError("minutes must be positive")
        if min(self.epochs, self.patience, self.tokens, self.negatives, self.validation) < 1:
            raise ValueError(
                "epochs, patience, tokens, negatives and validation must be at least 1"
            )
        if not 0 <= self.average < 1:
            raise ValueError("average must be in [0, 1)")
