"""Maps in words: what is written is read back, words draw what the functions draw, and what is wrong is told."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia import picture, sources
from intarsia.errors import GuideError, Notice, UsageError
from intarsia.maps import edits
from intarsia.sources.written.grammar import Distance, File, Step, WrittenMap, words_of
from intarsia.sources.written.verbs import EDITS, MAKERS, Canvas

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # beartype does, in the strategies
ODD = [
    "sky.png",
    "sky 1.png",
    "folder/ciel d'été.png",
    'say "cheese".png',
    "both ' and \".png",
    '"quoted"',
    "a|b.png",
    "#1.png",
    "a=b.png",
    "tolerance=3.png",
    "C:\\pictures\\sky 1.png",
    " leading and trailing ",
    "-",
    "<content mask 1>",
    "",
    "fill",
    "rest",
    "Ellipse big.png",
    "fill me.png",
    "label map.png",
    "grow 3",
    "cut out.png",
    "0.5,0.5 0.1,0.1",
    "图 片.png",
    "line\nbreak.png",
    "\udcff.png",
]
ODD += [f"{word} 1.png" for word in (*MAKERS, *EDITS)]

# ---- any map ------------------------------------------------------------------------------------------------------

numbers = st.floats(-2, 2, allow_nan=False) | st.integers(-3, 3).map(float)
positive = st.floats(0, 1e6, allow_nan=False)
points = st.tuples(numbers, numbers)
names = st.sampled_from(ODD) | st.text(max_size=12)
files = names.map(File)
colors = st.from_regex("#?[0-9a-fA-F]{6}", fullmatch=True)
KINDS = {"point": points, "radii": points, "file": files, "color": colors}


RANGES = {"angle": (-1e9, 1e9), "tolerance": (0, 100), "inner": (0, 0.4), "outer": (0.5, 2), "radius": (1, 9)}
RANGES |= {"eps": (1e-9, 1), "band": (0, 1e9), "black": (0, 0.4), "white": (0.5, 1), "gamma": (0.1, 9)}


def said(verb) -> st.SearchStrategy:
    one = [st.tuples(st.just(name), st.floats(*RANGES[name], exclude_max=True)) for name in verb.settings]
    return st.lists(st.one_of(one), max_size=3).map(tuple) if one else st.just(())


def makers() -> st.SearchStrategy[Step]:
    def takes(word):
        if word == "linear":
            return st.tuples(numbers) | st.tuples(points, points).filter(lambda ends: math.dist(*ends) > 1e-3)
        verb = MAKERS[word]
        fixed = st.tuples(*(KINDS[kind] for kind in verb.words))
        if verb.more:
            return st.tuples(fixed, st.lists(KINDS[verb.words[-1]], max_size=3)).map(lambda two: (*two[0], *two[1]))
        return fixed | st.just(()) if verb.least == 0 else fixed

    shapes = st.sampled_from(sorted(MAKERS)).flatmap(
        lambda word: st.builds(Step, st.just(word), takes(word), said(MAKERS[word]))
    )
    return shapes | files.map(lambda file: Step("", (file,)))


def changes() -> st.SearchStrategy[Step]:
    def takes(word):
        if EDITS[word].words == ("map",):
            return makers().map(lambda step: (step,))
        if EDITS[word].words == ("distance",):
            return st.tuples(st.builds(Distance, positive, st.booleans()))
        return st.just(())

    return st.sampled_from(sorted(EDITS)).flatmap(
        lambda word: st.builds(Step, st.just(word), takes(word), said(EDITS[word]))
    )


maps = st.builds(lambda first, others: WrittenMap((first, *others)), makers(), st.lists(changes(), max_size=3))


@given(maps)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_back(one):
    """To the last digit of every number, and with any file name."""
    assert WrittenMap.parse(str(one)) == one


@pytest.mark.parametrize("name", ODD)
def test_a_file_may_have_any_name(name):
    for step in (Step("", (File(name),)), Step("label", (File(name), "#ff0000"))):
        alone = WrittenMap((step,))
        added = WrittenMap((Step("everywhere"), Step("add", (step,)), Step("invert")))
        for one in (alone, added):
            assert WrittenMap.parse(str(one)) == one
            assert one.files() == [name]


@given(maps, names)
@settings(max_examples=100, deadline=None)
def test_renaming_changes_names_and_nothing_else(one, name):
    """Every file is asked for once, and all else stays, so that renaming back gives the same."""
    asked = []

    def remember(old: str) -> str:
        asked.append(old)
        return f"new/{old}"

    renamed = one.renamed(remember)
    assert asked == one.files()
    assert renamed.files() == [f"new/{old}" for old in asked]
    assert renamed.renamed(lambda new: new.removeprefix("new/")) == one
    assert WrittenMap.parse(str(renamed)) == renamed


@given(st.text(max_size=40) | st.lists(st.sampled_from([*MAKERS, *EDITS, *ODD, "|", "0,0", "3"])).map(" ".join))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_map_or_an_error_in_words(text):
    try:
        one = WrittenMap.parse(text)
    except UsageError:
        return
    assert WrittenMap.parse(str(one)) == one


def test_words_keep_their_backslashes_and_lose_their_quotes():
    assert words_of(r"""C:\sky "a b" 'it"s' a"b c"d #5""") == ["C:\\sky", "a b", 'it"s', "ab cd", "#5"]


# ---- what is drawn ------------------------------------------------------------------------------------------------


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
    return Canvas(image, (60, 80), "content", {"mask.png": mask}.__getitem__, {"labels.png": painted}.__getitem__)


def drawn(text: str, canvas: Canvas) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        return WrittenMap.parse(text).draw(canvas)


