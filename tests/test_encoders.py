"""What every encoder in the table promises."""

from pathlib import Path

import pytest
import torch

from intarsia.encoders import Encoder, choose_precision, load
from intarsia.encoders.toy import Toy
from intarsia.errors import UsageError
from intarsia.large import Box, boxes

TAPS = ["relu1_1", "relu3_1", "relu5_1"]


@pytest.fixture(params=["compact", "toy"])
def encoder(request) -> Encoder:
    return load(request.param, device="cpu", precision="fp32")


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 90), (16, 16), (33, 50)])
def test_any_size_gives_finite_features_on_the_promised_grid(encoder, size):
    deepest = encoder.strides["relu5_1"]
    padded = [-(-n // deepest) * deepest for n in size]
    for tap, features in encoder(torch.rand(3, *size), TAPS).items():
        assert features.shape == (encoder.channels[tap], *(n // encoder.strides[tap] for n in padded))
        assert bool(features.isfinite().all())


def test_gradients_reach_the_pixels(encoder):
    image = torch.rand(3, 20, 36).requires_grad_()
    sum(features.float().square().sum() for features in encoder(image, TAPS).values()).backward()
    assert bool(image.grad.isfinite().all())
    assert float(image.grad.abs().sum()) > 0


def test_the_weights_are_frozen(encoder):
    assert not any(parameter.requires_grad for parameter in encoder.network.parameters())


def test_low_precision_is_close(random_image):
    image = random_image(48, 64)
    exact = load("compact", device="cpu", precision="fp32")(image, TAPS)
    rough = load("compact", device="cpu", precision="bf16")(image, TAPS)
    for tap in TAPS:
        error = (rough[tap].float() - exact[tap]).norm() / exact[tap].norm()
        assert float(error) < 0.03


def test_toy_is_an_isometry_on_its_shallow_taps():
    image = torch.rand(1, 3, 32, 32)
    for tap in ("relu1_1", "relu2_1", "relu3_1"):
        features = Toy()(image, [tap])[tap]
        torch.testing.assert_close(features.square().sum(), image.square().sum())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: load("compcat"), "no encoder 'compcat': did you mean 'compact'"),
        (lambda: load("toy", device="cuda:99"), "device 'cuda:99' cannot be used here"),
        (lambda: load("toy", weights=Path("w.safetensors")), "the toy encoder has no weights"),
        (lambda: load("toy", device="gpu"), "device 'gpu' cannot be used here"),
        (lambda: load("toy")(torch.rand(3, 8, 8), ["relu9_1"]), "encoder toy: no tap 'relu9_1'"),
        (lambda: choose_precision("fp8", torch.device("cpu")), "no precision 'fp8'"),
    ],
)
def test_bad_names_say_what_there_is(call, says):
    with pytest.raises(UsageError, match=says):
        call()


# ---- parts of a picture ----------------------------------------------------------------------------------------------


class TestWithin:
    @pytest.mark.parametrize("size", [(100, 117), (96, 128), (33, 70), (17, 5)])
    @pytest.mark.parametrize("side", [16, 48])
    def test_of_boxes_are_those_of_the_whole(self, random_vgg, random_image, size, side):
        """Also at the bottom and at the right, where sizes that the stride does not divide are padded."""
        image = random_image(*size)
        whole = random_vgg(image, TAPS)
        for box in boxes(size, side, 16):
            for tap, found in random_vgg.within(image, box, TAPS).items():
                there = box.cells(random_vgg.strides[tap]).of(whole[tap])
                torch.testing.assert_close(found, there, rtol=1e-4, atol=1e-5)

    def test_of_the_toy_encoder_too(self, random_image):
        toy, image = load("toy", device="cpu"), random_image(33, 47)
        whole = toy(image, ["relu4_1"])["relu4_1"]
        for box in boxes((33, 47), 8, 8):
            found = toy.within(image, box, ["relu4_1"])["relu4_1"]
            torch.testing.assert_close(found, box.cells(8).of(whole))

    @pytest.mark.parametrize("tap", TAPS)
    def test_a_halo_narrower_than_the_reach_is_not_enough(self, random_vgg, tap):
        image, stride = torch.rand(3, 256, 256), random_vgg.strides[tap]
        box, halo = Box(96, 96, 160, 160), random_vgg.reach([tap])
        enough, less = (random_vgg.within(image, box, [tap], halo=n)[tap] for n in (halo, halo - stride))
        torch.testing.assert_close(enough, box.cells(stride).of(random_vgg(image, [tap])[tap]), rtol=1e-4, atol=1e-5)
        assert float((less - enough).abs().max()) > 1e-4 * float(enough.abs().max())

    def test_reach_of_the_deepest_tap(self, random_vgg):
        assert random_vgg.reach(["relu1_1"]) == 1
        assert random_vgg.reach(["relu2_1"]) == 4
        assert random_vgg.reach(TAPS) == 80  # 70, up to a multiple of 16
