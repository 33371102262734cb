"""Which networks a method uses and where they run: one value, which keeps what it has loaded."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from intarsia import encoders
from intarsia.decoders import Decoder, load_decoders
from intarsia.encoders import Encoder
from intarsia.weights import Progress


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Networks:
    """Settings of the networks. What is loaded stays with this value: whoever paints many pictures keeps the method."""

    encoder: Literal["compact", "vgg19", "toy"] = "compact"
    """The network that looks at the picture, compact or vgg19."""
    encoder_weights: Path | None = None
    """A weights file for the encoder in place of its own."""
    checkpoint: Literal["torchvision", "caffe"] | None = None
    """Which public VGG-19 the weights are; told by the file itself where it can be, torchvision for a download."""
    pooling: Literal["max", "average"] = "max"
    """Pooling of vgg19; the compact encoder always uses max."""
    device: str = "auto"
    """cpu, cuda, mps, or auto."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of the networks; auto takes bf16 where the processor is made for it."""

    def load_encoder(self, on_progress: Progress | None = None) -> Encoder:
        """The encoder, loaded the first time. on_progress(bytes so far, bytes in all or None): of a download. Raises
        WeightsError for files that are missing or wrong, UsageError for what cannot be used here."""
        if "encoder" not in self._loaded:
            vgg19 = {"checkpoint": self.checkpoint, "pooling": self.pooling, "on_progress": on_progress}
            options = vgg19 if self.encoder == "vgg19" else {}
            self._loaded["encoder"] = encoders.load(
                self.encoder, self.encoder_weights, self.device, self.precision, **options
            )
        return self._loaded["encoder"]

    def load_decoders(self, encoder: Encoder, levels: Sequence[int], weights: Path | None = None) -> dict[int, Decoder]:
        """Of each level the decoder for `encoder`, loaded the first time. weights: a file in place of their own."""
        keys = {level: (encoder.network, encoder.precision, weights, level) for level in levels}
        missing = [level for level, key in keys.items() if key not in self._loaded]
        for level, decoder in load_decoders(encoder, missing, weights).items():
            self._loaded[keys[level]] = decoder
        return {level: self._loaded[key] for level, key in keys.items()}

    @functools.cached_property
    def _loaded(self) -> dict[Any, Any]:
        return {}
