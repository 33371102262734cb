"""A training goes on exactly, keeps to its time, survives a full disk and a full device, and may have many hands."""

import os
import subprocess
import sys
from dataclasses import replace

import pydantic
import pytest
import torch
from safetensors.torch import load_file

from intarsia.encoders import load
from intarsia.errors import Notice, UsageError
from intarsia.models import read_model
from intarsia.training import networks, run
from intarsia.training.networks import Trainer, Training
from intarsia.training.photographs import Photographs

TOY = load("toy", device="cpu")
SETTINGS = Training(width=2, blocks=1, steps=6, batch=2, crop=64, style_size=(64,))


@pytest.fixture
def trainer(tmp_path, make_pictures, random_image, monkeypatch):
    monkeypatch.setattr(networks, "SAMPLES", 1)
    (tmp_path / "photographs").mkdir()
    photographs = Photographs.read(make_pictures(tmp_path / "photographs", 6), 64)
    return Trainer(SETTINGS, [random_image(64, 64, 1)], TOY, photographs, tmp_path / "net.safetensors", every=0)


class Killed(BaseException):
    pass


def killed(trainer, monkeypatch, step):
    """A training whose process dies just before this step."""
    plain = run.Stage.advance

    def advance(stage, images):
        if stage.step == step:
            raise Killed
        return plain(stage, images)

    with monkeypatch.context() as patch:
        patch.setattr(run.Stage, "advance", advance)
        with pytest.raises(Killed):
            trainer()


@pytest.mark.parametrize("at", [1, 4])
def test_a_killed_training_goes_on_exactly(trainer, monkeypatch, at, tmp_path):
    whole = replace(trainer, out=tmp_path / "whole.safetensors")
    whole()
    killed(trainer, monkeypatch, at)
    assert not trainer.out.exists()
    seen = []
    monkeypatch.setattr(networks, "curves", lambda history: seen.append(dict(history)) or torch.ones(3, 8, 8))
    trainer()
    assert len(seen[-1]["style"]) == 6
    one, other = load_file(trainer.out), load_file(whole.out)
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_it_leaves_a_network_with_what_made_it(trainer, tmp_path):
    trainer()
    model = read_model(trainer.out)
    assert '"steps": 6' in model.told["training"]
    assert model.told["steps"] == "6"
    names = sorted(path.name for path in tmp_path.glob("net.*"))
    assert names == ["net.losses.png", "net.safetensors", "net.samples.png"]


def test_the_loss_falls(trainer, monkeypatch):
    seen = []
    monkeypatch.setattr(networks, "curves", lambda history: seen.append(history) or torch.ones(3, 8, 8))
    replace(trainer, settings=replace(SETTINGS, steps=40), every=60)()
    style = seen[-1]["style"]
    assert sum(style[-5:]) < 0.6 * sum(style[:5])


def test_other_settings_styles_or_pictures_are_not_mixed_up(trainer, monkeypatch, random_image):
    killed(trainer, monkeypatch, 3)
    with pytest.raises(UsageError, match=r"tv was 0\.3"):
        replace(trainer, settings=replace(SETTINGS, tv=0.1))()
    with pytest.raises(UsageError, match="styles was"):
        replace(trainer, styles=[random_image(64, 64, 2)])()
    with pytest.raises(UsageError, match="pictures was"):
        replace(trainer, photographs=Photographs(trainer.photographs.pictures[:3]))()


@pytest.fixture
def timed(trainer, monkeypatch):
    """A trainer that plans its steps by 3 minutes, of which each takes 3 seconds, and the first ones more."""
    clock, plain = [0.0], run.Stage.advance

    def advance(stage, images):
        clock[0] += 30 if stage.step < networks.SKIPPED else 3
        return plain(stage, images)

    monkeypatch.setattr(run.Stage, "advance", advance)
    monkeypatch.setattr(networks, "monotonic", lambda: clock[0])
    return replace(trainer, settings=replace(SETTINGS, steps=None, minutes=3), every=60)


FIRST = networks.SKIPPED + networks.TIMED
PLANNED = FIRST + round((180 * networks.SPARE - FIRST * 3) / 3)


def test_the_first_steps_plan_the_others_by_the_minutes(timed):
    timed()
    assert read_model(timed.out).told["steps"] == str(PLANNED)


def test_a_plan_outlives_the_process(timed, monkeypatch):
    killed(timed, monkeypatch, FIRST + 2)
    monkeypatch.setattr(networks, "monotonic", lambda: pytest.fail("it is planned already"))
    timed()
    assert read_model(timed.out).told["steps"] == str(PLANNED)


