import json

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.partition.coloring import PALETTE, from_colors


@pytest.fixture
def photo(folder):
    """photo.png, 64 x 48: two thirds red, one third blue; style.png, the same the other way round, in other shades."""
    rough = 0.1 * torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))
    for name, border, colors in (
        ("photo", 42, (0.8, 0.1, 0.1, 0.1, 0.2, 0.8)),
        ("style", 42, (0.1, 0.1, 0.6, 0.9, 0.3, 0)),
    ):
        image = torch.zeros(3, 48, 64)
        image[:, :, :border] = torch.tensor(colors[:3])[:, None, None]
        image[:, :, border:] = torch.tensor(colors[3:])[:, None, None]
        picture.write(f"{name}.png", image + rough)
    return "photo.png"


def labels_in(name: str) -> torch.Tensor:
    return from_colors(picture.read(name).image).labels


def test_a_label_map_of_the_picture_s_own_size(photo, capsys):
    assert run(["partition", photo, "-k", "2", "-o", "map.png"]) == 0
    labels = labels_in("map.png")
    assert labels.shape == (48, 64)
    assert float((labels[:, :41] == 0).float().mean()) > 0.95
    assert float((labels[:, 44:] == 1).float().mean()) > 0.95
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "map.png"
    assert out[1].startswith(f"region 1  {PALETTE[0]}")


def test_the_map_is_an_input_of_stylize(photo, stylize):
    for name in ("photo", "style"):
        assert run(["partition", f"{name}.png", "-k", "2", "-o", f"{name}-map.png"]) == 0
    maps = ["--content-map", "photo-map.png", "--style-map", "style-map.png"]
    assert stylize(photo, "style.png", *maps, "-o", "out.png", steps=2) == 0


@pytest.mark.parametrize("depth", [8, 16])
def test_soft_maps_and_an_overlay(photo, depth):
    extra = ["--soft", "soft/", "--depth", str(depth), "--overlay", "over.jpg", "--method", "entropy"]
    assert run(["partition", photo, "-k", "2", "-o", "map.png", *extra]) == 0
    soft = torch.stack([picture.read_map(f"soft/region_{i}.png") for i in (1, 2)])
    torch.testing.assert_close(soft.sum(0), torch.ones(48, 64), atol=2 / 2**depth, rtol=0)
    assert torch.equal(soft.argmax(0), labels_in("map.png"))
    assert picture.read("over.jpg").image.shape == (3, 48, 64)
    assert picture.read("soft/region_1.png").depth == depth


def test_soft_maps_by_prefix(photo, folder):
    assert run(["partition", photo, "-k", "2", "-o", "map.png", "--soft", "part"]) == 0
    assert sorted(path.name for path in folder.glob("part*")) == ["part_1.png", "part_2.png"]


def test_seed_points_say_which_is_which(photo):
    seeds = ["--seed-point", "0.9,0.5=1", "--seed-point", "0.1,0.5=2"]
    assert run(["partition", photo, "-k", "2", "-o", "map.png", *seeds]) == 0
    labels = labels_in("map.png")
    assert (int(labels[24, 57]), int(labels[24, 6])) == (0, 1)
    links = ["--must-link", "0.1,0.5=0.2,0.5", "--cannot-link", "0.1,0.5=0.9,0.5"]
    assert run(["partition", photo, "-k", "2", "-o", "map.png", *links]) == 0
    labels = labels_in("map.png")
    assert labels[24, 6] == labels[24, 12] != labels[24, 57]


def test_an_edited_map_is_refined(photo):
    """One region painted over the right third: it stays, and the other is cut."""
    drawn = torch.zeros(48, 64, dtype=torch.long)
    drawn[:, 60:] = 1
    colors = torch.tensor([list(bytes.fromhex(color[1:])) for color in PALETTE[:2]]) / 255
    picture.write("drawn.png", colors[drawn].permute(2, 0, 1))
    assert run(["partition", photo, "-k", "2", "-o", "map.png", "--from", "drawn.png", "--refine", "1"]) == 0
    labels = labels_in("map.png")
    assert bool((labels[:, 60:] == 1).all())
    assert labels[24, 10] != labels[24, 50]
    assert set(labels.unique().tolist()) == {0, 1, 2}
    assert run(["partition", photo, "-k", "2", "-o", "map.png", "--from", "drawn.png", "--refine", "40"]) == 3


@pytest.mark.parametrize("extra", [["--method", "kmeans"], ["--carry", "gradient"], ["--size", "32", "--seed", "3"]])
def test_ways_to_partition(photo, extra):
    assert run(["partition", photo, "-k", "2", "-o", "map.png", *extra]) == 0
    labels = labels_in("map.png")
    assert labels[24, 10] != labels[24, 57]


