"""Every word draws what its function draws, and tells numbers and pictures that do not fit."""

import math
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia import picture, sources
from intarsia.errors import GuideError, Notice, UsageError
from intarsia.maps import edits
from intarsia.sources.written import Canvas, WrittenMap
from intarsia.sources.written.verbs import EDITS, MAKERS

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # beartype does, in the strategies


@pytest.fixture
def canvas(random_image):
    """A content of 60 x 80 drawn on at 30 x 40, with files mask.png, half as large, and labels.png."""
    full = random_image(60, 80, 1)
    image = picture.resize(full, (30, 40))
    image[:, 8:20, 10:30] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    mask = torch.zeros(15, 20)
    mask[:, :10] = 1
    painted = torch.zeros(3, 60, 80)
    painted[0, :, 40:] = 1
    return Canvas(
        image, (60, 80), "content", {"mask.png": mask}.__getitem__, {"labels.png": painted}.__getitem__, pasted=BOX
    )


def drawn(text: str, canvas: Canvas) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        return WrittenMap.parse(text).draw(canvas)


SIZE = (30, 40)
BOX = sources.rectangle(SIZE, (0.25, 0.25), (0.75, 0.75))
DRAWN = {
    "everywhere": lambda canvas: torch.ones(SIZE),
    "pasted": lambda canvas: canvas.pasted,
    "rectangle 0.25,0.25 0.75,0.75": lambda canvas: BOX,
    "ellipse 0.5,0.4 0.3,0.2 angle=30": lambda canvas: sources.ellipse(SIZE, (0.5, 0.4), (0.3, 0.2), 30),
    "polygon 0,0 1,0 0.5,1": lambda canvas: sources.polygon(SIZE, torch.tensor([[0, 0], [1, 0], [0.5, 1]])),
    "brush 4 0.2,0.2 0.6,0.7,0.5 hardness=0.5 opacity=0.8": lambda canvas: sources.brush(
        SIZE, 4, torch.tensor([[0.2, 0.2, 1], [0.6, 0.7, 0.5]]), 0.5, 0.8
    ),
    "fill 0.5,0.5 tolerance=5": lambda canvas: sources.flood_fill(canvas.image, torch.tensor([[0.5, 0.5]]), 5),
    "linear 90": lambda canvas: sources.linear(SIZE, 90),
    "linear 0,0 1,0.5": lambda canvas: sources.linear(SIZE, start=(0, 0), end=(1, 0.5)),
    "radial": lambda canvas: sources.radial(SIZE),
    "radial 0.2,0.3 inner=0.1 outer=0.9": lambda canvas: sources.radial(SIZE, (0.2, 0.3), 0.1, 0.9),
    "luminance": lambda canvas: sources.from_picture(canvas.image),
    "label labels.png #ff0000": lambda canvas: (torch.arange(40) >= 20).float().expand(SIZE),
    "rectangle 0.25,0.25 0.75,0.75 | grow 3": lambda canvas: edits.grow(BOX, 3),
    "rectangle 0.25,0.25 0.75,0.75 | grow 5%": lambda canvas: edits.grow(BOX, 2),
    "rectangle 0.25,0.25 0.75,0.75 | shrink 3 | feather 4": lambda canvas: edits.feather(edits.shrink(BOX, 3), 4),
    "rectangle 0.25,0.25 0.75,0.75 | invert": lambda canvas: 1 - BOX,
    "everywhere | subtract rectangle 0.25,0.25 0.75,0.75": lambda canvas: 1 - BOX,
    "linear 0 | intersect linear 180": lambda canvas: torch.minimum(sources.linear(SIZE), sources.linear(SIZE, 180)),
    "linear 0 | unite linear 180": lambda canvas: torch.maximum(sources.linear(SIZE), sources.linear(SIZE, 180)),
    "linear 0 | without brush 10% 0.5,0.5": lambda canvas: torch.minimum(
        sources.linear(SIZE), 1 - sources.brush(SIZE, 4, torch.tensor([[0.5, 0.5, 1]]))
    ),
    "rectangle 0.25,0.25 0.75,0.75 | add mask.png": lambda canvas: edits.add(BOX, drawn("mask.png | grow 0", canvas)),
    "rectangle 0.25,0.25 0.75,0.75 | refine radius=3 eps=0.01": lambda canvas: edits.refine(BOX, canvas.image, 3, 0.01),
    "rectangle 0.25,0.25 0.75,0.75 | cut band=4": lambda canvas: sources.grab_cut(canvas.image, BOX, 4),
    "linear 0 | levels black=0.2 white=0.8 gamma=2": lambda canvas: sources.from_picture(
        sources.linear(SIZE), black=0.2, white=0.8, gamma=2
    ),
}


