"""The embedded encoder: a VGG-19 of a tenth of the cost, distilled by `intarsia.training.distil` (see docs/encoder.md).

Its taps are isometric. If H is the 1x1 head that predicts a VGG-19 tap from this network's own features f, and
H = Q R with orthonormal Q, then R f has the inner products, distances, Gram distances and cosine similarities of H f in
as few channels as f has. The taps return R f, so every loss measures VGG-19's own geometry. Operations per channel
(AdaIN, histograms, pruning) depend on the basis: they need f, that is `load_compact(isometric=False)`.
"""

from importlib.resources import as_file, files
from pathlib import Path

from intarsia.encoders.vgg import LAYERS, VGG
from intarsia.weights import check_tensors, read_tensors, verify

SHA256 = "3805e9bc3c961e74a939f86ee98edd99a000acebe43a980c0c9d648c8597098a"
TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def load_compact(weights: Path | None = None, *, isometric: bool = True) -> VGG:
    """The network, frozen, in fp32. weights: another file that the training wrote; its metadata is not needed."""
    if weights is not None:
        return _built(weights, isometric)
    with as_file(files("intarsia.encoders") / "compact.safetensors") as embedded:
        verify(embedded, SHA256)
        return _built(embedded, isometric)


def _built(path: Path, isometric: bool) -> VGG:
    tensors = read_tensors(path)
    layers = [layer for layer in LAYERS if f"conv{layer}.weight" in tensors]
    network = VGG([tensors[f"conv{layer}.weight"].shape[0] for layer in layers], bases=TAPS if isometric else ())
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict(check_tensors(tensors, shapes, f"compact encoder {path.name}"))
    return network.frozen()
