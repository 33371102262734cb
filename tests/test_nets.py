"""Feed-forward networks: the same in tiles as in one piece, and their normalization as torch's."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.nets import NETS, Norm, painted

SMALL = {"singular": {"width": 4, "blocks": 2}, "multimodal": {"widths": (2, 2, 4), "blocks": 1}}


@pytest.fixture(params=NETS)
def network(request):
    torch.manual_seed(1)
    return NETS[request.param](**SMALL[request.param])


@pytest.mark.parametrize(("relu", "leak"), [(True, 0.0), (True, 0.1), (False, 0.1)])
@pytest.mark.parametrize("size", [(8, 6), (9, 5)])
def test_normalization_and_its_gradient_are_those_of_torch(size, relu, leak):
    torch.manual_seed(0)
    x, norm = (2 + torch.randn(2, 3, *size)).requires_grad_(), Norm(3, leak)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    wanted = F.instance_norm(x, weight=norm.weight, bias=norm.bias)
    wanted = F.leaky_relu(wanted, leak) if relu else wanted
    found, probe = norm(x, relu), torch.randn(2, 3, *size)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    leaves = [x, norm.weight, norm.bias]
    ours, theirs = (torch.autograd.grad((one * probe).sum(), leaves) for one in (found, wanted))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(norm(x, relu), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", [16, 40])
def test_tiles_do_not_show(network, side, random_image):
    """The statistics are those of the whole, and what lies beyond a tile is seen: the same but for rounding."""
    image = random_image(112, 80)
    whole, tiles = painted(network, image), painted(network, image, side=side)
    assert float(whole.std()) > 0.05
    torch.testing.assert_close(tiles, whole, atol=2e-3, rtol=0)


def test_each_part_paints_at_its_size(network):
    sizes = {1: [(64, 96)], 3: [(16, 24), (32, 48), (64, 96)]}[network.levels]
    assert [tuple(one.shape[2:]) for one in network(torch.rand(1, 3, 64, 96))] == sizes


def test_no_place_is_lost_to_the_last_layer(network):
    """Where all its channels are below 0, the painting still goes by them, and learns."""
    norms = [part for part in network.modules() if isinstance(part, Norm)]
    leaky = [part for part in norms if part.leak]
    assert len(leaky) == network.levels
    for part in leaky:
        torch.nn.init.constant_(part.bias, -50.0)
    painting = network(torch.rand(1, 3, 64, 64))[-1]
    assert float(painting.detach().std()) > 0.01
    painting.square().mean().backward()
    assert all(bool(part.weight.grad.any()) for part in leaky)


def test_the_gradient_reaches_every_weight(network):
    network(torch.rand(1, 3, 64, 64))[-1].square().mean().backward()
    assert [name for name, one in network.named_parameters() if one.grad is None or not bool(one.grad.any())] == []


def test_a_pass_with_gradients_paints_as_one_without(network):
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted = network(image)
    torch.testing.assert_close(network(image), wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (5, 33), (67, 130)])
def test_any_size_is_painted(network, size):
    image = painted(network, torch.rand(3, *size))
    assert image.shape == (3, *size)
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
