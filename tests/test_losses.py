"""Each distance is zero at its target, grows away from it, and agrees with a slow reference."""

import pytest
import scipy.linalg
import scipy.optimize
import scipy.spatial
import torch

from intarsia.losses import (
    LOSSES,
    content_loss,
    cosine_costs,
    gram_loss,
    histogram_loss,
    mean_and_covariance_loss,
    outside_range,
    patch_gram_loss,
    patch_loss,
    relaxed_emd,
    self_similarity_loss,
    total_variation,
    wasserstein_loss,
)
from intarsia.match import places, votes
from intarsia.moments import moments, supports


def texture(seed, c=6, n=400, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(c, c, generator=generator)
    return (scale * (mix @ torch.randn(c, n, generator=generator)) + torch.randn(c, 1, generator=generator))[:, :, None]


@pytest.mark.parametrize("name", LOSSES)
def test_zero_at_the_target_and_positive_elsewhere(name):
    a, b = moments(texture(1)), moments(texture(2))
    assert float(LOSSES[name](a, a)) == pytest.approx(0, abs=1e-4)
    assert float(LOSSES[name](b, a)) > 0.1


@pytest.mark.parametrize("name", LOSSES)
def test_descent_reaches_the_target(name):
    target = moments(texture(3))
    points = texture(4).requires_grad_()
    optimizer = torch.optim.LBFGS([points], max_iter=80, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = LOSSES[name](moments(points), target).sum()
        loss.backward()
        return loss

    before = closure().item()
    optimizer.step(closure)
    assert closure().item() < 1e-3 * before


@pytest.mark.parametrize("name", LOSSES)
def test_scale_of_the_features_does_not_matter(name):
    near = LOSSES[name](moments(texture(1)), moments(texture(2)))
    far = LOSSES[name](moments(100 * texture(1)), moments(100 * texture(2)))
    torch.testing.assert_close(near, far, rtol=1e-3, atol=1e-5)


def test_wasserstein_distance_of_gaussians_is_the_closed_form():
    a, b = moments(texture(5)), moments(texture(6))
    cov_a, cov_b = (m.covariance()[0].double().numpy() for m in (a, b))
    root = scipy.linalg.sqrtm(cov_b)
    both = scipy.linalg.sqrtm(root @ cov_a @ root).real
    square = float((a.mean() - b.mean()).square().sum()) + (cov_a + cov_b - 2 * both).trace()
    scale = float(b.mean().square().sum()) + cov_b.trace()
    assert float(wasserstein_loss(a, b)) == pytest.approx(square / scale, rel=1e-4)


def test_a_flat_style_gives_finite_losses_and_gradients():
    flat = moments(torch.full((4, 5, 5), 0.5))
    for loss in LOSSES.values():
        image = torch.rand(4, 5, 5).requires_grad_()
        loss(moments(image), flat).sum().backward()
        assert bool(image.grad.isfinite().all())
        black = loss(moments(torch.zeros(4, 5, 5)), moments(torch.zeros(4, 5, 5)))
        assert bool(black.isfinite().all())


def test_gram_distance_by_its_formula():
    a, b = texture(1), texture(2)
    grams = [x.flatten(1) @ x.flatten(1).T / x[0].numel() for x in (a, b)]
    wanted = ((grams[0] - grams[1]).square().sum() / grams[1].square().sum()).double()
    torch.testing.assert_close(gram_loss(moments(a), moments(b))[0], wanted, rtol=1e-4, atol=1e-6)


def test_content_loss_counts_positions_by_weight():
    target, features = torch.rand(3, 4, 4), torch.rand(3, 4, 4)
    weight = torch.zeros(4, 4)
    weight[0] = 1
    features_elsewhere = features.clone()
    features_elsewhere[:, 1:] = 9
    assert content_loss(features, target, weight) == content_loss(features_elsewhere, target, weight)
    assert float(content_loss(target, target)) == 0


def test_total_variation_and_range():
    assert float(total_variation(torch.full((3, 5, 5), 0.3))) == 0
    assert float(total_variation(torch.rand(3, 5, 5))) > 0
    assert float(outside_range(torch.rand(3, 5, 5))) == 0
    assert float(outside_range(torch.full((3, 2, 2), 1.5))) == pytest.approx(0.25)


def test_patch_loss_is_the_sum_over_matched_patches():
    image, style = torch.rand(4, 5, 6), torch.rand(4, 7, 5)
    at, offered = places((5, 6)), places((7, 5))
    importance = torch.rand(len(at))
    matched = offered[torch.randint(len(offered), (len(at),))]
    rows, pool = (x.permute(1, 2, 0).flatten(0, 1) for x in (image, style))
    wanted = (importance * (rows[at] - pool[matched]).square().sum((1, 2))).sum()
    torch.testing.assert_close(patch_loss(image, votes(30, at, pool, matched, importance)), wanted)


def test_patch_loss_of_the_matches_themselves_is_zero():
    style = torch.rand(4, 7, 5)
    at = places((7, 5))
    said = votes(35, at, style.permute(1, 2, 0).flatten(0, 1), at, torch.ones(len(at)))
    assert float(patch_loss(style, said)) == pytest.approx(0, abs=1e-6 * 9 * 4 * 35)  # a difference of such sums
    assert float(patch_loss(style + 0.1, said)) == pytest.approx(0.01 * 4 * 9 * len(at), rel=1e-4)


def test_gram_matrices_of_patches_are_compared_without_being_formed():
    a, b = torch.randn(2, 7, 9, 20, generator=torch.Generator().manual_seed(3))
    brute = sum(((x.T @ x - y.T @ y) ** 2).sum() for x, y in zip(a, b, strict=True))
    torch.testing.assert_close(patch_gram_loss(a, b, chunk=3), brute, rtol=1e-4, atol=0)
    torch.testing.assert_close(patch_gram_loss(a, a[:, torch.randperm(9)]), torch.tensor(0.0), rtol=0, atol=0.05)


def test_histograms_know_values_and_not_places():
    features = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(4))
    (support,) = supports(torch.ones(1, 6, 8))
    own = features.flatten(1).sort(1).values.T
    mixed = features.flatten(1)[:, torch.randperm(48)].view(2, 6, 8)
    assert histogram_loss(mixed, support, own) < 1e-9
    assert histogram_loss(features * 0.5, support, own) > 0.1


def rows(n, c=5, seed=0):
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed))


