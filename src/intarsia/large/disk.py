"""Tensors too large for memory, which lie on the disk, in files without a name.

Such a tensor is one like any other. The system reads and writes its pages as they are used; its file has no name, so
it goes with the tensor, also when the process is killed. Without room on the disk, and on other systems than Linux, it
is a tensor in memory.
"""

import ctypes
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from intarsia.cache import cache_folder

LARGE = 2**27  # bytes from which a tensor lies on the disk: a picture of 11 megapixels in fp32, of 22 in bf16
_DONTNEED = 4  # MADV_DONTNEED of sys/mman.h on Linux


def empty(shape: Sequence[int], dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    """Like `torch.empty`; of `LARGE` bytes or more on the processor, it lies on the disk."""
    if on_disk(shape, dtype, device):
        with suppress(OSError, RuntimeError):  # torch tells so of a file that cannot be mapped
            return _mapped(shape, dtype)
    return torch.empty(shape, dtype=dtype, device=device)


def on_disk(
    shape: Sequence[int], dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", beside: float = 0
) -> bool:
    """Whether `empty` would put it there, as far as can be told before. beside: bytes that will have been put there
    already."""
    needed = math.prod(shape) * dtype.itemsize
    if needed < LARGE or torch.device(device).type != "cpu" or sys.platform != "linux":
        return False
    try:
        return shutil.disk_usage(_folder()).free > beside + needed + LARGE
    except OSError:
        return False


def let_go(*tensors: Tensor) -> None:
    """What lies on the disk leaves the memory of this process, until it is used again; nothing is lost. Call it after
    each part of a pass over a large picture."""
    for tensor in tensors:
        storage = tensor.untyped_storage()
        if storage.device.type == "cpu" and storage.filename is not None:
            madvise = ctypes.CDLL(None).madvise
            madvise(ctypes.c_void_p(storage.data_ptr()), ctypes.c_size_t(storage.nbytes()), _DONTNEED)


def _folder() -> Path:
    """Where downloads are kept too. The system's folder for temporary files is, more and more, in memory."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _mapped(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Its place is reserved, since a disk that fills up later would end the process. Raises OSError."""
    handle, name = tempfile.mkstemp(".scratch", dir=_folder())
    try:
        try:
            tensor = torch.from_file(name, shared=True, size=math.prod(shape), dtype=dtype).view(*shape)
        finally:
            os.unlink(name)
        os.posix_fallocate(handle, 0, math.prod(shape) * dtype.itemsize)
        return tensor
    finally:
        os.close(handle)