@pytest.mark.parametrize("text", DRAWN)
def test_words_draw_what_the_functions_draw(canvas, text):
    torch.testing.assert_close(drawn(text, canvas), DRAWN[text](canvas), atol=1e-6, rtol=0)


def test_every_word_is_drawn_in_these_tests():
    told = " ".join(DRAWN)
    assert [word for word in (*MAKERS, *EDITS) if word not in told] == ["rest"]


def test_a_file_alone_keeps_its_size_and_goes_along_with_others(canvas):
    assert drawn("mask.png", canvas).shape == (15, 20)
    assert drawn("mask.png | invert", canvas).shape == SIZE
    assert torch.equal(drawn("mask.png | invert", canvas)[:, :18], torch.zeros(30, 18))


@pytest.mark.parametrize(
    "text", ["mask.png | feather 3", "rectangle 0,0 0.4,1 | feather 7", "mask.png | refine radius=3"]
)
def test_nothing_and_all_are_so_to_the_bit(canvas, text):
    """What rounding leaves of them would be painted, a little."""
    soft, left = drawn(text, canvas), drawn(f"{text} | invert", canvas)
    assert torch.equal(soft[:, :5], 1 - left[:, :5])
    for one in (soft, left):
        assert not bool(((one > 0) & (one < 1e-5)).any())
        assert not bool(((one < 1) & (one > 1 - 1e-5)).any())


def test_a_file_of_another_aspect_is_told_by_name(canvas):
    tall = Canvas(canvas.image, (80, 60), "content", canvas.read_map, canvas.read_labels)
    for text in ("mask.png | invert", "everywhere | add mask.png"):
        with pytest.raises(
            GuideError, match=r"mask mask.png: its content mask is 20 x 15, the content picture 60 x 80"
        ):
            WrittenMap.parse(text).draw(tall)


def test_rest_is_what_is_handed_over(canvas):
    rest = torch.rand(SIZE).clamp(0.01, 0.99)  # nearly 0 is 0
    with_rest = Canvas(canvas.image, canvas.full, "content", canvas.read_map, canvas.read_labels, rest)
    assert torch.equal(drawn("rest", with_rest), rest)
    torch.testing.assert_close(drawn("everywhere | subtract rest", with_rest), 1 - rest)
    assert WrittenMap.parse("everywhere | add rest").needs_rest()
    assert not WrittenMap.parse('"rest" | add "rest"').needs_rest()  # files of that name
    with pytest.raises(GuideError, match="what the other regions leave"):
        drawn("rest", canvas)


@pytest.mark.parametrize("edit", ["grow", "shrink", "feather"])
def test_no_distance_is_too_long(canvas, edit):
    """Nothing is farther away than the diagonal, so that a slip of the finger costs no memory."""
    far = drawn(f"rectangle 0.25,0.25 0.75,0.75 | {edit} 1000000%", canvas)
    torch.testing.assert_close(far, drawn(f"rectangle 0.25,0.25 0.75,0.75 | {edit} {math.hypot(*SIZE)}", canvas))


