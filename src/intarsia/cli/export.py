"""`intarsia export`: a trained network for other programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from intarsia.errors import UsageError
from intarsia.export import export as write
from intarsia.models import read_model


def export(model: str, /, *, output: Annotated[Path, Parameter(name=["--output", "-o"])]) -> None:
    """Write a trained network as ONNX, for programs without torch. It is tried with onnxruntime before it is written.

    Its input is `image`, its output `painting`: float32, 1 x 3 x height x width, RGB, 0 to 1, both sides multiples of
    4 (singular) or 16 (multimodal).

    Parameters
    ----------
    model
        A file that `intarsia train` wrote, or `trained:NAME`.
    output
        Where to write, .onnx.
    """
    if output.suffix.lower() != ".onnx":
        raise UsageError(f"`output` {output} has to end in .onnx, which is what is written.")
    difference = write(read_model(model), output)
    print(f"{output}: onnxruntime paints the same, within {difference * 255:.2f} of 255")
