"""The training of decoders fits its start, goes on exactly, and ships what it measured; on pictures made here."""

import dataclasses
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from intarsia.decoders import Mirror, load_decoder
from intarsia.encoders import Encoder
from intarsia.encoders.vgg import VGG
from intarsia.errors import UsageError
from intarsia.training import decoders as training
from intarsia.training.decoders import Decoders, Whitened, begin, held_out_errors, initial_decoder, train, whitening
from intarsia.training.fitting import kernel_of
from intarsia.training.pictures import Pictures, as_images

SETTINGS = Decoders(steps=(2, 2, 2, 1, 1), batch=2, crop=(32,) * 5, judged=1, fitted=16)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    network = VGG((6, 6, 8, 8, 10, 8, 8, 8, 10, 10, 10, 10, 12))
    for layer in network.state_dict():
        if layer.endswith("weight"):
            torch.nn.init.kaiming_normal_(network.get_parameter(layer), nonlinearity="relu")
        else:
            torch.nn.init.uniform_(network.get_parameter(layer), 0, 0.2)
    return Encoder("vgg19", network.frozen())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_pictures):
    return make_pictures(tmp_path_factory.mktemp("pictures"), 25)


@pytest.fixture(scope="module")
def pixels(folder):
    return Pictures.read(folder).pixels


def drawn(level, encoder):
    torch.manual_seed(level)
    return Mirror(level, encoder.channels)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_fitted_start_beats_a_drawn_one(level, encoder, pixels):
    images = as_images(pixels[1:20])
    below = initial_decoder(level - 1, encoder, None, images) if level == 3 else None
    fitted, _ = held_out_errors(initial_decoder(level, encoder, below, images), encoder, pixels[20:])
    random, _ = held_out_errors(drawn(level, encoder), encoder, pixels[20:])
    assert fitted > random + 6


def test_the_start_ends_as_the_decoder_below(encoder, pixels):
    below = drawn(2, encoder)
    decoder = initial_decoder(3, encoder, below, as_images(pixels[:8]))
    for i in range(3):
        one, other = decoder.conv(len(decoder.layers) - 3 + i), below.conv(i)
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(kernel_of(one), kernel_of(other))


def test_a_layer_is_fitted_to_what_the_encoder_pools(encoder, pixels):
    images = as_images(pixels[:2])
    wanted = torch.nn.functional.max_pool2d(training._features(encoder, images, "relu2_2"), 2)
    assert torch.equal(training._target("relu2_2", encoder, images), wanted)
    assert training._target("relu3_2", encoder, images).shape[-1] == 16
    assert training._target("image", encoder, images) is images


@torch.no_grad()
def test_in_whitened_coordinates_patches_are_white_and_outputs_of_size_1(encoder, pixels):
    images, decoder = as_images(pixels), drawn(2, encoder)
    matrices = whitening(decoder, encoder, images)
    for index, matrix in enumerate(matrices):
        rows = torch.cat([one for one, _ in training._pairs(decoder, index, encoder, images)])
        white = rows.double() @ matrix.double().T
        sizes = (rows @ kernel_of(decoder.conv(index)).detach().T).var(0).mean().sqrt()
        values = torch.linalg.eigvalsh(white.T @ white / len(white)) / float(sizes) ** 2
        assert float(values.max()) < 1.05
        assert float(values.median()) > 0.3  # below 1 only where the damping rules
    assert len(matrices) == 3


def test_a_step_in_whitened_coordinates_follows_the_gradient_there(encoder, pixels):
    decoder = drawn(1, encoder)
    optimizer = Whitened(decoder, whitening(decoder, encoder, as_images(pixels[:8])))
    before = [kernel_of(conv).detach().clone() for conv in optimizer.kernels]
    features = training._features(encoder, as_images(pixels[:4]), "relu1_1")
    decoder(features).square().mean().backward()
    optimizer.param_groups[0]["lr"] = 1e-3
    optimizer.step()
    for conv, old, matrix, coordinates in zip(
        optimizer.kernels, before, optimizer.back, optimizer.coordinates, strict=True
    ):
        moved = torch.linalg.solve(matrix.double(), (kernel_of(conv).detach() - old).double(), left=False)
        clear = coordinates.grad.abs() > 1e-6
        wanted = -1e-3 * coordinates.grad.sign().double()  # the first step of Adam
        torch.testing.assert_close(moved[clear], wanted[clear], rtol=0.1, atol=2e-4)


def test_steps_lower_the_error(encoder, pixels):
    images = as_images(pixels[1:17])
    settings = dataclasses.replace(SETTINGS, steps=(25,) * 5, rate=2e-3)
    stage = begin(settings, encoder, 2, {}, images)
    before = held_out_errors(stage.average, encoder, pixels[17:])
    for _ in range(25):
        stage.advance(images)
    after = held_out_errors(stage.average, encoder, pixels[17:])
    assert after[0] > before[0] + 0.5
    assert after[1] < before[1]


def test_a_run_resumes_exactly_and_ships_what_it_measured(encoder, folder, pixels, tmp_path):
    for name, stops in (("whole", [None]), ("parts", [1, 4, 5, None])):
        for until in stops:
            train(SETTINGS, encoder, folder, tmp_path / f"{name}.pt", tmp_path / f"{name}.safetensors", until)
    whole, parts = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with safe_open(tmp_path / "whole.safetensors", "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["training"])["steps"] == list(SETTINGS.steps)
    held = pixels[Pictures.read(folder).held]
    for level, ratio, error in zip(
        range(1, 6), metadata["held_out_psnr"].split(), metadata["held_out_feature_errors"].split(), strict=True
    ):
        network = load_decoder(encoder, level, tmp_path / "whole.safetensors").network
        assert isinstance(network, Mirror)
        found = held_out_errors(network, encoder, held)
        assert found == pytest.approx((float(ratio), float(error)), rel=5e-3)


def test_steps_may_change_on_the_way_and_nothing_else(encoder, folder, tmp_path):
    paths = tmp_path / "run.pt", tmp_path / "out.safetensors"
    train(SETTINGS, encoder, folder, *paths, until=1)
    with pytest.raises(UsageError, match="batch was 2"):
        train(dataclasses.replace(SETTINGS, batch=3), encoder, folder, *paths)
    train(dataclasses.replace(SETTINGS, steps=(1,) * 5), encoder, folder, *paths)
    assert paths[1].exists()


def test_a_run_may_start_from_what_another_ended_with(encoder, folder, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    train(SETTINGS, encoder, folder, tmp_path / "first.pt", first)
    none = dataclasses.replace(SETTINGS, steps=(0,) * 5)
    train(none, encoder, folder, tmp_path / "second.pt", second, start=first)
    one, other = load_file(first), load_file(second)
    assert all(torch.equal(one[name], other[name]) for name in one)
    with safe_open(second, "pt") as file:
        before = json.loads(file.metadata()["start"])
    assert json.loads(before["training"])["steps"] == list(SETTINGS.steps)
