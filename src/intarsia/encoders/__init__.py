"""Networks that turn a picture into features, behind one interface: `load("compact")(image, ["relu3_1"])`."""

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders.compact import load_compact
from intarsia.encoders.toy import Toy
from intarsia.encoders.vgg import VGG
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.errors import UsageError, unknown
from intarsia.large import Box
from intarsia.sizes import pad_to_multiple, size_of

ROOM = 64 * 2**20  # bytes that an encoder keeps; the moments of a style at five taps take 0.6 MB, of VGG-19 5 MB
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Familiar:
    """A picture that is looked at again and again, and its features by what was asked for. Memory grows with every tap
    and box that is asked for, so it is for small pictures."""

    image: Float[Tensor, "3 h w"]
    features: dict[Hashable, dict[str, Float[Tensor, "c _ _"]]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class Encoder:
    """network: what computes; precision: what it computes in (features may come in bf16; moments are fp64); familiar: a
    picture whose features it keeps."""

    name: str
    network: VGG | Toy
    precision: torch.dtype = torch.float32
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    familiar: "Familiar | None" = None
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What follows from this encoder and the key: made the first time, and kept as long as there is room, `ROOM`,
        beside what was asked for since. So a style that many pictures take is looked at once."""
        with self._lock:
            found = self._known.pop(key, None)
        value = make() if found is None else found
        with self._lock:
            self._known[key] = value
            while sum(map(_bytes_of, self._known.values())) > ROOM:
                self._known.pop(next(iter(self._known)))
        return value

    @property
    def channels(self) -> Mapping[str, int]:
        """Channels per tap, which is also the list of taps."""
        return self.network.channels

    @property
    def strides(self) -> Mapping[str, int]:
        """Pixels per position along each side, per tap."""
        return self.network.strides

    def check_taps(self, taps: Iterable[str]) -> None:
        """Raises UsageError for a tap that this encoder does not have."""
        for tap in taps:
            if tap not in self.channels:
                raise UsageError(f"encoder {self.name}: " + unknown("tap", tap, self.channels))

    def basis(self, tap: str) -> Float[Tensor, "c c"] | None:
        """What `plain` features of a tap are multiplied by elsewhere; None = nothing."""
        return self.network.basis(tap)

    def __call__(
        self, image: Float[Tensor, "3 h w"], taps: Iterable[str], plain: Iterable[str] = ()
    ) -> dict[str, Float[Tensor, "c h2 w2"]]:
        """Features of an image (RGB, 0..1) at `taps`. The image is reflected up to a multiple of the deepest tap's
        stride, so h2 = ceil(h / deepest) * deepest / stride, and so for w2. plain: taps whose features come without
        their basis, for callers that change the basis of the moments instead, which is cheaper."""
        taps = list(taps)
        self.check_taps(taps)
        padded = pad_to_multiple(image, max(self.strides[tap] for tap in taps))
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            features = self.network(padded[None], taps, plain)
        return {tap: found.squeeze(0) for tap, found in features.items()}  # an index's gradient would be copied

    def reach(self, taps: Iterable[str]) -> int:
        """How many pixels around a position of these taps have a say in it, up to a multiple of their deepest stride:
        the halo of a tile. Every 3x3 convolution looks one position of its layer farther; pooling looks no farther than
        its own cell."""
        names = list(self.strides)
        deepest = max(taps, key=names.index)
        seen = sum(self.strides[tap] for tap in names[: names.index(deepest) + 1])
        return _up(seen, self.strides[deepest])

    def channels_a_pixel(self, taps: Iterable[str]) -> float:
        """Of all layers up to the deepest of these taps together, at their strides."""
        deepest = max(self.strides[tap] for tap in taps)
        return sum(c / self.strides[t] ** 2 for t, c in self.channels.items() if self.strides[t] <= deepest)

    def within(
        self, image: Float[Tensor, "3 h w"], box: Box, taps: Sequence[str], halo: int | None = None
    ) -> dict[str, Float[Tensor, "c h2 w2"]]:
        """Plain features of the part of `image` in `box`, which begins at multiples of the deepest stride, as the whole
        image would have them. halo: pixels around it to compute with; by default those that have a say."""
        if self.familiar is None or self.familiar.image is not image:
            return self._within(image, box, taps, halo)
        key = (box, tuple(taps), halo)
        if key not in self.familiar.features:
            self.familiar.features[key] = self._within(image, box, taps, halo)
        return self.familiar.features[key]

    def _within(
        self, image: Float[Tensor, "3 h w"], box: Box, taps: Sequence[str], halo: int | None
    ) -> dict[str, Float[Tensor, "c h2 w2"]]:
        stride = max(self.strides[tap] for tap in taps)
        outer = box.grown(_up(self.reach(taps) if halo is None else halo, stride), size_of(image))
        found = self(outer.of(image).float(), taps, plain=taps)
        inner = box.within(outer)
        return {tap: inner.cells(self.strides[tap]).of(features) for tap, features in found.items()}


def _bytes_of(value: Any) -> int:
    """Of the tensors in it."""
    if isinstance(value, Tensor):
        return value.nbytes
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else vars(value).values()
    return sum(map(_bytes_of, parts))


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


ENCODERS: dict[str, Callable[..., VGG | Toy]] = {"compact": load_compact, "vgg19": load_vgg19, "toy": Toy}


def load(
    name: str = "compact",
    weights: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    **options: Any,
) -> Encoder:
    """An encoder by name, ready to use on a device.

    weights: a file to use instead of the embedded or downloaded one. options: what the encoder's own loader takes
    (pooling, checkpoint, on_progress for vgg19). Raises UsageError for unknown names, WeightsError for bad files."""
    if name not in ENCODERS:
        raise UsageError(unknown("encoder", name, ENCODERS))
    if name == "toy" and weights is not None:
        raise UsageError("the toy encoder has no weights. Drop the file, or choose compact or vgg19.")
    place = choose_device(device)
    loaded = ENCODERS[name](**({"weights": weights} if weights else {}), **options)
    dtype = torch.float32 if name == "toy" else choose_precision(precision, place)
    return Encoder(name, loaded.to(place), dtype, place)


def choose_device(name: str) -> torch.device:
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:
            raise UsageError(f"device '{name}' cannot be used here: {str(error).splitlines()[0]}") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """bf16 where the device has matrix instructions for it: 2 to 3 times as fast as fp32, and L-BFGS converges to the
    same loss on it."""
    named = {"fp32": torch.float32, "bf16": torch.bfloat16}
    if name in named:
        return named[name]
    if name != "auto":
        raise UsageError(unknown("precision", name, ["auto", *named]))
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return torch.bfloat16 if fast else torch.float32
