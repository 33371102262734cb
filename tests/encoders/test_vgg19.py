from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from intarsia.encoders import vgg19
from intarsia.encoders.vgg import LAYERS, TAPS
from intarsia.encoders.vgg19 import CAFFE_MEAN, DEVIATION, MEAN, VGG19_SOURCES, load_vgg19
from intarsia.errors import UsageError, WeightsError
from intarsia.weights import Source, file_sum

TEACHER = Path(__file__).parents[2].parent / "shared" / "teacher" / "vgg19_to_relu3_4.safetensors"
WIDTHS = (4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13)  # the layout of VGG-19, some 50 KB

# Written out once by hand: torchvision's index of every convolution.
INDEX = dict(zip(LAYERS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), strict=True))


def made_up(depth: int = 16) -> dict[str, Tensor]:
    """Weights and biases under their layers' names, features neither dying out nor growing."""
    generator = torch.Generator().manual_seed(0)
    state, before = {}, 3
    for layer, width in list(zip(LAYERS, WIDTHS, strict=True))[:depth]:
        state[f"conv{layer}.weight"] = torch.randn(width, before, 3, 3, generator=generator) / (before * 4) ** 0.5
        state[f"conv{layer}.bias"] = torch.randn(width, generator=generator) * 0.1
        before = width
    return state


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same under the published files' names, with a classifier."""
    features = {
        f"features.{INDEX[layer]}.{kind}": state[f"conv{layer}.{kind}"]
        for layer in LAYERS
        for kind in ("weight", "bias")
        if f"conv{layer}.{kind}" in state
    }
    return features | {"classifier.6.weight": torch.ones(5, 5), "classifier.6.bias": torch.ones(5)}


