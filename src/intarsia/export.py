"""Trained networks as ONNX, for programs without torch."""

import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from intarsia.errors import IntarsiaError, UsageError
from intarsia.models import Model
from intarsia.picture import atomic_write

CLOSE = 4 / 255  # by which the two may differ at the worst pixel: sums are rounded in another order
TRIED = (96, 160), (128, 112)  # size to write it with, and another to try it with


class Exported(nn.Module):
    """An image (1, 3, h, w), RGB, 0..1, whose sides are multiples of 16, to the painting, the same."""

    def __init__(self, model: Model):
        super().__init__()
        self.network = model.network

    def forward(self, image: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
        return self.network(image)[-1].clamp(0, 1)


@torch.no_grad()
def export(model: Model, path: Path) -> float:
    """Writes `path`, in fp32 and for any size, and gives by how much what onnxruntime paints with it differs from what
    torch does at the worst pixel, of 1. Raises UsageError without the packages of the extra `export`, IntarsiaError for
    a difference that can be seen, and OutputError; nothing is written then."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 (torch writes with it)
    except ImportError as error:
        raise UsageError(f"to export, {error.name} is missing: pip install 'intarsia[export]'.") from None
    network = Exported(model).eval()
    data = _written(network)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    image = torch.rand(1, 3, *TRIED[1], generator=torch.Generator().manual_seed(0))
    found = torch.from_numpy(session.run(None, {"image": image.numpy()})[0])
    difference = float((found - network(image)).abs().max())
    if difference > CLOSE:
        raise IntarsiaError(
            f"what onnxruntime paints differs by {difference * 255:.1f} of 255 from what torch does, so {path} was not "
            "written. Try other versions of torch and onnxruntime."
        )
    atomic_write(path, data)
    return difference


def _written(network: nn.Module) -> bytes:
    """As a single file; torch has much to say on the way, which is for its programmers."""
    sides = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}  # pyright: ignore[reportPrivateImportUsage]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            (torch.rand(1, 3, *TRIED[0]),),
            str(path),
            input_names=["image"],
            output_names=["painting"],
            dynamic_shapes={"image": sides},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return path.read_bytes()
