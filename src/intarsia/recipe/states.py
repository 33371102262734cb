"""Where a run was, in a file, so that it can go on from there."""

import json
import struct
from io import BufferedWriter
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from intarsia import picture
from intarsia.engine import Frame, State
from intarsia.errors import RecipeError
from intarsia.large import let_go
from intarsia.recipe.data import Recipe

FORMAT = "5"  # of what methods put into a state; an earlier one has no number
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
}


def save_state(path: Path, frame: Frame, recipe: Recipe) -> None:
    """Everything needed to go on, in one safetensors file, written atomically and without a copy in memory."""
    tensors = {name: value.cpu().contiguous() for name, value in frame.state().items()}
    about = {"format": FORMAT, "recipe": recipe.to_json(), "step": str(frame.step)}
    picture.atomic_write(path, lambda stream: _write(stream, tensors, about))


def _write(stream: BufferedWriter, tensors: State, about: dict[str, str]) -> None:
    """The format of safetensors: the length of a JSON header, the header, the values. Its own library does not write
    into a file that is open: it puts another one in its place, which is not brought to the disk."""
    header: dict[str, Any] = {"__metadata__": about}
    at, ordered = 0, sorted(tensors.items(), key=lambda item: -item[1].itemsize)  # so that each is aligned
    for name, value in ordered:
        span = [at, at + value.nbytes]
        header[name] = {"dtype": _DTYPES[value.dtype], "shape": list(value.shape), "data_offsets": span}
        at += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    stream.write(struct.pack("<Q", len(text)) + text)
    for _, value in ordered:
        for part in value.flatten().view(torch.uint8).split(2**24):
            stream.write(part.numpy().data)
            let_go(value)


def load_state(path: Path, recipe: Recipe) -> State:
    """The state of a run that had the same recipe and the same inputs. Raises RecipeError, naming what differs."""
    then, tensors = _read(path)
    if differing := differences(then, recipe):
        raise RecipeError(
            f"{path} belongs to another run: {'; '.join(differing[:3])}. Repeat that run's settings, or leave `resume` "
            "away to start anew."
        )
    return tensors


def threads_of(path: Path) -> int | None:
    """The number of threads that a kept state was made with, which is to go on with them. Raises RecipeError."""
    return _read(path, tensors=False)[0].threads


def _read(path: Path, tensors: bool = True) -> tuple[Recipe, State]:
    try:
        with safe_open(path, "pt") as file:
            names = file.keys() if tensors else []
            return _recipe_of(path, file.metadata() or {}), {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise RecipeError(f"{path} is not a saved state: {error}. Delete it to start anew.") from None


def _recipe_of(path: Path, about: dict[str, str]) -> Recipe:
    """Raises RecipeError for a state that another version kept, and for what is none of ours."""
    if {"recipe", "step"} <= about.keys() and about.get("format") != FORMAT:
        which = "a later" if "format" in about else "an earlier"
        raise RecipeError(
            f"{path} was kept by {which} version. Finish it with that one, or start anew without `resume`."
        )
    try:
        return Recipe.from_json(about.get("recipe", ""))
    except RecipeError:
        raise RecipeError(f"{path} is not a state of ours: it holds no recipe. Delete it to start anew.") from None


def differences(then: Recipe, now: Recipe) -> list[str]:
    """What decides the picture and is not the same, in words: settings, fields, and the contents of files."""
    before, after = _flat(then), _flat(now)
    names = [name for name in after | before if before.get(name) != after.get(name)]
    return [
        f"{name} has changed"
        if name.startswith("the content")
        else f"{name} was {before.get(name)}, is {after.get(name)}"
        for name in names
    ]


def _flat(recipe: Recipe) -> dict[str, Any]:
    """By name: settings beside fields, and the sum of each file."""
    data = recipe.model_dump(mode="json")
    return data | data.pop("settings") | {f"the content of {name}": sum for name, sum in data.pop("inputs").items()}