def test_costs_are_those_of_angles():
    a, b = rows(6), rows(4, seed=1)
    for i, j in ((0, 0), (5, 3), (2, 1)):
        angle = scipy.spatial.distance.cdist(a[i : i + 1].numpy(), b[j : j + 1].numpy(), "cosine")
        assert float(cosine_costs(a, b)[i, j]) == pytest.approx(float(angle[0, 0]), abs=1e-5)
    assert float(cosine_costs(torch.zeros(1, 5), b).max()) == 1


@pytest.mark.parametrize("kind", ["cosine", "euclidean"])
def test_the_relaxed_distance_is_a_lower_bound_of_the_exact_one_and_agrees_with_a_slow_reference(kind):
    a, b = rows(12), rows(12, seed=1)
    costs = scipy.spatial.distance.cdist(a.numpy(), b.numpy(), kind)
    by_row = sum(min(row) for row in costs.tolist()) / 12
    by_column = sum(min(column) for column in costs.T.tolist()) / 12
    found = float(relaxed_emd(a, b, torch.ones(12), kind))
    assert found == pytest.approx(max(by_row, by_column), rel=1e-4)
    exact = scipy.optimize.linear_sum_assignment(costs)
    assert found <= float(costs[exact].mean())
    assert float(relaxed_emd(a, a.flip(0), torch.ones(12), kind)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", ["cosine", "euclidean"])
def test_its_gradient_is_that_of_the_whole_table(kind):
    a, b = rows(7).double().requires_grad_(), rows(9, seed=1).double()
    weight = torch.rand(7, generator=torch.Generator().manual_seed(2)).double() + 0.1
    costs = cosine_costs(a, b) if kind == "cosine" else torch.cdist(a, b)
    whole = torch.maximum((costs.amin(1) * weight).sum() / weight.sum(), costs.amin(0).mean())
    wanted = torch.autograd.grad(whole, a)[0]
    torch.testing.assert_close(torch.autograd.grad(relaxed_emd(a, b, weight, kind), a)[0], wanted)


def test_a_row_counts_as_often_as_its_weight_says():
    """Far from all others, which alone would be found cheaply, so that the rows' own costs are the larger."""
    a = rows(4)
    others = a[:3] + 0.01
    repeated = a[[0, 0, 1, 3, 3, 3]]
    weighted = relaxed_emd(a[[0, 1, 3]], others, torch.tensor([2.0, 1.0, 3.0]))
    assert float(weighted) == pytest.approx(float(relaxed_emd(repeated, others, torch.ones(6))), rel=1e-4)
    assert float(weighted) > float(relaxed_emd(a, others, torch.ones(4))) > 0.01


def test_means_and_covariances_of_rows_are_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, 4, generator=generator, dtype=torch.float64) * scale for n, scale in ((7, 1.0), (9, 2.0)))
    counts = torch.tensor([1, 3, 2, 1, 1, 4, 1])
    repeated = a.repeat_interleave(counts, 0)
    wanted = (repeated.mean(0) - b.mean(0)).abs().mean()
    wanted += (torch.cov(repeated.T, correction=0) - torch.cov(b.T, correction=0)).abs().mean()
    torch.testing.assert_close(mean_and_covariance_loss(a, b, counts.double()), wanted)
    assert float(mean_and_covariance_loss(a, a.flip(0), torch.ones(7))) == pytest.approx(0, abs=1e-6)


def test_self_similarity_knows_shapes_and_not_looks():
    """Any rotation of the features, and any length of theirs, is the same picture."""
    a, turn = rows(20), torch.linalg.qr(rows(5, seed=3)).Q
    even = torch.ones(20)
    assert float(self_similarity_loss(3 * a @ turn, a, even)) < 1e-5
    b, total = rows(20, seed=4), 0.0
    mine, theirs = cosine_costs(b, b), cosine_costs(a, a)
    for j in range(20):
        total += sum(abs(float(mine[i, j] / mine[:, j].sum() - theirs[i, j] / theirs[:, j].sum())) for i in range(20))
    assert float(self_similarity_loss(b, a, even)) == pytest.approx(total / 20, rel=1e-4)


@pytest.mark.parametrize("name", ["emd", "similarity"])
def test_gradients_of_sampled_rows_are_finite_even_where_all_are_alike(name):
    flat, other = torch.full((8, 5), 0.3, requires_grad=True), rows(8)
    even = torch.ones(8)
    loss = {"emd": relaxed_emd, "similarity": self_similarity_loss}[name](flat, other, even)
    assert bool(torch.autograd.grad(loss, flat)[0].isfinite().all())