def test_matching_shows_both_in_the_same_colors(photo, capsys):
    match = ["partition", "--match", photo, "style.png", "-k", "2", "-o", "sheet.png"]
    assert run(match) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0] == "sheet.png"
    assert "style 1" in table[1]
    assert "style 2" in table[1]
    assert [line.count("*") for line in table[2:]] == [1, 1]
    assert picture.read("sheet.png").image.shape == (3, 48, 64 + 4 + 64)
    assert run([*match, "--by", "position", "--pair", "1=2", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["event"] == "done"
    assert events[-1]["pairs"] == [[1, 2], [2, 1]]
    assert len(events[-1]["scores"]) == 2


def test_a_style_can_be_a_swatch(photo):
    match = ["partition", "--match", photo, "swatch:scream", "-k", "2", "-o", "sheet.png", "--size", "64"]
    assert run([*match, "--many"]) == 0


def test_json_tells_the_regions(photo, capsys):
    assert run(["partition", photo, "-k", "2", "-o", "map.png", "--json"]) == 0
    start, done = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (start["event"], done["event"]) == ("start", "done")
    assert [one["color"] for one in done["regions"]] == list(PALETTE[:2])
    assert sum(one["area"] for one in done["regions"]) == pytest.approx(1, abs=1e-3)


def test_a_map_on_standard_output_is_the_picture_alone(photo, capsysbinary):
    assert run(["partition", photo, "-k", "2", "-o", "-"]) == 0
    assert picture.read(capsysbinary.readouterr().out).image.shape == (3, 48, 64)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.png", "-k", "2", "-o", "map.png"], 3, "no such file"),
        (["photo.png", "-o", "map.png"], 2, "--regions is missing"),
        (["photo.png", "-k", "0", "-o", "map.png"], 2, "Take 1 to 32"),
        (["photo.png", "-k", "2", "-o", "map.jpg"], 2, "must keep its colors exactly"),
        (["photo.png", "-k", "2", "-o", "photo.png"], 2, "also the input"),
        (["photo.png", "-k", "2", "-o", "map.png", "--overlay", "map.png"], 2, "same name"),
        (["photo.png", "-k", "2", "-o", "no/map.png"], 1, "does not exist"),
        (["photo.png", "-k", "2", "-o", "map.png", "--method", "kmens"], 2, "kmens"),
        (["photo.png", "-k", "2", "-o", "map.png", "--seed-point", "0.5,2=1"], 3, "outside the picture"),
        (["photo.png", "-k", "2", "-o", "map.png", "--seed-point", "0.5,0.5=0"], 3, "count from 1"),
        (["photo.png", "-k", "2", "-o", "map.png", "--seed-point", "0.5,0.5=3"], 3, "label 3"),
        (
            ["photo.png", "-k", "2", "-o", "map.png", "--seed-point", "0.5,0.5=1", "--seed-point", "0.5,0.5=2"],
            3,
            "contradict",
        ),
        (["photo.png", "-k", "2", "-o", "map.png", "--must-link", "0.5,0.5"], 3, "no point"),
        (["photo.png", "-k", "2", "-o", "map.png", "--refine", "1"], 2, "--from LABELS.png go together"),
        (["photo.png", "-k", "2", "-o", "map.png", "--from", "photo.png", "--refine", "1"], 3, "label map is shaded"),
        (["photo.png", "style.png", "-k", "2", "-o", "map.png"], 2, "--match takes two pictures"),
        (["--match", "photo.png", "-k", "2", "-o", "map.png"], 2, "--match takes two pictures"),
        (["--match", "photo.png", "style.png", "-k", "2", "-o", "map.png", "--soft", "s"], 2, "takes no seed points"),
        (["--match", "photo.png", "style.png", "-k", "2", "-o", "map.png", "--pair", "1"], 2, "no pair of regions"),
        (["--match", "photo.png", "style.png", "-k", "2", "-o", "map.png", "--pair", "1=5"], 3, "counted from"),
        (["photo.png", "-k", "2", "-o", "-", "--json"], 2, "both want standard output"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(photo, folder, capsys, arguments, code, words):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(["partition", *arguments]) == code
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_sheet_on_standard_output_is_the_picture_alone(photo, capsysbinary):
    assert run(["partition", "--match", photo, "style.png", "-k", "2", "-o", "-"]) == 0
    assert picture.read(capsysbinary.readouterr().out).image.shape[0] == 3


def test_a_page_is_partitioned_by_its_name(photo, capsys):
    first = picture.to_pil(picture.read(photo).image)
    first.save("pages.tif", save_all=True, append_images=[first.rotate(180)])
    assert run(["partition", "pages.tif#2", "-k", "2", "-o", "map.png"]) == 0
    assert float((labels_in("map.png")[:, 24:] == 0).float().mean()) > 0.95
    capsys.readouterr()
    assert run(["partition", "pages.tif", "-k", "2", "-o", "map.png"]) == 3
    told = capsys.readouterr().err
    assert "Name one by its number, pages.tif#1 to pages.tif#2." in told
    assert "--frame" not in told  # which there is not here
    assert run(["partition", "pages.tif#1", "-k", "2", "-o", "pages.tif"]) == 2
    assert run(["partition", "--match", "pages.tif#1", "pages.tif#2", "-k", "2", "-o", "sheet.png"]) == 0
    assert run(["partition", photo, "-k", "2", "-o", "a.png", "--from", "gone.tif#2", "--refine", "1"]) == 3