SIZE = (30, 40)
BOX = sources.rectangle(SIZE, (0.25, 0.25), (0.75, 0.75))
DRAWN = {
    "everywhere": lambda canvas: torch.ones(SIZE),
    "rectangle 0.25,0.25 0.75,0.75": lambda canvas: BOX,
    "ellipse 0.5,0.4 0.3,0.2 angle=30": lambda canvas: sources.ellipse(SIZE, (0.5, 0.4), (0.3, 0.2), 30),
    "polygon 0,0 1,0 0.5,1": lambda canvas: sources.polygon(SIZE, torch.tensor([[0, 0], [1, 0], [0.5, 1]])),
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
    tall = Canvas(canvas.image, (80, 60), "content", canvas.read_map, canvas.read)
    for text in ("mask.png | invert", "everywhere | add mask.png"):
        with pytest.raises(
            GuideError, match=r"mask mask.png: its content mask is 20 x 15, the content picture 60 x 80"
        ):
            WrittenMap.parse(text).draw(tall)


def test_rest_is_what_is_handed_over(canvas):
    rest = torch.rand(SIZE)
    with_rest = Canvas(canvas.image, canvas.full, "content", canvas.read_map, canvas.read, rest)
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
    kinds = {"point": "{},{}", "radii": "{},{}", "distance": "{}", "map": "linear {}", "angle or point": "{}"}
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


# ---- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a map is missing"),
        ("  ", "a map is missing"),
        ("|", "something is missing before or after a |"),
        ("a.png |", "something is missing before or after a |"),
        ("| grow 3", "something is missing before or after a |"),
        ("a.png || grow 3", "something is missing before or after a |"),
        ("elipse 0.5,0.5 0.1,0.1", "no shape 'elipse': did you mean 'ellipse'?"),
        ("Fill 0.5,0.5", "no shape 'Fill': did you mean 'fill'?"),
        ("circle 0.5,0.5 0.2", "no shape 'circle'. There are: ellipse,"),
        ("grow 3", "this edit comes after a map, as in 'FILE | grow ...'"),
        ("a.png | feathr 3", "no edit 'feathr': did you mean 'feather'?"),
        ("a.png | b.png", "no edit 'b.png'"),
        ("fill 0.5,0.5 tolerence=3", "'fill': no setting 'tolerence': did you mean 'tolerance'?"),
        ("fill", "It is written 'fill X,Y ... [tolerance=NUMBER]'."),
        ("polygon 0,0 1,1", "It is written 'polygon X,Y X,Y X,Y ...'."),
        ("rectangle 0,0", "It is written 'rectangle X,Y X,Y'."),
        ("rectangle 0,0 1,1 0,1", "It is written 'rectangle X,Y X,Y'."),
        ("rectangle 0,0 1 1", "It is written 'rectangle X,Y X,Y'."),
        ("ellipse 0.5,0.5 0.2", "It is written 'ellipse X,Y RX,RY [angle=NUMBER]'."),
        ("linear", "It is written 'linear DEGREES' or 'linear X,Y X,Y'."),
        ("linear 0,0", "It is written 'linear DEGREES' or 'linear X,Y X,Y'."),
        ("linear 90 0,0", "It is written 'linear DEGREES' or 'linear X,Y X,Y'."),
        ("radial 0,0 1,1", "It is written 'radial [X,Y] [inner=NUMBER] [outer=NUMBER]'."),
        ("label a.png", "It is written 'label FILE #RRGGBB'."),
        ("label a.png red", "'red' is no color. It is written 'label FILE #RRGGBB'."),
        ("everywhere now", "It is written 'everywhere'."),
        ("a.png | invert 3", "It is written 'invert'."),
        ("a.png | grow", "It is written 'grow PIXELS or PART%'."),
        ("a.png | grow -3", "a distance of -3 cannot be. Take 0 or more."),
        ("a.png | grow 3px", "'3px' is no number that can be."),
        ("a.png | grow %", "'' is no number that can be."),
        ("a.png | add", "'add' takes a map: a file, or a shape"),
        ("a.png | add elipse 0.5,0.5 0.1,0.1", "did you mean 'ellipse'?"),
        ("fill nan,0", "'nan' is no number that can be."),
        ("fill 0,inf", "'inf' is no number that can be."),
        ("linear -inf", "'-inf' is no number that can be."),
        ("linear 1e400", "'1e400' is no number that can be."),
        ("linear 0,0 1e200,0", "'1e200' is no number that can be."),
        ("fill 0.5,0.5 tolerance=NaN", "'NaN' is no number that can be."),
        ("fill 0.5,", "'' is no number that can be."),
        ("fill '0.5,0.5", "a quote is opened and not closed"),
        ("'a.png", "a quote is opened and not closed"),
        ("'a.png' 'b.png'", "more than one file name. Put them together with | add."),
    ],
)
def test_what_is_wrong_with_the_words_is_told(text, words):
    with pytest.raises(UsageError) as refused:
        WrittenMap.parse(text)
    assert words in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["{0} 0,0", "fill {0}", "a.png | {0}", "a.png | grow {0}", "'{0}", "|{0}", "label a {0}"]
)
def test_long_nonsense_is_told_in_short(text):
    with pytest.raises(UsageError) as refused:
        WrittenMap.parse(text.format("x" * 10_000))
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fill 0.5,0.5 tolerance=-1", "a tolerance of -1.0 cannot be"),
        ("linear 0.5,0.5 0.5,0.5", "has no direction"),
        ("radial inner=0.5 outer=0.5", "a larger outer one; got 0.5 and 0.5"),
        ("luminance | levels black=0.9 white=0.1", "levels are 0 <= black < white <= 1"),
        ("luminance | refine radius=0", "a radius of 1 or more"),
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
