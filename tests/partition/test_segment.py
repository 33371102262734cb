import pytest
import torch

from intarsia import picture
from intarsia.encoders import load
from intarsia.errors import GuideError, UsageError
from intarsia.partition import Seeds, divide, partition, refine_region


@pytest.fixture(scope="module")
def toy():
    return load("toy", device="cpu")


@pytest.fixture(scope="module")
def compact():
    return load("compact", device="cpu", precision="fp32")


@pytest.fixture
def stripes(random_image):
    """A large, a middle and a small stripe of three colors, under a little noise, (3, 48, 64)."""
    image = 0.1 * random_image(48, 64, 5)
    for start, end, color in ((0, 32, (0.8, 0.2, 0.1)), (32, 52, (0.1, 0.7, 0.2)), (52, 64, (0.2, 0.2, 0.8))):
        image[:, :, start:end] += torch.tensor(color)[:, None, None]
    return image.clamp(0, 1)


def iou(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("method", ["entropy", "kmeans"])
def test_regions_are_found_and_the_largest_is_the_first(stripes, toy, method):
    found = partition(stripes, 3, encoder=toy, method=method)
    for label, (start, end) in enumerate(((0, 32), (32, 52), (52, 64))):
        truth = torch.zeros(48, 64, dtype=torch.bool)
        truth[:, start:end] = True
        assert iou(found.labels == label, truth) > 0.85


@pytest.mark.parametrize("method", ["entropy", "kmeans"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 150), (5, 4), (31, 33)])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_any_size_and_number_is_finite_and_sums_to_one(toy, random_image, method, size, k):
    found = partition(random_image(*size, 1), k, encoder=toy, method=method)
    assert tuple(found.soft.shape) == (k, *size)
    assert tuple(found.labels.shape) == size
    torch.testing.assert_close(found.soft.sum(0), torch.ones(size), atol=1e-5, rtol=0)
    assert float(found.soft.min()) >= 0
    assert 0 <= int(found.labels.min()) <= int(found.labels.max()) < k


@pytest.mark.parametrize("method", ["entropy", "kmeans"])
def test_a_flat_picture_and_fewer_colors_than_regions_are_finite(toy, method):
    two = torch.zeros(3, 32, 32)
    two[:, :, 16:] = 1
    for image in (torch.full((3, 32, 32), 0.5), two):
        assert partition(image, 5, encoder=toy, method=method).soft.isfinite().all()


def test_one_region_is_everything(toy):
    found = partition(torch.rand(3, 6, 8), 1, encoder=toy)
    assert bool((found.soft == 1).all())
    assert bool((found.labels == 0).all())


def test_the_same_seed_gives_the_same_labels(stripes, toy):
    first, again = (partition(stripes, 3, encoder=toy, seed=3) for _ in range(2))
    assert torch.equal(first.soft, again.soft)
    assert torch.equal(first.labels, again.labels)


def test_labels_are_where_their_part_is_largest(stripes, toy):
    found = partition(stripes, 3, encoder=toy)
    assert torch.equal(found.labels, found.soft.argmax(0))
    assert float(found.soft.amax(0).mean()) > 0.9  # sharp enough to be maps of regions


def test_a_mirrored_picture_has_mirrored_regions(stripes, toy):
    found, mirrored = (partition(image, 3, encoder=toy).labels for image in (stripes, stripes.flip(2)))
    assert float((mirrored.flip(1) == found).float().mean()) > 0.97


def test_the_size_of_the_work_hardly_matters(stripes, toy):
    large = picture.resize(stripes, (144, 192))
    found = partition(large, 3, encoder=toy, size=64).labels
    assert found.shape == (144, 192)
    assert float((found == partition(large, 3, encoder=toy).labels).float().mean()) > 0.95


def test_every_seed_point_has_its_label(stripes, toy):
    for points in (((0.1, 0.5, 2), (0.7, 0.5, 0), (0.95, 0.5, 1)), ((0.1, 0.2, 0), (0.12, 0.2, 1), (0.14, 0.2, 0))):
        found = partition(stripes, 3, encoder=toy, seeds=Seeds(points=points))
        assert [int(found.labels[int(y * 48), int(x * 64)]) for x, y, _ in points] == [label for *_, label in points]
        torch.testing.assert_close(found.soft.sum(0), torch.ones(48, 64), atol=1e-5, rtol=0)


def test_a_seed_point_stands_for_its_surroundings(stripes, toy):
    """Two regions: which two of three stripes go together is for the seeds to say."""
    for middle in (0, 1):
        points = ((0.2, 0.5, 0), (0.65, 0.5, middle), (0.9, 0.5, 1))
        labels = partition(stripes, 2, encoder=toy, seeds=Seeds(points=points)).labels
        parts = [float((labels[:, start:end] == 1).float().mean()) for start, end in ((2, 30), (34, 50), (54, 62))]
        assert [round(part) for part in parts] == [0, middle, 1]
        assert abs(parts[1] - middle) < 0.2


def test_links_are_kept(stripes, toy):
    left, middle, right = (0.2, 0.5), (0.65, 0.5), (0.9, 0.5)
    together = partition(
        stripes, 2, encoder=toy, seeds=Seeds(must_link=((left, right),), cannot_link=((left, middle),))
    )
    at = [int(together.labels[24, int(x * 64)]) for x, _ in (left, middle, right)]
    assert at[0] == at[2] != at[1]


