"""How much memory there is, and whether a forecast fits into it."""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from intarsia.errors import MemoryLimitError, UsageError

LIMIT = "INTARSIA_MEMORY"  # bytes that a process is to plan with at most; processes that work together share by it
_PROCESS, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def check_memory(needed: float, size: tuple[int, int], device: torch.device) -> None:
    """Raises MemoryLimitError before a run that would not fit. needed: a forecast in bytes, which grows with the area
    of `size` (h, w)."""
    free = free_memory(device)
    if free is None or needed <= free:
        return
    largest = int(max(size) * (0.95 * free / needed) ** 0.5)
    raise MemoryLimitError(
        f"{size[1]} x {size[0]} needs about {needed / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are free. "
        f"The largest long side that fits is about {largest} pixels (`size` {largest})."
    )


def hand_back_memory() -> None:
    """What the C library keeps though it is free, ahead of something that needs much of another kind."""
    with suppress(OSError, AttributeError):  # another library than glibc
        ctypes.CDLL(None).malloc_trim(0)


def asked_limit() -> int | None:
    """What `LIMIT` says: bytes, or with a unit, 1500M, 2G, 2 GiB. Raises UsageError for what is none of it."""
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return None
    told = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text, re.IGNORECASE)
    if told is None or not float(told[1]):
        raise UsageError(f"{LIMIT} is {text!r}, which is no size. Write bytes, or a unit behind: 1500M, 2G.")
    return int(float(told[1]) * 1024 ** " kmgt".index(told[2].lower() or " "))


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be taken, or None where the system does not tell."""
    if device.type == "cuda":  # what torch keeps for the next tensor is free too
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    limits = [limit] if (limit := asked_limit()) is not None else []
    with suppress(OSError, KeyError, ValueError):
        fields = dict(line.split(":", 1) for line in (_PROCESS / "meminfo").read_text().splitlines())
        limits += [int(fields["MemAvailable"].split()[0]) * 1024, *_free_in_groups()]
    return min(limits, default=None)


def _free_in_groups() -> Iterator[int]:
    """What is left to this process' control group, and to those around it: in a container less than the machine has.
    Pages of files do not count as taken, since the system lets go of them when it must."""
    for group, limit, usage, prefix in _groups():
        with suppress(OSError, KeyError, ValueError):  # "max" is no number, and no limit
            most, taken = int((group / limit).read_text()), int((group / usage).read_text())
            parts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            files = int(parts[f"{prefix}inactive_file"]) + int(parts[f"{prefix}active_file"])
            yield max(0, most - (taken - files))


def _groups() -> Iterator[tuple[Path, str, str, str]]:
    """Folders of both versions of control groups, from the process' own outward. A container sees its own at the
    root, whatever path the process is told to have."""
    told = _PROCESS / "self" / "cgroup"
    for line in told.read_text().splitlines() if told.is_file() else ():
        _, controllers, path = line.split(":", 2)
        own = Path(path.lstrip("/"))
        for folder in dict.fromkeys([own, *own.parents]):
            if not controllers:
                yield _GROUPS / folder, "memory.max", "memory.current", ""
            elif "memory" in controllers.split(","):
                yield _GROUPS / "memory" / folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"
