"""Maps in words: what is written is read back, words draw what the functions draw, and what is wrong is told."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import UsageError
from intarsia.sources.written.grammar import Distance, File, Step, WrittenMap, words_of
from intarsia.sources.written.verbs import EDITS, MAKERS

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
spots = st.tuples(numbers, numbers, st.just(1.0) | st.floats(0, 1))
distances = st.builds(Distance, positive, st.booleans())
KINDS = {"point": points, "radii": points, "spot": spots, "file": files, "color": colors, "distance": distances}


RANGES = {"angle": (-1e9, 1e9), "tolerance": (0, 100), "inner": (0, 0.4), "outer": (0.5, 2), "radius": (1, 9)}
RANGES |= {"hardness": (0, 1), "opacity": (0, 1)}
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
            return st.tuples(distances)
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
        ("circle 0.5,0.5 0.2", "no shape 'circle'. There are: brush, ellipse,"),
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
        ("label a.png", "It is written 'label FILE #RRGGBB or NUMBER'."),
        ("label a.png red", "'red' is no color. It is written 'label FILE #RRGGBB or NUMBER'."),
        ("everywhere now", "It is written 'everywhere'."),
        ("a.png | invert 3", "It is written 'invert'."),
        ("brush 3%", "It is written 'brush PIXELS or PART% X,Y[,PRESSURE] ... [hardness=NUMBER] [opacity=NUMBER]'."),
        ("brush 3% 0,0 0,0,1,1", "It is written 'brush PIXELS or PART%"),
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
