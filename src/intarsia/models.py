"""Trained feed-forward networks in files: one safetensors file with the weights, the style's picture and the settings.

The file stands for its style: wherever a style is expected, it may be given, and is then the picture inside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from intarsia.errors import UsageError, WeightsError, unknown
from intarsia.nets import NETS, Multimodal, Singular
from intarsia.picture import atomic_write
from intarsia.sizes import fit, resize, size_of
from intarsia.types import Image
from intarsia.weights import check_tensors, read_tensors, verify

FORMAT = "2"  # of the file; other ones are refused
SUFFIX = ".safetensors"
PREFIX = "trained:"  # of the names of those that come with the package
MOST = 256  # channels at the full size, or blocks, that a file may ask for
SHOWN = 384  # long side of the style's picture in a file, in pixels
SHIPPED: dict[str, str] = {  # name: sha256
    "glass": "8168da13c56caa758d5a22813b278e5c22593dee8f57a2d1b331dfa8b6d7650e",
    "starry": "be62ff03ab43eb88bfbeeeacab6e2fbde6c8f26abede115409265f71f2018ed3",
}


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network. style: the picture that it was trained on; settings: `width` or `widths`, and `blocks`; told:
    how it came about, for people."""

    network: Singular | Multimodal
    style: Image
    settings: Mapping[str, Any]
    told: Mapping[str, str]

    @property
    def name(self) -> str:
        """Of the kind of network."""
        return next(name for name, kind in NETS.items() if isinstance(self.network, kind))


def is_model(name: str) -> bool:
    """Whether a style is given as a trained network."""
    return name.startswith(PREFIX) or name.lower().endswith(SUFFIX)


def read_model(name: str | Path) -> Model:
    """A file that `intarsia train` wrote, or `trained:NAME`, one that comes with the package. Raises WeightsError for
    files that are missing, broken, of another version or with other tensors; UsageError for an unknown name."""
    if not str(name).startswith(PREFIX):
        return _read(Path(name), str(name))
    short = str(name).removeprefix(PREFIX)
    if short not in SHIPPED:
        raise UsageError(unknown("trained network", short, SHIPPED))
    with as_file(files("intarsia") / "trained" / f"{short}{SUFFIX}") as path:
        verify(path, SHIPPED[short])
        return _read(path, str(name))


def _read(path: Path, name: str) -> Model:
    told = _metadata(path, name)
    if told.get("format") != FORMAT or told.get("network") not in NETS:
        raise WeightsError(
            f"{name} was written by another version (format {told.get('format', 'unknown')}, network "
            f"{told.get('network', 'unknown')}; this one reads format {FORMAT}). Train it again, or use that version."
        )
    try:
        settings = json.loads(told.get("settings", ""))
        network = _empty(told["network"], settings)
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise WeightsError(f"{name}: its settings make no network ({error}). Fetch the file anew.") from None
    tensors = read_tensors(path)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    network.load_state_dict(check_tensors(tensors, shapes, f"network {told['network']} in {name}"), assign=True)
    style = tensors.get("style")
    if style is None or style.dtype != torch.uint8 or style.ndim != 3 or len(style) != 3 or not style.numel():
        raise WeightsError(f"{name}: the picture of its style is missing or broken. Fetch the file anew.")
    frozen = network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Model(frozen, style.float() / 255, settings, told)


def _empty(kind: str, settings: Mapping[str, Any]) -> Singular | Multimodal:
    """Without memory for its weights: the settings in a file may ask for any amount, before its tensors are seen."""
    for value in settings.values():
        for number in value if isinstance(value, list) else [value]:
            if type(number) is not int or not 0 < number <= MOST:
                raise ValueError(f"{number!r} is no whole number from 1 to {MOST}")
    with torch.device("meta"):  # draws no random numbers either
        return NETS[kind](**settings)


def _metadata(path: Path, name: str) -> dict[str, str]:
    try:
        with safe_open(path, "pt") as file:
            found = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["broken"])[0]
        raise WeightsError(f"{name} cannot be read as a trained network ({reason}). Is it the right file?") from None
    if "format" not in found or "network" not in found:
        raise WeightsError(f"{name} is no trained network: intarsia train did not write it. Give one of its files.")
    return found


def write_model(
    path: Path, network: Singular | Multimodal, style: Image, settings: Mapping[str, Any], told: Mapping[str, str]
) -> None:
    """Weights in fp16, whole or not at all. told: what is to be known of how it came about. Raises OutputError."""
    tensors: dict[str, Tensor] = {name: one.half().contiguous().cpu() for name, one in network.state_dict().items()}
    tensors["style"] = (shown(style) * 255).round().to(torch.uint8).contiguous()
    kind = next(name for name, kind in NETS.items() if isinstance(network, kind))
    facts = {"format": FORMAT, "network": kind, "settings": json.dumps(dict(settings))}
    atomic_write(path, save(tensors, {**told, **facts}))


def shown(style: Image) -> Float[Tensor, "3 h w"]:
    """A style as a file keeps it, but for the rounding to 256 levels."""
    return resize(style, fit(*size_of(style), min(SHOWN, max(size_of(style))))).cpu()
