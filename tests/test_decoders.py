"""Decoders mirror their encoder, may be used by tiles, and those that are embedded give pictures back."""

import itertools
from importlib.resources import files

import pytest
import torch
from safetensors.torch import load_file, save_file

from intarsia.decoders import LEVELS, SHA256, Decoder, Mirror, layers_of, load_decoder
from intarsia.encoders import load
from intarsia.encoders.vgg import TAPS, VGG
from intarsia.errors import UsageError, WeightsError

WIDTHS = (4, 5, 6, 7, 8, 6, 6, 6, 9, 9, 9, 9, 10)
CHANNELS = VGG(WIDTHS).channels
EMBEDDED = files("intarsia") / "decoders.safetensors"


@pytest.fixture
def compact():
    return load("compact", device="cpu", precision="fp32")


def reconstruct(encoder, level, image, **options):
    decoder = load_decoder(encoder, level, **options)
    return decoder(encoder(image, [decoder.tap], plain=[decoder.tap])[decoder.tap], image.shape[1:])


def random_decoder(level):
    torch.manual_seed(level)
    return Decoder(Mirror(level, CHANNELS).frozen())


class TestPlan:
    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("widths", [WIDTHS, (64, 64, 128, 128, *[256] * 4, *[512] * 8)])
    def test_from_the_channels_of_the_tap_to_pixels_at_the_full_size(self, level, widths):
        channels = VGG(widths[:13]).channels
        layers = layers_of(level, channels)
        assert layers[0].given == channels[f"relu{level}_1"]
        assert layers[-1].made == 3
        assert 2 ** sum(layer.grows for layer in layers) == 2 ** (level - 1)
        for layer, following in itertools.pairwise(layers):
            assert layer.made == following.given

    @pytest.mark.parametrize("level", [3, 4, 5])
    def test_it_ends_as_the_level_below_which_takes_what_the_first_layers_are_fitted_to(self, level):
        layers, below = layers_of(level, CHANNELS), layers_of(level - 1, CHANNELS)
        assert layers[-len(below) :] == below
        assert layers[-len(below) - 1].target == f"relu{level - 1}_1"

    def test_targets_are_taps(self):
        assert {layer.target for layer in layers_of(5, CHANNELS)} <= {*TAPS, "image", ""}


@pytest.mark.parametrize("level", LEVELS)
def test_a_picture_of_any_size_comes_back_in_its_size(level, random_image):
    decoder = random_decoder(level)
    features = torch.rand(CHANNELS[decoder.tap], 3, 4)
    image = decoder(features, (2**level, 3 * 2 ** (level - 1) - 1))
    assert image.shape == (3, 2**level, 3 * 2 ** (level - 1) - 1)
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert torch.equal(image, decoder(features)[:, : image.shape[1], : image.shape[2]])


@pytest.mark.parametrize("level", LEVELS)
def test_a_tile_with_its_reach_gives_what_the_whole_gives(level):
    decoder = random_decoder(level)
    stride, reach = 2 ** (level - 1), decoder.reach
    features = 10 * torch.rand(1, CHANNELS[decoder.tap], 2 * reach + 5, 2 * reach + 6)
    whole = decoder.network(features)[..., 4 * stride :, 5 * stride :]
    tile = decoder.network(features[..., 4:, 5:])
    halo, less = reach * stride, (reach - 1) * stride
    torch.testing.assert_close(tile[..., halo:, halo:], whole[..., halo:, halo:], rtol=0, atol=1e-6)
    assert float((tile - whole)[..., less:, less:].abs().max()) > 2e-6  # no more than the reach is needed


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_flat_stays_flat(level):
    """Else a grid is seen wherever a transform makes features that no picture has."""
    decoder = random_decoder(level)
    image = decoder.network((5 * torch.rand(1, CHANNELS[decoder.tap], 1, 1) - 1).expand(-1, -1, 4, 5))
    torch.testing.assert_close(image, image[..., :1, :1].expand_as(image), rtol=0, atol=1e-5)


class TestToy:
    @pytest.mark.parametrize("level", LEVELS)
    def test_its_decoder_is_its_inverse(self, level, random_image):
        encoder = load("toy", device="cpu", limit=768)
        image = random_image(48, 32)
        torch.testing.assert_close(reconstruct(encoder, level, image), image, rtol=0, atol=1e-5)


class TestEmbedded:
    @pytest.mark.parametrize(("level", "wanted"), [(1, 45), (2, 30), (3, 26), (4, 22.5), (5, 20)])
    def test_a_photograph_comes_back(self, compact, level, wanted):
        data = pytest.importorskip("skimage.data")
        photo = torch.from_numpy(data.coffee()[40:296, 130:386]).permute(2, 0, 1).float() / 255
        error = (reconstruct(compact, level, photo) - photo).square().mean()
        assert float(-10 * error.log10()) > wanted - 2  # one picture, not the mean of many

    def test_bf16_gives_nearly_the_same(self, compact, random_image):
        image = random_image(64, 64)
        rounded = load("compact", device="cpu", precision="bf16")
        for level in LEVELS:
            fine, coarse = (reconstruct(encoder, level, image) for encoder in (compact, rounded))
            assert float((fine - coarse).abs().mean()) < 0.01

    def test_the_file_weighs_at_most_5_mb(self):
        assert len(EMBEDDED.read_bytes()) <= 5_000_000

    def test_a_changed_file_is_refused(self, compact, monkeypatch):
        monkeypatch.setattr("intarsia.decoders.SHA256", "0" * 64)
        with pytest.raises(WeightsError, match="0000"):
            load_decoder(compact, 3)
        assert len(SHA256) == 64


class TestFaults:
    @pytest.mark.parametrize("level", [0, 6])
    def test_other_levels(self, compact, level):
        with pytest.raises(UsageError, match="1 to 5"):
            load_decoder(compact, level)

    def test_an_encoder_without_decoders(self, tmp_path):
        torch.manual_seed(0)
        save_file({f"conv{n[4:]}": t for n, t in VGG(WIDTHS).state_dict().items()}, tmp_path / "vgg.safetensors")
        encoder = load("vgg19", tmp_path / "vgg.safetensors", device="cpu", precision="fp32")
        with pytest.raises(UsageError, match=r"training\.decoders --encoder vgg19"):
            load_decoder(encoder, 2)

    def test_a_file_with_other_weights_names_them(self, compact, tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            load_decoder(compact, 2, tmp_path / "none.safetensors")
        tensors = load_file(str(EMBEDDED))
        tensors["level2.convs.1.weight"][0] = float("nan")
        save_file(tensors, tmp_path / "nan.safetensors")
        with pytest.raises(WeightsError, match=r"level 2.*convs\.1\.weight.*finite"):
            load_decoder(compact, 2, tmp_path / "nan.safetensors")
        assert load_decoder(compact, 1, tmp_path / "nan.safetensors").level == 1
