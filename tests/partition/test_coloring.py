import pytest
import torch

from intarsia import picture
from intarsia.errors import GuideError
from intarsia.partition.coloring import COLORED, PALETTE, colored, from_colors, overlay
from intarsia.sources.labels import label_indices, labels_by_color


def blocks(k: int) -> torch.Tensor:
    """Labels 0..k-1 side by side, of falling width, 24 high."""
    return torch.cat([torch.full((24, 6 + 2 * (k - i)), i) for i in range(k)], 1)


def test_colors_stay_apart():
    levels = torch.tensor([list(bytes.fromhex(color[1:])) for color in PALETTE]).float()
    apart = torch.cdist(levels, levels) + 1000 * torch.eye(len(PALETTE))
    assert len(PALETTE) == 32
    assert float(apart.min()) > 100


@pytest.mark.parametrize("k", [1, 2, 7, 32])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_labels_survive_a_file(tmp_path, k, suffix):
    labels = blocks(k)
    picture.write(tmp_path / f"map.{suffix}", colored(labels))
    again = from_colors(picture.read(tmp_path / f"map.{suffix}").image)
    assert torch.equal(again.labels, labels)
    assert torch.equal(again.soft.sum(0), torch.ones(labels.shape))


def test_a_label_map_is_an_input_of_sources(random_image):
    labels = blocks(3)
    colors, content, style = label_indices(colored(labels), colored(labels.flip(1)))
    assert colors == list(PALETTE[:3])
    assert torch.equal(content, labels)
    assert torch.equal(style, labels.flip(1))
    guide = labels_by_color(colored(labels), {color: random_image(16, 16, i) for i, color in enumerate(PALETTE[:3])})
    assert [region.name for region in guide.regions] == list(PALETTE[:3])


def test_an_edited_map_is_read():
    """A label painted over is gone, a new color gets the next free label, and anti-aliased strokes resolve."""
    edited = colored(blocks(3))
    label_1 = (blocks(3) == 1).expand(3, -1, -1)
    edited[label_1] = torch.tensor([0.1, 0.35, 0.15])[:, None].expand(3, int(label_1[0].sum())).flatten()
    found = from_colors(edited)
    assert torch.equal(found.labels, blocks(3))  # 1 was free
    soft = picture.resize(picture.resize(colored(blocks(2)), (48, 96)), (24, 48))
    borders = from_colors(soft).labels
    assert sorted(borders.unique().tolist()) == [0, 1]


def test_too_many_colors_are_told():
    levels = torch.tensor([0, 85, 170, 255]) / 255
    many = torch.cartesian_prod(levels, levels, levels)[torch.arange(33).repeat_interleave(6)]
    with pytest.raises(GuideError, match="more than 32 colors"):
        from_colors(many.T[:, None].expand(3, 12, -1))


def test_an_overlay_is_the_picture_under_the_colors(random_image):
    image, labels = random_image(24, 18), blocks(2)[:, :18]
    torch.testing.assert_close(overlay(image, labels), (1 - COLORED) * image + COLORED * colored(labels))
