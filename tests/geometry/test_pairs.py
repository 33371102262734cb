"""What is left of a set of pairs is fit for a warp: coherent, spaced, not crossed; alignment undoes a similarity."""

import math

import pytest
import torch

from intarsia.errors import GuideError
from intarsia.geometry import (
    Pairs,
    aligned,
    apply,
    clustered,
    coherent,
    crossings,
    similarity,
    similarity_of,
    spaced,
    uncrossed,
)

SIZE, ONTO = (60, 90), (80, 50)


def drawn(n: int, seed: int = 0) -> torch.Tensor:
    return 0.2 + 0.6 * torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def active(content: torch.Tensor, style: torch.Tensor, activation: list[float]) -> Pairs:
    return Pairs(content.double(), style.double(), torch.tensor(activation, dtype=torch.float64))


def test_alignment_undoes_a_similarity_between_pictures_of_any_size():
    content = drawn(7)
    moved = similarity(SIZE, ONTO, 0.4, 30, (0.4, 0.5), (0.6, 0.5))
    pairs = Pairs.of(content, apply(moved, content))
    torch.testing.assert_close(similarity_of(pairs, SIZE, ONTO), moved)
    torch.testing.assert_close(aligned(pairs, SIZE, ONTO), content)


def test_a_mirror_image_is_not_aligned_by_mirroring():
    content = drawn(6)
    matrix = similarity_of(Pairs.of(content, content * torch.tensor([-1, 1]) + torch.tensor([1, 0])), SIZE, SIZE)
    assert float(torch.linalg.det(matrix[:2, :2])) > 0


def test_one_point_has_no_similarity():
    with pytest.raises(GuideError, match="two different points"):
        similarity_of(Pairs.of(drawn(1), drawn(1)), SIZE, SIZE)


def test_what_agrees_with_one_smooth_warp_is_coherent():
    content = drawn(100)
    bend = 0.03 * torch.stack([(4 * content[:, 1]).sin(), (5 * content[:, 0]).cos()], 1)
    style = content + bend
    style[:20] = drawn(20, 1)
    stray = (style - content - bend).norm(dim=1) > 0.1
    left = coherent(Pairs.of(content, style, [str(i) for i in range(100)]), SIZE, SIZE)
    kept = torch.zeros(100, dtype=torch.bool)
    kept[[int(name) for name in left.names]] = True
    assert not bool((kept & stray).any())
    assert int((kept & ~stray).sum()) > 60


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5])
def test_few_pairs_are_cleaned_too(n):
    pairs = Pairs.of(drawn(n), drawn(n, 1))
    for left in (coherent(pairs, SIZE, ONTO), spaced(pairs, SIZE), uncrossed(pairs, SIZE, ONTO), clustered(pairs, 3)):
        assert len(left) <= n
    line = Pairs.of(torch.linspace(0.1, 0.9, n + 2)[:, None].expand(-1, 2), drawn(n + 2))
    assert len(coherent(line, SIZE, ONTO)) <= n + 2


def test_the_most_active_ones_are_kept_with_space_between():
    content = torch.tensor([[0.5, 0.5], [0.52, 0.5], [0.56, 0.5], [0.1, 0.5], [0.5, 0.535]])
    pairs = active(content, content, [0.5, 0.9, 0.4, 0.1, 0.3])
    assert spaced(pairs, (100, 100)).activation.tolist() == [0.9, 0.4, 0.1]
    assert spaced(pairs, (50, 100)).activation.tolist() == [0.9, 0.4, 0.1]
    assert spaced(pairs, (200, 100)).activation.tolist() == [0.9, 0.1]  # twice as near in x, in longer sides
    assert spaced(pairs, (100, 100), most=2).activation.tolist() == [0.9, 0.4]


def test_of_two_that_cross_the_more_active_one_stays():
    corners = torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
    inner = torch.tensor([[0.4, 0.5], [0.5, 0.4]])
    pairs = active(torch.cat([corners, inner]), torch.cat([corners, 1 - inner]), [1, 1, 1, 1, 0.3, 0.6])
    assert sorted(uncrossed(pairs, (50, 50), (50, 50)).activation.tolist()) == pytest.approx([0.6, 1, 1, 1, 1])
    assert len(uncrossed(pairs[:5], (50, 50), (50, 50))) == 5


def test_one_of_each_cluster_is_kept_and_the_same_every_time():
    angles = torch.arange(4) * math.pi / 2
    middles = 0.5 + 0.4 * torch.stack([angles.cos(), angles.sin()], 1)
    content = (middles[:, None] + 0.02 * (drawn(20).view(4, 5, 2) - 0.5)).view(-1, 2)
    pairs = active(content, content, torch.linspace(0, 1, 20).tolist())
    left = clustered(pairs, 4)
    torch.testing.assert_close(left.activation, pairs.activation[[19, 14, 9, 4]])
    assert torch.equal(clustered(pairs, 4).content, left.content)
    assert len(clustered(pairs, 99)) == 20


def test_ways_that_cross_are_named():
    points = torch.tensor([[0.1, 0.1], [0.4, 0.5], [0.5, 0.4]])
    targets = torch.tensor([[0.2, 0.1], [0.6, 0.5], [0.5, 0.6]])
    assert crossings(points, targets, SIZE) == [(1, 2)]
    assert crossings(points[:2], targets[:2], SIZE) == []
