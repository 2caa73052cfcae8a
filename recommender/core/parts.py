"""What a model version is made of: from weights on disk to modules and back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from recommender.core.artefact import Manifest
from recommender.core.calibration import Calibration
from recommender.core.config import ModelConfig
from recommender.core.errors import CorruptArtefact
from recommender.core.mixture import Mixture
from recommender.core.model import NextItemModel
from recommender.core.success import SuccessConfig, SuccessModel


@dataclass
class Parts:
    """What a version is made of."""

    next_item: NextItemModel
    index: Tensor  # int32 [V, kept] columns of the linear part
    value: Tensor  # float32 [V, kept]
    mixture: Mixture
    success: SuccessModel | None
    taste: tuple[Tensor, Tensor] | None = None  # how alike feedback on items is, as the linear part
    calibration: Calibration | None = None  # what healthy attention of this version looks like

    def tensors(self) -> dict[str, Tensor]:
        """The weights under the names they have on disk."""
        found = {f"next_item.{k}": v for k, v in self.next_item.state_dict().items()}
        found |= {"linear.index": self.index, "linear.value": self.value}
        if self.taste is not None:
            found |= {"taste.index": self.taste[0], "taste.value": self.taste[1]}
        if self.calibration is not None:
            found |= {f"calibration.{k}": v for k, v in self.calibration.state_dict().items()}
        if self.success is not None:
            found |= {f"success.{k}": v for k, v in self.success.state_dict().items()}
        return found

    def config(self) -> dict[str, object]:
        """The sizes that `assemble` needs, for the manifest."""
        success, calibration = self.success, self.calibration
        return {
            "next_item": vars(self.next_item.config),
            "mixture": vars(self.mixture),
            "success": None if success is None else vars(success.config),
            "success_text": success is not None and success.text is not None,
            "calibration": None if calibration is None else calibration.config(),
        }


def assemble(manifest: Manifest, tensors: dict[str, Tensor]) -> Parts:
    """Raises CorruptArtefact where weights and manifest do not fit each other."""
    try:
        rows = len(tensors["next_item.items.id"])
        width = manifest.text_width
        model = NextItemModel(rows, width, ModelConfig(**manifest.config["next_item"]))
        model.load_state_dict(_under(tensors, "next_item."))
        success = None
        if manifest.config["success"] is not None:
            slots = tensors["success.slots"]
            concepts = len(tensors["success.concept"]) - 1
            success = SuccessModel(
                slots,
                concepts,
                width if manifest.config["success_text"] else 0,
                SuccessConfig(**manifest.config["success"]),
            )
            success.load_state_dict(_under(tensors, "success."))
            success.eval()
        mixture = Mixture(**manifest.config["mixture"])
        index, value = tensors["linear.index"], tensors["linear.value"]
        taste = None
        if "taste.index" in tensors:
            taste = tensors["taste.index"], tensors["taste.value"]
        calibration = None
        if manifest.config.get("calibration") is not None:  # versions before this had none
            calibration = Calibration.read(
                manifest.config["calibration"], _under(tensors, "calibration.")
            )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptArtefact(f"weights and manifest do not fit: {error}") from error
    if rows != manifest.items + 1 or len(index) != rows or index.shape != value.shape:
        raise CorruptArtefact("weights and manifest do not fit: another number of items")
    if taste is not None and (len(taste[0]) != rows or taste[0].shape != taste[1].shape):
        raise CorruptArtefact("weights and manifest do not fit: another number of items")
    return Parts(model.eval(), index, value, mixture, success, taste, calibration)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
