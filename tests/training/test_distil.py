"""The training fits its start, goes on exactly, and ships what it measured; on pictures and teachers made here."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from intarsia.encoders.vgg import VGG
from intarsia.training import distil as training
from intarsia.training.distil import Distil, Teachers, choose_channels, fit_heads, initial_student, tap_errors
from intarsia.training.pictures import Pictures, as_images
from intarsia.training.run import Run

WIDE = (8, 8, 12, 12, 16, 16, 16, 16)
DEEP = (6, 6, 8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 14)
SETTINGS = Distil(widths=(6, 6, 9, 9, 12, 10, 10, 10, 12, 12, 12, 12, 14), steps=6, batch=2, crop=32)


def teacher_file(path, widths, heads):
    torch.manual_seed(len(widths))
    network = VGG(widths)
    tensors = {name: value.clone() for name, value in network.state_dict().items()}
    for name, value in tensors.items():
        tensors[name] = (
            torch.randn_like(value) * (2 / max(1, value[0].numel())) ** 0.5 if value.ndim == 4 else value * 0
        )
    tensors |= {"conv0.weight": torch.eye(3)[[2, 1, 0]][..., None, None] * 255, "conv0.bias": torch.full((3,), -110.0)}
    for tap, channels in heads.items():
        width = network.channels[f"relu{tap}"]
        tensors[f"head{tap}.weight"] = torch.randn(channels, width, 1, 1)
        tensors[f"head{tap}.bias"] = torch.randn(channels) * 0.1
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, make_pictures):
    folder = make_pictures(tmp_path_factory.mktemp("distil"), 45)
    vgg19 = teacher_file(folder / "vgg19.safetensors", WIDE, {})
    small = teacher_file(folder / "small.safetensors", DEEP, {"4_1": 24, "5_1": 24})
    return folder, vgg19, small


def test_chosen_channels_explain_the_others():
    base = torch.randn(3, 500)
    features = torch.cat([base, base[:2] + 0.01 * torch.randn(2, 500), (base[0] + base[1])[None]]).double()
    chosen = choose_channels(features @ features.T, 3)
    kept = features[chosen]
    left = features - features @ kept.T @ torch.linalg.inv(kept @ kept.T) @ kept
    assert len(set(chosen)) == 3
    assert float(left.norm() / features.norm()) < 0.02


def test_the_fitted_start_beats_a_random_one(workshop):
    folder, vgg19, small = workshop
    teachers = Teachers(vgg19, small)
    pixels = Pictures.read(folder).pixels
    images = as_images(pixels[1:20])
    errors = {}
    for start in ("fitted", "random"):
        settings = Distil(widths=SETTINGS.widths, start=start)
        student = initial_student(settings, teachers, images)
        errors[start] = tap_errors(student, fit_heads(student, teachers, images), teachers, pixels[20:30])
    for tap in training.SHALLOW:  # deeper taps have too few positions in pictures of this size
        assert errors["fitted"][tap] < 0.8 * errors["random"][tap]


def test_a_run_resumes_exactly_and_ships_what_it_measured(workshop, tmp_path):
    folder, vgg19, small = workshop
    teachers = Teachers(vgg19, small)
    for name, stops in (("whole", [6]), ("parts", [2, 5, 6])):
        for until in stops:
            paths = tmp_path / f"{name}.pt", tmp_path / f"{name}.safetensors"
            training.distil(SETTINGS, folder, teachers, *paths, until)
    whole, parts = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with safe_open(tmp_path / "whole.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["steps"] == "6"
    assert json.loads(metadata["training"])["widths"] == list(SETTINGS.widths)
    told = [float(error) for error in metadata["held_out_errors"].split()]
    pictures = Pictures.read(folder)
    run = Run("intarsia.training.distil", SETTINGS, pictures, tmp_path / "whole.pt", SETTINGS.steps)
    stage = training.begin(run, SETTINGS, teachers)
    again = tap_errors(*stage.average.parts(), teachers, pictures.pixels[pictures.held])
    np.testing.assert_allclose(list(again.values()), told, rtol=1e-3)
