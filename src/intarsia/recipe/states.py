"""Where a run was, in a file, so that it can go on from there."""

import errno
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from intarsia import picture
from intarsia.engine import Frame, State
from intarsia.errors import RecipeError
from intarsia.recipe.data import Recipe


def save_state(path: Path, frame: Frame, recipe: Recipe) -> None:
    """Everything needed to go on, in one safetensors file, written atomically and without a copy in memory."""
    tensors = {name: value.cpu().contiguous() for name, value in frame.state().items()}
    about = {"recipe": recipe.to_json(), "step": str(frame.step)}
    picture.atomic_write(path, lambda stream: _save(tensors, Path(stream.name), about))


def _save(tensors: State, path: Path, about: dict[str, str]) -> None:
    """Raises OSError, which safetensors tells of in its own words."""
    try:
        save_file(tensors, path, about)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error


def load_state(path: Path, recipe: Recipe) -> State:
    """The state of a run that had the same recipe and the same inputs. Raises RecipeError, naming what differs."""
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get("recipe")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
        then = Recipe.from_json(text or "")
    except (SafetensorError, OSError) as error:
        raise RecipeError(f"{path} is not a saved state: {error}. Delete it to start anew.") from None
    except RecipeError:
        raise RecipeError(f"{path} is not a state of ours: it holds no recipe. Delete it to start anew.") from None
    differing = differences(then, recipe)
    if differing:
        raise RecipeError(
            f"{path} belongs to another run: {'; '.join(differing[:3])}. Repeat that run's settings, or leave --resume "
            "away to start anew."
        )
    return tensors


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