def test_one_region_is_refined_and_the_others_stay(stripes, toy):
    whole = partition(stripes, 2, encoder=toy, seeds=Seeds(points=((0.2, 0.5, 0), (0.65, 0.5, 0), (0.9, 0.5, 1))))
    finer = refine_region(whole, stripes, 0, 2, encoder=toy)
    assert finer.k == 3
    assert torch.equal(finer.labels == 1, whole.labels == 1)
    torch.testing.assert_close(finer.soft[1], whole.soft[1])
    torch.testing.assert_close(finer.soft[0] + finer.soft[2], whole.soft[0], atol=1e-5, rtol=0)
    truth = torch.zeros(48, 64, dtype=torch.bool)
    truth[:, 32:52] = True
    assert iou(finer.labels == 2, truth) > 0.8


def test_a_region_that_is_not_there_cannot_be_refined(stripes, toy):
    whole = partition(stripes, 2, encoder=toy)
    with pytest.raises(GuideError, match="no region 2 to refine"):
        refine_region(whole, stripes, 2, 2, encoder=toy)
    with pytest.raises(GuideError, match="belongs to its own picture"):
        refine_region(whole, stripes[:, :30], 0, 2, encoder=toy)
    with pytest.raises(UsageError, match="beyond the 32"):
        refine_region(whole, stripes, 0, 32, encoder=toy)


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_a_soft_map_is_divided_by_what_it_holds_alone(stripes, toy, strength):
    within = torch.zeros(48, 64)
    within[:, 32:] = strength  # without the largest stripe, which is what the whole would be cut by
    first, second = divide(stripes, within, 2, encoder=toy)
    torch.testing.assert_close(first + second, within, atol=1e-5, rtol=0)
    assert float(first.sum()) >= float(second.sum())
    truth = torch.zeros(48, 64, dtype=torch.bool)
    truth[:, 32:52] = True
    assert iou(first > strength / 2, truth) > 0.8
    assert iou(second > strength / 2, (within > 0) & ~truth) > 0.8


def test_a_map_that_cannot_be_divided_is_told(stripes, toy):
    with pytest.raises(GuideError, match="nothing to divide"):
        divide(stripes, torch.zeros(48, 64), 2, encoder=toy)
    with pytest.raises(GuideError, match="its own picture"):
        divide(stripes, torch.ones(48, 30), 2, encoder=toy)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"k": 0}, "Take 1 to 32"),
        ({"k": 33}, "Take 1 to 32"),
        ({"method": "entropie"}, "did you mean 'entropy'"),
        ({"carry": "gradients"}, "did you mean 'gradient'"),
        ({"method": "kmeans", "seeds": Seeds(points=((0.5, 0.5, 0),))}, "takes no seed points"),
        ({"balance": 0.5}, "balance is 0.5"),
        ({"enclosure": -1.0}, "enclosure is -1"),
        ({"size": 8}, "size is 8"),
    ],
)
def test_settings_that_cannot_be_are_told(toy, settings, words):
    with pytest.raises(UsageError, match=words):
        partition(torch.rand(3, 8, 8), **({"k": 2, "encoder": toy} | settings))


def test_contradictory_seeds_are_told_before_the_work(toy):
    with pytest.raises(GuideError, match="contradict"):
        partition(torch.rand(3, 8, 8), 2, encoder=toy, seeds=Seeds(points=((0.5, 0.5, 0), (0.5, 0.5, 1))))


@pytest.mark.parametrize("carry", ["upsample", "gradient"])
def test_a_photograph_of_a_cup(compact, carry):
    """The cup of coffee that scikit-image ships, on its table, and the spoon's end apart."""
    data = pytest.importorskip("skimage.data")
    image = torch.from_numpy(data.coffee()).permute(2, 0, 1).float() / 255
    image = picture.resize(image, picture.fit(*image.shape[1:], 192))
    h, w = image.shape[1:]
    found = partition(image, 2, encoder=compact, carry=carry)
    cup, corners = found.labels[int(0.4 * h), int(0.45 * w)], found.labels[[0, 0], [0, -1]]
    assert bool((corners != cup).all())
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(w) + 0.5) / w, indexing="ij")
    saucer = (x - 0.45) ** 2 / 0.33**2 + (y - 0.5) ** 2 / 0.42**2 < 1
    assert iou(found.labels == cup, saucer) > 0.6


@pytest.mark.parametrize("name", ["portrait_brad_pitt", "bridge_golden_gate"])
def test_real_pictures_beside_their_masks(cases, compact, name):
    """A person, a sky: rough boxes inside and outside; figures come from the benchmark."""
    image = picture.read(cases / "content" / f"{name}.jpg").image
    image = picture.resize(image, picture.fit(*image.shape[1:], 256))
    labels = partition(image, 2, encoder=compact).labels
    h, w = labels.shape

    def mostly(top: float, bottom: float, left: float, right: float) -> int:
        part = labels[int(top * h) : int(bottom * h), int(left * w) : int(right * w)].float()
        assert abs(float(part.mean()) - 0.5) > 0.4, "torn in two"
        return round(float(part.mean()))

    inside = (0.3, 0.9, 0.35, 0.65) if name == "portrait_brad_pitt" else (0.6, 0.95, 0.4, 0.95)
    outside = (0.0, 0.5, 0.0, 0.15) if name == "portrait_brad_pitt" else (0.05, 0.35, 0.5, 0.95)
    assert mostly(*inside) != mostly(*outside)
