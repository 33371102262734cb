import pytest
import torch
import torch.nn.functional as F

from intarsia.encoders.vgg import TAPS, VGG, pad_one, relu_pad_one

WIDTHS = (4, 5, 6, 7, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (5, 7), (16, 9)])
def test_padding_is_reflection_forward_and_backward(size):
    x = torch.rand(2, 3, *size, dtype=torch.double).contiguous(memory_format=torch.channels_last).requires_grad_()
    ours, torchs = pad_one(x), F.pad(x, (1, 1, 1, 1), mode="reflect")
    assert torch.equal(ours, torchs)
    weight = torch.rand_like(torchs)
    torch.testing.assert_close(*(torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, torchs)))


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1)])
def test_a_side_of_one_pixel_is_repeated(size):
    x = torch.rand(1, 2, *size).requires_grad_()
    torch.testing.assert_close(pad_one(x), F.pad(x, (1, 1, 1, 1), mode="replicate"))
    pad_one(x).sum().backward()


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (5, 7), (16, 9)])
def test_relu_and_padding_in_one(size):
    x = torch.randn(2, 3, *size, dtype=torch.double).contiguous(memory_format=torch.channels_last).requires_grad_()
    both, apart = relu_pad_one(x), pad_one(F.relu(x))
    assert torch.equal(both, apart)
    weight = torch.rand_like(apart)
    torch.testing.assert_close(*(torch.autograd.grad((y * weight).sum(), x)[0] for y in (both, apart)))


def test_padding_leaves_the_gradient_of_others_alone():
    padded = pad_one(torch.rand(1, 2, 4, 4, requires_grad=True))
    given = torch.ones_like(padded)
    padded.backward(given)
    assert torch.equal(given, torch.ones_like(padded))


def by_hand(network, images, deepest, pool):
    x, found = images, {}
    for tap in TAPS[: TAPS.index(deepest) + 1]:
        if tap in ("relu2_1", "relu3_1", "relu4_1", "relu5_1"):
            x = pool(x, 2)
        conv = network.conv(tap[4:])
        x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias))
        found[tap] = x
    return found


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_is_the_network_that_the_paper_draws(pooling):
    network = VGG(WIDTHS, pooling=pooling)
    images = torch.rand(2, 3, 64, 32)
    wanted = by_hand(network, images, "relu5_4", {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling])
    for tap, features in network(images, TAPS).items():
        torch.testing.assert_close(features, wanted[tap])
        assert features.shape[1] == network.channels[tap]
        assert features.shape[2] == 64 // network.strides[tap]


@pytest.mark.parametrize("taps", [["relu1_1", "relu2_1", "relu3_1", "relu4_1"], ["relu1_2", "relu2_2", "relu3_4"]])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradients_to_pixels_and_weights_are_those_of_the_network_by_hand(taps, pooling):
    torch.manual_seed(1)
    network, images = VGG(WIDTHS, pooling=pooling).double(), torch.rand(2, 3, 32, 16, dtype=torch.double)
    wanted = by_hand(
        network, images.requires_grad_(), taps[-1], {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
    )
    found = network(images, taps)
    variables = [
        images,
        *(p for name, p in network.named_parameters() if name.startswith(("conv1", "conv2", "conv3_1"))),
    ]
    ours, theirs = (
        torch.autograd.grad(sum((one[tap] * (1 + one[tap].detach())).sum() for tap in taps), variables)
        for one in (found, wanted)
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_stops_at_the_deepest_tap_in_use():
    network = VGG(WIDTHS)
    network.conv("3_2").register_forward_hook(lambda *_: pytest.fail("went deeper than asked"))
    assert set(network(torch.rand(1, 3, 16, 16), ["relu1_1", "relu3_1"])) == {"relu1_1", "relu3_1"}


def test_channels_stay_last():
    features = VGG(WIDTHS).frozen()(torch.rand(1, 3, 32, 32), ["relu2_2"])["relu2_2"]
    assert features.is_contiguous(memory_format=torch.channels_last)