NUMBERS = ("0", "1", "-1", "0.5", "1e-9", "-1e9", "1e9", "1000")


@given(st.sampled_from(sorted({*MAKERS, *EDITS} - {"label", "rest"})), st.lists(st.sampled_from(NUMBERS), min_size=6))
@settings(max_examples=150, deadline=None)
def test_what_is_wrong_with_a_number_is_told_before_drawing(word, given):
    image = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(1))
    canvas = Canvas(image, (12, 16), "content", lambda name: torch.ones(12, 16), lambda name: image)
    verb = MAKERS.get(word) or EDITS[word]
    kinds = {
        "point": "{},{}",
        "spot": "{},{},{}",
        "radii": "{},{}",
        "distance": "{}",
        "map": "linear {}",
        "angle or point": "{}",
    }
    words = verb.words[:1] if word == "linear" else verb.words
    text = " ".join([word, *map(kinds.__getitem__, words), *(f"{name}={{}}" for name in verb.settings)])
    text = text if word in MAKERS else f"rectangle 0.2,0.2 0.7,0.7 | {text}"
    count = text.count("{}")
    try:
        one = WrittenMap.parse(text.format(*(given * count)[:count]))
    except UsageError:
        return
    try:
        found = drawn(str(one), canvas)
    except GuideError:  # a polygon outside the picture
        return
    assert found.shape == (12, 16)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fill 0.5,0.5 tolerance=-1", "a tolerance of -1.0 cannot be"),
        ("linear 0.5,0.5 0.5,0.5", "has no direction"),
        ("radial inner=0.5 outer=0.5", "a larger outer one; got 0.5 and 0.5"),
        ("luminance | levels black=0.9 white=0.1", "levels are 0 <= black < white <= 1"),
        ("luminance | refine radius=0", "a radius of 1 or more"),
        ("brush 3% 0,0 hardness=2", "the hardness of a brush is 0 to 1, and 2 came"),
        ("brush 3% 0,0 opacity=-1", "the opacity of a brush is 0 to 1"),
        ("brush 3% 0,0,1.5", "the pressure of a brush, the third number of a point, is 0 to 1"),
        (f"brush 3% {'0,0 ' * 10_001}", "a stroke has up to 10000 points"),
        ("everywhere | cut band=-1", "a band of -1 pixels cannot be"),
        ("a.png | add radial inner=-1", "a larger outer one; got -1.0 and 0.5"),
    ],
)
def test_numbers_that_cannot_be_are_told_without_a_picture(text, words):
    with pytest.raises(UsageError) as refused:
        WrittenMap.parse(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("polygon 2,2 3,2 3,3", "the polygon covers nothing of the picture: it spans x 2.0 to 3.0"),
        ("rectangle 0.5,0 0.5,1", "the rectangle covers nothing"),
        ("ellipse 0.5,0.5 0,0.1", "the ellipse covers nothing"),
        ("fill 1.5,0.5", "none of the 1 points of the flood fill is in the picture"),
        ("everywhere | cut", "something inside the map and something outside"),
        ("label labels.png #00ff00", "the label map has nothing of #00ff00. It has #000000"),
    ],
)
def test_what_does_not_fit_the_picture_is_told(canvas, text, words):
    with pytest.raises(GuideError) as refused:
        drawn(text, canvas)
    assert words in str(refused.value)


def test_what_reaches_beyond_the_picture_is_cut_off_with_a_notice(canvas):
    with pytest.warns(Notice, match="the rectangle reaches beyond the picture"):
        WrittenMap.parse("rectangle 0.5,0.5 2,2").draw(canvas)


def test_the_page_on_guides_has_every_word():
    page = (Path(__file__).parents[3] / "docs" / "guides.md").read_text()
    told = {cell.split()[0] for line in page.splitlines() for cell in line.split("`")[1::2] if line.startswith("| `")}
    assert {*MAKERS, *EDITS} <= told
