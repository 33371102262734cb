"""A run goes on exactly, whenever it was killed; its checkpoint is whole, its own, and never runs code."""

import os
import pickle
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from intarsia.errors import UsageError
from intarsia.training.pictures import Crops, Pictures
from intarsia.training.run import Cosine, Run, Schedule, Stage, ship


@dataclass(frozen=True)
class Settings:
    steps: int = 12
    rate: float = 0.1


@pytest.fixture
def run(tmp_path, make_pictures):
    pictures = Pictures.read(make_pictures(tmp_path, 25))
    return Run("trainer", Settings(), pictures, tmp_path / "run.pt", 12, minutes=0)


def begun(loss=None):
    torch.manual_seed(0)
    network = nn.Conv2d(3, 3, 3)
    return Stage(
        name="blur",
        network=network,
        descent=torch.optim.Adam(network.parameters()),
        loss=partial(loss or error, network),
        schedule=Schedule(12, 0.1, 3, 0.5),
        keep=0.9,
        crops=Crops(2, 16, 0.5, 0.5),
        seed=(7,),
        extra={"told": 1},
    )


def error(network, images):
    loss = (network(images) - images[..., 1:-1, 1:-1]).square().mean()
    return loss, {"error": float(loss.detach())}


class Killed(Exception):
    pass


def finish(run, stage):
    for _ in run.go(stage):
        pass
    return stage


@pytest.mark.parametrize("at", [1, 4, 11])
def test_a_killed_run_goes_on_exactly(run, at):
    whole = finish(replace(run, checkpoint=run.checkpoint.with_name("whole.pt")), begun()).state()
    seen = []

    def deadly(network, images):
        seen.append(images)
        if len(seen) > at:
            raise Killed
        return error(network, images)

    with pytest.raises(Killed):
        finish(run, begun(deadly))
    state = run.read()
    assert state["step"] == at
    again = begun()
    again.extra = {}
    torch.testing.assert_close(finish(run, again.restore(state)).state(), whole, rtol=0, atol=0)


def test_a_run_stops_where_it_is_told_and_saves(run):
    stage = finish(replace(run, until=5, minutes=60), begun())
    assert stage.step == run.read()["step"] == 5
    assert not stage.finished


def test_every_step_draws_other_pictures(run):
    seen = []
    finish(run, begun(lambda network, images: (seen.append(images), error(network, images))[1]))
    assert len({images.sum().item() for images in seen}) == 12


def test_the_average_follows_the_weights(run):
    stage = begun()
    before, images = stage.average.weight.clone(), torch.rand(2, 3, 16, 16)
    stage.advance(images)
    torch.testing.assert_close(stage.average.weight, before.lerp(stage.network.weight, 10 / 11))
    before, stage.step = stage.average.weight.clone(), 1000
    stage.advance(images)
    torch.testing.assert_close(stage.average.weight, before.lerp(stage.network.weight, 0.1))


def test_gradients_are_clipped_where_asked():
    stage = begun(lambda network, images: (1e6 * network(images).sum(), {}))
    stage.clipped = stage.network
    stage.advance(torch.rand(2, 3, 16, 16))
    assert float(nn.utils.get_total_norm([one.grad for one in stage.network.parameters()])) == pytest.approx(1)


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_parts_of_a_batch_have_the_gradient_and_the_figures_of_the_whole(parts):
    whole, split, images = begun(), begun(), torch.rand(4, 3, 16, 16)
    split.parts = parts
    figures = whole.advance(images), split.advance(images)
    assert figures[1]["error"] == pytest.approx(figures[0]["error"])
    torch.testing.assert_close(split.network.weight.grad, whole.network.weight.grad)


def test_a_cosine_rises_and_ends_at_zero():
    schedule = Cosine(200, 2.0, 20)
    np.testing.assert_allclose([schedule.at(step) for step in (0, 100, 200)], [0.1, 1.0, 0.0], atol=1e-9)
    rates = [schedule.at(step) for step in range(20, 201)]
    assert rates == sorted(rates, reverse=True)


def test_the_rate_warms_up_and_ends_at_zero():
    schedule = Schedule(200, 2.0, 20, 0.5)
    rates = [schedule.at(step) / 2 for step in (0, 19, 90, 150, 199)]
    np.testing.assert_allclose(rates, [0.05, 1, 1, 0.5, 0.01])


@pytest.mark.parametrize("what", ["checkpoint", "weights"])
def test_a_failed_write_leaves_the_file_before(run, what, tmp_path, monkeypatch):
    stage, path = begun(), tmp_path / ("run.pt" if what == "checkpoint" else "out.safetensors")
    write = partial(run.save, stage) if what == "checkpoint" else partial(ship, stage.network.state_dict(), path, {})
    write()
    before, files = path.read_bytes(), sorted(os.listdir(tmp_path))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    stage.step = 3
    with pytest.raises(Exception, match="no room"):
        write()
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == files


def test_what_is_shipped_are_halves_with_their_metadata(run, tmp_path):
    stage = begun()
    ship(stage.network.state_dict(), tmp_path / "out.safetensors", run.metadata())
    assert torch.equal(load_file(tmp_path / "out.safetensors")["weight"], stage.network.weight.half())
    assert set(run.metadata()) == {"training", "command", "pictures"}


def test_a_checkpoint_that_would_run_code_is_refused(run, tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"command": "trainer", "step": Harm()}, run.checkpoint)
    with pytest.raises(pickle.UnpicklingError):
        run.read()
    assert not (tmp_path / "harm").exists()


def test_the_checkpoint_of_another_trainer_is_refused(run):
    run.save(begun())
    with pytest.raises(UsageError, match=r"no checkpoint of other"):
        replace(run, command="other").read()


def test_only_steps_may_differ_where_settings_are_fixed(run):
    run.save(begun())
    other = replace(run, settings=Settings(rate=0.2))
    assert replace(run, settings=Settings(steps=3)).read(fixed=True)
    assert other.read()
    with pytest.raises(UsageError, match=r"rate was 0\.1"):
        other.read(fixed=True)


def test_losses_are_logged_with_the_time_left(run, capsys):
    stage = begun()
    stage.schedule = replace(stage.schedule, steps=50)
    finish(replace(run, steps=50, minutes=60), stage)
    lines = run.checkpoint.with_suffix(".log").read_text().splitlines()
    assert [line.split()[3] for line in lines] == ["25", "50"]
    assert "blur step 25 of 50: error 0." in lines[0]
    assert "min left" in lines[0]
    assert lines[0].partition(" ")[2] in capsys.readouterr().out