def test_on_a_full_disk_the_last_checkpoint_stays_and_the_training_goes_on(trainer, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    plain, kept = run.Stage.advance, []

    def advance(stage, images):
        if stage.step == 3:
            kept.append(trainer.out.with_suffix(".checkpoint").read_bytes())
            monkeypatch.setattr(os, "fsync", full)
        if stage.step == 5:
            assert trainer.out.with_suffix(".checkpoint").read_bytes() == kept[0]
            monkeypatch.undo()
        return plain(stage, images)

    monkeypatch.setattr(run.Stage, "advance", advance)
    with pytest.warns(Notice, match="the training goes on"):
        trainer()
    assert read_model(trainer.out).told["steps"] == "6"


def test_a_device_that_is_too_small_gets_smaller_parts_of_the_same_batch(trainer, monkeypatch, tmp_path):
    whole = replace(trainer, out=tmp_path / "whole.safetensors")
    whole()
    plain = networks._loss

    def small(passed, objective, images):
        if len(images) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(passed, objective, images)

    monkeypatch.setattr(networks, "_loss", small)
    with pytest.warns(Notice, match="in 2 parts and adds up their gradients"):
        trainer()
    one, other = load_file(trainer.out), load_file(whole.out)
    for name in other:
        torch.testing.assert_close(one[name].float(), other[name].float(), atol=2e-3, rtol=0)


TOGETHER = """
import sys, torch, pathlib
from intarsia.encoders import load
from intarsia.training.networks import Crew, Trainer, Training
from intarsia.training.photographs import Photographs
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
crew = Crew(torch.distributed.get_rank(), torch.distributed.get_world_size())
folder = pathlib.Path(sys.argv[1])
settings = Training(width=2, blocks=1, steps=6, batch=2, crop=64, style_size=(64,))
photographs = Photographs.read(folder / "photographs", 64, crew.rank, crew.size)
style = torch.load(folder / "style.pt")
Trainer(settings, [style], load("toy", device="cpu"), photographs, folder / "two.safetensors", crew, every=0)()
torch.distributed.destroy_process_group()
"""


def test_two_processes_train_as_one_with_the_same_batch(trainer, tmp_path):
    trainer()
    torch.save(trainer.styles[0], tmp_path / "style.pt")
    (tmp_path / "together.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, tmp_path / "together.py", tmp_path], check=True, env=settings, capture_output=True)
    one, other = load_file(trainer.out), load_file(tmp_path / "two.safetensors")
    for name in one:
        torch.testing.assert_close(one[name].float(), other[name].float(), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"style_size": (64, 64)},
        {"crop": 100},
        {"network": "multimodal", "level_weight": (1.0,)},
        {"rate": 0},
        {"style_taps": ()},
        {"style_taps": ("relu1_1",) * 2},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        Training(**wrong)


def test_each_network_has_what_is_usual_for_it_unless_something_else_is_asked_for():
    one, three = Training(), Training(network="multimodal")
    assert (one.crops.batch, one.side, one.sizes, one.weighed.content) == (2, 256, (512,), 0.13)
    assert (three.crops.batch, three.side, three.sizes, three.weighed.content) == (1, 512, (256, 512, 1024), 0.1)
    assert (one.schedule(9).rate, three.schedule(9).rate) == (2e-3, 1e-3)
    asked = Training(network="multimodal", batch=4, rate=0.01, content_weight=0, blocks=1)
    assert (asked.crops.batch, asked.weighed.content, asked.architecture()["blocks"]) == (4, 0, 1)
    assert asked.schedule(9).rate == 0.01
    for one in (Training(), three, asked):
        kept = one.explicit()
        assert not [
            name for name, value in kept.items() if value in (None, ()) and name not in ("steps", "level_weight")
        ]
        again = Training(**kept)
        assert (again.crops, again.weighed, again.schedule(9)) == (one.crops, one.weighed, one.schedule(9))
        assert again.architecture() == one.architecture()


def test_a_training_may_begin_with_a_trained_network(trainer, tmp_path):
    trainer()
    start = read_model(trainer.out)
    again = replace(trainer, settings=replace(SETTINGS, steps=1, rate=1e-9), out=tmp_path / "more.safetensors")
    replace(again, start=start)()
    found, wanted = load_file(again.out), load_file(trainer.out)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    with pytest.raises(UsageError, match=r"`start` is singular with .*'width': 2.*'width': 4"):
        replace(again, start=start, settings=replace(SETTINGS, width=4), out=tmp_path / "other.safetensors")()
