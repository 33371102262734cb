"""The real VGG-19 (Simonyan & Zisserman 2014, arXiv:1409.1556) from any of the forms in which its weights go about.

The weights decide the preprocessing: torchvision's were trained on RGB with mean and deviation, the original Caffe ones
on BGR in 0..255 less the mean. Either is linear, so it is folded into the first convolution and the network takes RGB
in 0..1. That is exact at the border too, because the padding repeats the picture instead of adding zeros.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders.vgg import LAYERS, POOLED, VGG
from intarsia.errors import UsageError, WeightsError, unknown
from intarsia.weights import Progress, Source, check_tensors, fetch, file_sum, read_tensors

# The first digits of the sums are published, in the names; `fetch` records the rest at first use.
VGG19_SOURCES = {
    "torchvision": Source(
        "vgg19-dcbb9e9d.pth", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "dcbb9e9d", 574_673_361
    ),
    "caffe": Source("vgg19-d01eb7cb.pth", "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth", "d01eb7cb"),
}

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision: RGB in 0..1
CAFFE_MEAN = (103.939, 116.779, 123.68)  # Caffe: BGR in 0..255


def load_vgg19(
    weights: Path | None = None,
    *,
    checkpoint: str | None = None,
    pooling: str = "max",
    first_padding: str = "replicate",
    on_progress: Progress | None = None,
) -> VGG:
    """The network, frozen, in fp32, channels last.

    weights: a local `.pth` or `.safetensors`; without it the checkpoint comes from the cache or is downloaded.
    checkpoint: "torchvision" (None means this one for the download) or "caffe"; with a local file, the preprocessing
    that its weights expect. None leaves that to the file, which can tell if
    - its layers are called `conv1_1`: they take RGB in 0..1, through the file's 1x1 `conv0` if there is one;
    - its sha256 is that of a published checkpoint;
    - it holds `classifier.1`, as of the two published ones the Caffe conversion does.
    Nothing is guessed from the numbers. Taps end at the file's deepest layer.
    Raises UsageError for unknown names, WeightsError for files that cannot be used or not be told apart."""
    _known("checkpoint", checkpoint or "torchvision", VGG19_SOURCES)
    _known("pooling", pooling, ("max", "average"))
    _known("first_padding", first_padding, ("replicate", "reflect"))
    if weights is None:
        checkpoint = checkpoint or "torchvision"
        path = fetch(VGG19_SOURCES[checkpoint], on_progress)
        tensors = read_tensors(path)
    else:
        path, tensors = weights, read_tensors(weights)
        if "features.0.weight" in tensors:
            checkpoint = _recognized(path, tensors, checkpoint)
    state = fold_vgg19(tensors, checkpoint, f"VGG-19 from {path}")
    widths = [len(bias) for name, bias in state.items() if name.endswith("bias")]
    with torch.device("meta"):  # draws no random numbers for weights that are about to be replaced
        network = VGG(widths, pooling=pooling, first_padding=first_padding)
    network.load_state_dict(state, assign=True)
    frozen = network.requires_grad_(False).eval()
    return frozen.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's stub lacks it


def fold_vgg19(tensors: Mapping[str, Tensor], checkpoint: str | None, what: str) -> dict[str, Tensor]:
    """A file's convolutions from conv1_1 to the deepest, checked, named as in `VGG`, for RGB in 0..1.

    checkpoint: the preprocessing that `features.N` expect; `conv1_1` takes its own `conv0`, or RGB as it is."""
    named = {_layer_names().get(name, name): tensor for name, tensor in tensors.items()}
    state = check_tensors(named, _shapes(named, what), what)
    if "features.0.weight" in tensors:
        mix, shift = _preprocessing(checkpoint)
    elif "conv0.weight" in tensors:
        first = check_tensors(tensors, {"conv0.weight": (3, 3, 1, 1), "conv0.bias": (3,)}, what)
        mix, shift = first["conv0.weight"][..., 0, 0].double(), first["conv0.bias"].double()
    else:
        return state
    weight, bias = state["conv1_1.weight"].double(), state["conv1_1.bias"].double()
    folded = {
        "conv1_1.weight": torch.einsum("oikl,ij->ojkl", weight, mix).float(),
        "conv1_1.bias": (bias + torch.einsum("oikl,i->o", weight, shift)).float(),
    }
    return state | folded


def _preprocessing(checkpoint: str | None) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]]:
    """mix, shift such that mix @ rgb + shift is what the weights expect, for rgb in 0..1."""
    if checkpoint == "caffe":
        return 255 * torch.eye(3).double().flip(0), -torch.tensor(CAFFE_MEAN).double()
    assert checkpoint == "torchvision"
    mean, deviation = torch.tensor(MEAN).double(), torch.tensor(DEVIATION).double()
    return torch.diag(1 / deviation), -mean / deviation


def _layer_names() -> dict[str, str]:
    """`features.0.weight` is `conv1_1.weight`: convolutions, ReLUs and poolings are counted alike."""
    names, index = {}, 0
    for layer in LAYERS:
        index += layer in POOLED
        for kind in ("weight", "bias"):
            names[f"features.{index}.{kind}"] = f"conv{layer}.{kind}"
        index += 2
    return names


def _shapes(named: Mapping[str, Tensor], what: str) -> dict[str, tuple[int, ...]]:
    """The shapes that the layers must have, given their numbers of channels; none may be left out on the way."""
    present = [layer for layer in LAYERS if f"conv{layer}.weight" in named]
    if not present:
        some = ", ".join(list(named)[:4]) or "nothing"
        raise WeightsError(f"{what}: neither features.0.weight nor conv1_1.weight is there (it holds {some}, ...).")
    shapes, before = {}, 3
    for layer in LAYERS[: LAYERS.index(present[-1]) + 1]:
        witness = named.get(f"conv{layer}.weight", named.get(f"conv{layer}.bias"))
        width = len(witness) if witness is not None and witness.ndim else 0
        shapes[f"conv{layer}.weight"], shapes[f"conv{layer}.bias"] = (width, before, 3, 3), (width,)
        before = width
    return shapes


def _recognized(path: Path, tensors: Mapping[str, Tensor], asked: str | None) -> str:
    """Which checkpoint's preprocessing a local `features.N` file expects."""
    found = file_sum(path)
    known = next((name for name, source in VGG19_SOURCES.items() if found.startswith(source.sha256)), None)
    known = known or ("caffe" if "classifier.1.weight" in tensors else None)
    if known and asked and known != asked:
        raise WeightsError(f"{path} holds the {known} checkpoint, not the {asked} one. Leave `checkpoint` out.")
    if not (known or asked):
        raise WeightsError(
            f"{path} does not tell which preprocessing it expects (sha256 {found[:8]} is neither published one). "
            "Name its origin as the checkpoint: 'torchvision' (RGB, mean and deviation) or 'caffe' (BGR in 0..255)."
        )
    return known or asked or ""


def _known(kind: str, name: str, choices: Mapping | tuple) -> None:
    if name not in choices:
        raise UsageError(unknown(kind, name, choices))