def for_caffe(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inputs are some sixty times as large as torchvision's there: so that these features have the same size."""
    return state | {"conv1_1.weight": state["conv1_1.weight"] / 60}


def reference(state: dict[str, Tensor], prepared: Tensor, first: str, pool=F.max_pool2d) -> dict[str, Tensor]:
    """VGG-19 from the paper's table: what `load_vgg19` is held against."""
    x, found = prepared[None].double(), {}
    for layer in LAYERS:
        if f"conv{layer}.weight" not in state:
            break
        if layer in ("2_1", "3_1", "4_1", "5_1"):
            x = pool(x, 2)
        x = F.pad(x, (1, 1, 1, 1), mode=first if layer == "1_1" else "reflect")
        x = F.relu(F.conv2d(x, state[f"conv{layer}.weight"].double(), state[f"conv{layer}.bias"].double()))
        found[f"relu{layer}"] = x
    return found


def image(side: int = 48) -> Tensor:
    return torch.rand(3, side, side + 16, generator=torch.Generator().manual_seed(1))


def agree(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for tap in wanted:
        error = (found[tap] - wanted[tap]).norm() / wanted[tap].norm()
        assert error < 1e-5, f"{tap}: {error}"


def torchvisions(rgb: Tensor) -> Tensor:
    return (rgb - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def caffes(rgb: Tensor) -> Tensor:
    return rgb[[2, 1, 0]] * 255 - torch.tensor(CAFFE_MEAN)[:, None, None]


# ---- the layers --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not TEACHER.exists(), reason="the real VGG-19 (../shared/teacher) is not beside this checkout")
def test_every_layer_of_the_real_network():
    network = load_vgg19(TEACHER, first_padding="reflect")
    assert list(network.channels) == list(TAPS[:8])
    assert list(network.channels.values()) == [64, 64, 128, 128, 256, 256, 256, 256]
    state, x = load_file(TEACHER), image()
    prepared = F.conv2d(x[None], state["conv0.weight"], state["conv0.bias"])[0]
    agree(network(x[None], TAPS[:8]), reference(state, prepared, "reflect"))


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("first_padding", ["replicate", "reflect"])
@pytest.mark.parametrize("checkpoint", ["torchvision", "caffe"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_both_checkpoints_fold_their_preprocessing_exactly(tmp_path, suffix, checkpoint, first_padding, pooling):
    state, prepare = (for_caffe(made_up()), caffes) if checkpoint == "caffe" else (made_up(), torchvisions)
    path = tmp_path / f"vgg19{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(published(state), path)
    network = load_vgg19(path, checkpoint=checkpoint, pooling=pooling, first_padding=first_padding)
    pool = {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
    agree(network(image()[None], TAPS), reference(state, prepare(image()), first_padding, pool))


def test_the_network_is_frozen_channels_last_and_draws_no_random_numbers(tmp_path):
    torch.save(published(made_up()), tmp_path / "vgg19.pth")
    before = torch.get_rng_state()
    network = load_vgg19(tmp_path / "vgg19.pth", checkpoint="torchvision")
    assert torch.equal(before, torch.get_rng_state())
    assert network.first_padding == "replicate"
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
    assert network.get_submodule("conv2_1").weight.is_contiguous(memory_format=torch.channels_last)
    assert network.strides["relu5_4"] == 16


# ---- the forms that files have -----------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 8, 13])
def test_a_shallower_file_gives_a_shallower_network(tmp_path, depth):
    save_file(published(made_up(depth)), tmp_path / "vgg19.safetensors")
    network = load_vgg19(tmp_path / "vgg19.safetensors", checkpoint="torchvision")
    assert list(network.channels) == list(TAPS[:depth])


def test_layer_names_without_conv0_take_rgb_as_it_is(tmp_path):
    state = made_up(8)
    save_file(state, tmp_path / "vgg19.safetensors")
    network = load_vgg19(tmp_path / "vgg19.safetensors")
    agree(network(image()[None], TAPS[:8]), reference(state, image(), "replicate"))
    assert set(network.state_dict()) == set(state)  # what a network of ours saves is such a file


def test_conv0_is_folded(tmp_path):
    state = for_caffe(made_up(8))
    mix = 255 * torch.eye(3).flip(0) + torch.arange(9.0).reshape(3, 3)
    shift = torch.tensor([-100.0, -110.0, -120.0])
    torch.save(state | {"conv0.weight": mix[..., None, None], "conv0.bias": shift}, tmp_path / "vgg19.pth")
    prepared = torch.einsum("ij,jhw->ihw", mix, image()) + shift[:, None, None]
    network = load_vgg19(tmp_path / "vgg19.pth")
    agree(network(image()[None], TAPS[:8]), reference(state, prepared, "replicate"))


def test_half_precision_files_become_fp32(tmp_path):
    save_file({name: tensor.half() for name, tensor in made_up(2).items()}, tmp_path / "vgg19.safetensors")
    assert load_vgg19(tmp_path / "vgg19.safetensors").get_submodule("conv1_2").weight.dtype == torch.float32


def test_a_local_file_is_told_by_its_sum(tmp_path, monkeypatch):
    state, path = for_caffe(made_up()), tmp_path / "renamed.pth"
    torch.save(published(state), path)
    known = Source("vgg19.pth", "https://example.com/vgg19.pth", file_sum(path)[:8])
    monkeypatch.setitem(vgg19.VGG19_SOURCES, "caffe", known)
    agree(load_vgg19(path)(image()[None], TAPS), reference(state, caffes(image()), "replicate"))
    with pytest.raises(WeightsError, match="holds the caffe checkpoint, not the torchvision one"):
        load_vgg19(path, checkpoint="torchvision")


def test_the_caffe_conversion_is_told_by_its_classifier(tmp_path):
    state, path = for_caffe(made_up()), tmp_path / "vgg19.pth"
    torch.save(published(state) | {"classifier.1.weight": torch.ones(1)}, path)
    agree(load_vgg19(path)(image()[None], TAPS), reference(state, caffes(image()), "replicate"))


def test_a_file_that_does_not_tell_is_asked_about(tmp_path):
    torch.save(published(made_up()), tmp_path / "vgg19.pth")
    with pytest.raises(WeightsError, match="which preprocessing"):
        load_vgg19(tmp_path / "vgg19.pth")


@pytest.mark.parametrize("checkpoint", [None, "torchvision", "caffe"])
def test_without_a_file_the_checkpoint_is_fetched(tmp_path, monkeypatch, checkpoint):
    name = checkpoint or "torchvision"
    state, prepare = (for_caffe(made_up()), caffes) if name == "caffe" else (made_up(), torchvisions)
    source = VGG19_SOURCES[name]
    torch.save(published(state), tmp_path / source.name)
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path))
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    made = Source(source.name, source.url, file_sum(tmp_path / source.name)[:8])
    monkeypatch.setitem(vgg19.VGG19_SOURCES, name, made)
    agree(load_vgg19(checkpoint=checkpoint)(image()[None], TAPS), reference(state, prepare(image()), "replicate"))


def test_offline_without_weights_says_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path))
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"vgg19-dcbb9e9d\.pth.*compact encoder"):
        load_vgg19()


def test_the_manifest_names_its_sums():
    """The published names carry the first eight digits; everything comes over https."""
    for source in VGG19_SOURCES.values():
        assert source.name == f"vgg19-{source.sha256[:8]}.pth" == source.url.rsplit("/", 1)[1]
        assert source.url.startswith("https://")


# ---- files that cannot be used -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"features.12.weight": None, "features.12.bias": None}, "conv3_2.weight is missing"),
        ({"features.0.weight": None}, "conv1_1.weight is missing"),
        ({"features.34.bias": None}, r"vgg19\.pth: conv5_4.bias is missing\. Is"),
        ({"features.5.weight": torch.ones(6, 4, 3, 3)}, r"conv2_1.weight has shape \(6, 4, 3, 3\), expected \(6, 5,"),
        ({"features.5.weight": torch.ones(6, 5, 5, 5)}, "conv2_1.weight has shape"),
        ({"features.5.weight": torch.tensor(1.0)}, "conv2_1.weight has shape"),
        ({"features.5.bias": torch.full((6,), torch.nan)}, "conv2_1.bias has values that are not finite"),
        ({"features.5.bias": torch.ones(6, dtype=torch.int32)}, "conv2_1.bias is int32"),
    ],
)
def test_faulty_files_are_named(tmp_path, change, fault):
    state = {name: tensor for name, tensor in {**published(made_up()), **change}.items() if tensor is not None}
    torch.save(state, tmp_path / "vgg19.pth")
    with pytest.raises(WeightsError, match=fault):
        load_vgg19(tmp_path / "vgg19.pth", checkpoint="torchvision")


def test_another_network_is_named(tmp_path):
    torch.save({"layer1.weight": torch.ones(2)}, tmp_path / "resnet.pth")
    with pytest.raises(WeightsError, match=r"resnet\.pth.*layer1\.weight"):
        load_vgg19(tmp_path / "resnet.pth")


@pytest.mark.parametrize("setting", [{"checkpoint": "cafe"}, {"pooling": "avarage"}, {"first_padding": "reflekt"}])
def test_unknown_names_come_with_the_nearest(setting):
    with pytest.raises(UsageError, match="did you mean"):
        load_vgg19(Path("never read"), **setting)
