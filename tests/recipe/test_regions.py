"""A region and a gradient in words: what is written is read back, and what is wrong is told."""

import re
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.color import FORMS, RULES
from intarsia.errors import UsageError
from intarsia.guide import MANNER, Manner
from intarsia.recipe.regions import TOLD, WrittenGradient, WrittenPair, WrittenRegion
from intarsia.sources.written import WrittenMap

# beartype uses it, inside the strategies
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

names = st.sampled_from(["sky 1.png", "it's.png", 'say "a".png', "both ' \".png", "a|b.png", "#1.png", "a=b: c.png"])
names |= st.sampled_from(["C:\\x y.png", "fill me.png", "rest", "-", "<content mask 1>", "", " ", "1 -> 2"])
names |= st.text(max_size=8)
shapes = st.sampled_from(["everywhere", "ellipse 0.123456789,0.5 0.1,0.2 angle=30.5 | grow 2.5%", "linear 0,0 1,1e-05"])
maps = names.map(lambda name: str(WrittenMap.of_file(name))) | shapes
maps |= st.builds("{} | subtract {}".format, maps, maps)
factors = st.floats(0, 1e6)


def maybe(one: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | one


@st.composite
def regions(draw) -> WrittenRegion:
    style = draw(maybe(st.integers(1, 64)))
    return WrittenRegion(
        name=draw(st.from_regex("[^:=]{0,20}", fullmatch=True)).strip(),
        content=draw(maybe(maps | st.just("rest"))),
        style=style,
        style_map=None if style is None else draw(maybe(maps)),
        strength=draw(maybe(st.floats(0, 1))),
        style_scale=draw(maybe(st.floats(0.05, 20))),
        color=draw(maybe(st.sampled_from(sorted(RULES)))),
        color_form=draw(maybe(st.sampled_from(sorted(FORMS)))),
        content_weight=draw(maybe(factors)),
    )


@given(regions())
@settings(max_examples=200)
def test_a_region_is_read_back(region):
    """Whatever its files are called, and to the last digit."""
    assert WrittenRegion.parse(str(region)) == region


@given(regions())
@settings(max_examples=100)
def test_renaming_the_files_of_a_region_keeps_the_rest(region):
    asked = []
    renamed = region.renamed(lambda name: asked.append(name) or f"new/{name}")
    assert asked == region.files()
    assert renamed.files() == [f"new/{name}" for name in asked]
    assert renamed.renamed(lambda name: name.removeprefix("new/")) == region


@pytest.mark.parametrize("setting", MANNER)
def test_every_setting_of_a_region_can_be_said_in_words(setting):
    """Under its own name and the shorter one; what is not said is None; type and range are those of `Manner`."""
    usual = getattr(Manner, setting)
    for name in (setting, setting.replace("_", "-"), TOLD[setting]):
        assert WrittenRegion.parse(f"a: {name}={usual}").manner == {setting: usual}
    assert getattr(WrittenRegion(), setting) is None
    hints = [get_type_hints(kind, include_extras=True)[setting] for kind in (Manner, WrittenRegion)]
    assert hints[1] == hints[0] | None


@given(maps, st.lists(st.integers(1, 99), min_size=2, max_size=5))
@settings(max_examples=100)
def test_a_gradient_is_read_back_and_renamed(ramp, styles):
    gradient = WrittenGradient(WrittenMap.parse(ramp), tuple(styles))
    assert WrittenGradient.parse(str(gradient)) == gradient
    renamed = gradient.renamed(lambda name: f"new/{name}")
    assert renamed.styles == gradient.styles
    assert renamed.ramp.files() == [f"new/{name}" for name in gradient.ramp.files()]


@given(st.integers(1, 99), st.integers(1, 99))
def test_a_pair_is_read_back(content, style):
    assert WrittenPair.parse(str(WrittenPair(content, style))) == WrittenPair(content, style)


def test_everything_that_can_be_said():
    told = (
        'sky: content="fill 0.5,0.1 | grow 3" style=2:sky_s.png strength=0.8 scale=1.5 color=match color-form=pca '
        "content-weight=0.5"
    )
    assert WrittenRegion.parse(told) == WrittenRegion(
        name="sky",
        content="fill 0.5,0.1 | grow 3",
        style=2,
        style_map="sky_s.png",
        strength=0.8,
        scale=1.5,
        color="match",
        color_form="pca",
        content_weight=0.5,
    )
    assert str(WrittenRegion.parse(told)) == told


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ("sky: keep", "sky: strength=0"),
        ("content=a.png", ": content=a.png"),
        ("  the sky :content=a.png", "the sky: content=a.png"),
        ("content=C:\\a.png", ": content=C:\\a.png"),
        ("a: content='b c.png'", 'a: content="b c.png"'),
        ("a: style-scale=2", "a: scale=2"),
        ("a: scale=1 style_scale=2", "a: scale=2"),
    ],
)
def test_ways_to_say_the_same(told, same):
    assert WrittenRegion.parse(told) == WrittenRegion.parse(same)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("sky: contents=a.png", "region 'sky': no setting 'contents': did you mean 'content'?"),
        ("sky: style_map=a.png", "region 'sky': no setting 'style_map'"),
        ("sky: name=a", "no setting 'name'"),
        ("sky: kepp", "no setting 'kepp': did you mean 'keep'?"),
        ("sky.png", "no setting 'sky.png'"),
        ("sky: content='a.png", "a quote is opened and not closed"),
        ("sky: content=", "a map is missing"),
        ("sky: content=ellipse 0.5,0.5 0.2,0.1", "what is '0.5,0.5'? A map of several words is put in quotes"),
        ("sky: style=1:linear 90", "A map of several words is put in quotes, as in content='ellipse"),
        ('sky: content="elipse 0.5,0.5 0.1,0.1"', "no shape 'elipse': did you mean 'ellipse'?"),
        ("sky: content=a.png style=first", "region 'sky': a style is a number from 1, as in style=1 or style=1:MAP"),
        ("content=a.png style=b.jpg", "region: a style is a number from 1"),
        ("sky: content=a.png style=0", "style = '0'"),
        ("sky: content=a.png style=65", "style = '65'"),
        ("sky: content=a.png style=1:", "a map is missing"),
        ("sky: content=a.png style=1:rest", 'content. Say it as `region` "NAME: content=rest".'),
        ("sky: strength=-1", "strength = '-1'"),
        ("sky: strength=nan", "strength = 'nan'"),
        ("sky: strength=inf", "strength = 'inf'"),
        ("sky: content-weight=many", "content_weight = 'many'"),
        ("sky: scale=0", "scale = '0'"),
        ("sky: color=mach", "no color 'mach': did you mean 'match'?"),
        ("sky: color-form=mx", "no color_form 'mx'. There are: cholesky, mk, pca."),
        ("n" * 300 + ": keep", "name = "),
        ("sky: " + "x" * 10_000, "no setting 'xxx"),
        ("x" * 10_000 + ": y=1", "no setting 'y'"),
    ],
)
def test_what_is_wrong_with_a_region_is_told(told, words):
    with pytest.raises(UsageError) as refused:
        WrittenRegion.parse(told)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("linear 90", "it is written 'linear 90: 1 -> 2'"),
        ("linear 90: 1", "a ramp and two or more styles"),
        ("linear 90: 0 -> 1", "a ramp and two or more styles"),
        ("linear 90: 1 -> b", "a ramp and two or more styles"),
        ("linear 90: 1 - 2", "a ramp and two or more styles"),
        (": 1 -> 2", "a map is missing"),
        ("liner 90,3: 1 -> 2", "no shape 'liner': did you mean 'linear'?"),
        ("linear 0,0: 1 -> 2", "It is written 'linear DEGREES' or 'linear X,Y X,Y'."),
        ("rest: 1 -> 2", "'rest' is what the other regions leave of the content."),
        ("x" * 10_000, "it is written"),
    ],
)
def test_what_is_wrong_with_a_gradient_is_told(told, words):
    with pytest.raises(UsageError, match=re.escape(words)) as refused:
        WrittenGradient.parse(told)
    assert len(str(refused.value)) < 500


def test_the_rest_is_had_where_there_are_regions():
    assert WrittenRegion.parse('a: content="rest | feather 3"').content == WrittenMap.parse("rest | feather 3")
    with pytest.raises(UsageError, match="`region`"):
        WrittenGradient.parse("everywhere | subtract rest: 1 -> 2")
