"""Going on from a saved state."""

import dataclasses
import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from intarsia import Gatys, Job, Recipe
from intarsia.errors import RecipeError
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import load_state, save_state

QUICK = Gatys(steps=6, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))


def frames(job: Job, state=None) -> list[torch.Tensor]:
    return [job.result(frame).image for frame in job.frames(state)]


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6])
def test_a_state_goes_on_to_the_bit(folder, step):  # three steps at each of two sizes
    job = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK)))
    whole = frames(job)
    for frame in job.frames():
        if frame.step == step:
            save_state(Path("run.state"), frame, job.recipe)
    rest = frames(job, load_state(Path("run.state"), job.recipe))
    assert torch.equal(rest[-1], whole[-1])


def test_a_state_of_another_run_is_refused_by_what_differs(folder):
    job = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK)))
    save_state(Path("run.state"), next(iter(job.frames())), job.recipe)
    other = job.recipe.model_copy(update={"size": 64, "settings": job.recipe.settings | {"steps": 7}})
    with pytest.raises(RecipeError, match=r"run.state belongs to another run: size was 32, is 64; steps was 6, is 7\."):
        load_state(Path("run.state"), other)


def test_a_state_is_a_safetensors_file_with_the_permissions_of_any_other(folder):
    tensors = {
        "step": torch.tensor(7),
        "image": torch.rand(3, 50, 7),
        "rate": torch.tensor(0.1, dtype=torch.float64),
        "half": torch.rand(3, 5, 7).bfloat16(),
        "other": torch.rand(2, 1, 3).half(),
        "turned": torch.rand(4, 5).T,
        "sides": torch.tensor([[1, 64], [2, 32]]),
    }
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))
    job = Job.open(recipe)
    frame = dataclasses.replace(next(iter(job.frames())), state=lambda: tensors)
    save_state(Path("run.state"), frame, recipe)
    with safe_open("run.state", "pt") as file:
        assert file.metadata()["step"] == "1"
        assert set(file.keys()) == tensors.keys()
    back = load_state(Path("run.state"), recipe)
    for name, value in tensors.items():
        assert back[name].dtype == value.dtype
        assert torch.equal(back[name], value)
    Path("plain").touch()
    assert Path("run.state").stat().st_mode == Path("plain").stat().st_mode
    assert not list(Path().glob(".*"))


@pytest.mark.parametrize(("number", "words"), [(None, "an earlier version"), ("99", "a later version")])
def test_a_state_of_another_version_is_refused(folder, number, words):
    job = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK)))
    save_state(Path("run.state"), next(iter(job.frames())), job.recipe)
    data = Path("run.state").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] |= {"format": number}
    if number is None:
        del header["__metadata__"]["format"]
    text = json.dumps(header).encode()
    Path("run.state").write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    with pytest.raises(RecipeError, match=f"run.state was kept by {words}.* start anew without `resume`"):
        load_state(Path("run.state"), job.recipe)
