"""Tensors out of files, whatever the files are called, and the check that they are the ones a network needs."""

import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import load_file
from torch import Tensor

from intarsia.errors import WeightsError

ZIP = b"PK\x03\x04"  # how torch.save writes since 1.6
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # and before: both public VGG-19 files are of this kind
SHOWN = 5  # faults that a message names


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a PyTorch checkpoint, told apart by content; nothing else is read.

    Checkpoints go through `weights_only=True` alone, so a file that would run a program is refused instead. Raises
    WeightsError for that, for broken files and for anything but a flat dict of dense tensors."""
    with _faults_explained(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = _load(path, file, size)
    if not isinstance(found, dict) or not all(isinstance(name, str) and _is_plain(t) for name, t in found.items()):
        raise WeightsError(f"{path} is not a flat dict of dense tensors. Save the network's state dict alone.")
    too_large = next((name for name, tensor in found.items() if tensor.nbytes > size), None)
    if too_large is not None:
        raise WeightsError(f"{path}: {too_large} claims more bytes than the file holds ({size}). Fetch it anew.")
    return found


def _load(path: Path, file: BinaryIO, size: int) -> Any:
    head = file.read(16)
    if head.startswith((ZIP, LEGACY)):
        file.seek(0)  # given a path, torch would go by its suffix
        return torch.load(file, map_location="cpu", weights_only=True)
    if head[8:9] == b"{" and 8 + int.from_bytes(head[:8], "little") <= size:
        return load_file(path)
    raise WeightsError(
        f"{path} is neither a safetensors file nor a PyTorch checkpoint ({size} bytes, beginning with {head[:8]!r}). "
        "Is it whole, and is it the right file?"
    )


@contextmanager
def _faults_explained(path: Path) -> Iterator[None]:
    """torch.load and safetensors raise nearly anything on a broken file."""
    try:
        yield
    except (WeightsError, MemoryError):
        raise
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors, and that could be a program: nothing of it was loaded. "
            "Save the state dict alone, best as safetensors."
        ) from None
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} is broken or cut off ({reason}). Fetch it anew.") from None


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], what: str) -> dict[str, Tensor]:
    """Just the tensors that `shapes` names, as fp32 copies; more than these may be there.

    what: begins the message of the WeightsError that lists names that are missing, other shapes, numbers that are not
    floating point, and numbers that are not finite in fp32."""
    faults = [f"{name} {fault}" for name, shape in shapes.items() if (fault := _fault(tensors.get(name), shape))]
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise WeightsError(f"{what}: {'; '.join(faults[:SHOWN])}{more}. Is it the file of another network?")
    return {name: tensors[name].detach().to(torch.float32, copy=True) for name in shapes}


def _fault(tensor: Tensor | None, shape: tuple[int, ...]) -> str | None:
    if tensor is None:
        return "is missing"
    if tuple(tensor.shape) != tuple(shape):
        return f"has shape {tuple(tensor.shape)}, expected {tuple(shape)}"
    if not tensor.is_floating_point():
        return f"is {str(tensor.dtype).removeprefix('torch.')}, expected floating point"
    return None if tensor.float().isfinite().all() else "has values that are not finite"
