"""What every encoder in the table promises."""

from pathlib import Path

import pytest
import torch

from intarsia.encoders import Encoder, choose_precision, load
from intarsia.encoders.toy import Toy
from intarsia.errors import UsageError

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
