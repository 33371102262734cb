"""The guide that a recipe asks for, from all the sources that it names.

Sources are layers, and what one does not take goes to the next: masks, regions and guide files first, then label maps
(or patches by them), then a gradient, then automatic regions, and last of all a region whose content is `rest`.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from intarsia import picture, sources
from intarsia.errors import GuideError, notice, unknown
from intarsia.guide import Guide, Region
from intarsia.maps import check_aspect, fitted, settled
from intarsia.partition import auto_regions
from intarsia.recipe.data import OF_THE_WHOLE, Recipe
from intarsia.recipe.files import Files
from intarsia.recipe.guidefile import read_guide
from intarsia.recipe.regions import WrittenRegion
from intarsia.sizes import size_of
from intarsia.sources.masks import check_counts
from intarsia.sources.written import Canvas, WrittenMap
from intarsia.types import Image, Map, Size

LARGEST = 2048  # long side at which shapes are drawn on a style
NEAR = 64.0  # distance in RGB, 0..255, within which a color means a label


@dataclass(frozen=True, eq=False)
class Ground:
    """What is painted on. content: as it came or, where something was done with it before, at the size at which it is
    painted; full: the size (h, w) that files of maps are held against; pasted: what an object that was pasted covers.
    """

    content: picture.Opened
    full: Size
    pasted: Map | None = None


def guide_of(recipe: Recipe, ground: Ground, styles: list[picture.Opened], files: Files) -> Guide:
    if recipe.style_mask and not recipe.content_mask:
        raise GuideError("style masks came without content masks. Give one `content_mask` per `style_mask`.")
    layers = Layers(recipe, ground, [style.image for style in styles], files)
    if files.guide is not None:
        guide = layers.taken_over(files.guide)
    else:
        guide = layers.guide() if recipe.guides_styles() else layers.everywhere()
    seen = {id(style.image): _seen(style) for style in styles}
    regions = tuple(_opaque(region, seen[id(region.style)], _seen(ground.content)) for region in guide.regions)
    if not any(region.content_map is None or bool((region.content_map > 0).any()) for region in regions):
        raise GuideError("the content is transparent wherever it is to be painted. Paint it elsewhere, or fill it in.")
    return Guide(regions)


@dataclass(frozen=True, eq=False)
class Draft:
    """A region on its way: which style may still be open, and settings may still be changed."""

    name: str
    content_map: Map | None
    style: int | None = None  # counted from 0
    style_map: Map | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Layers:
    """The sources of a recipe, on its pictures."""

    recipe: Recipe
    ground: Ground
    styles: Sequence[Image]
    files: Files

    def everywhere(self) -> Guide:
        """Without any source: all styles, mixed."""
        if len(self.recipe.strength) > 1:
            raise GuideError(f"{len(self.recipe.strength)} strengths came without content masks. Give one, for all.")
        return Guide.everywhere(*self.styles, weights=self.recipe.weight or None, manner=self.recipe.manner())

    def taken_over(self, guide: Guide) -> Guide:
        """With the styles as they were read."""
        number = {id(style): i for i, style in enumerate(styles_of(guide))}
        for i, region in enumerate(guide.regions, 1):
            if region.content_map is not None:
                self._check_aspect(region.name or f"region {i}", region.content_map, self._canvas)
        regions = (dataclasses.replace(one, style=self.styles[number[id(one.style)]]) for one in guide.regions)
        return Guide(tuple(regions))

    def guide(self) -> Guide:
        if self.recipe.weight:
            raise GuideError("weights mix styles that share every place; with masks or regions, use strengths.")
        regions = self._regions()
        placed = [region for region in regions if region.content is not None]
        last = [region for region in placed if region.needs_rest()]
        first = [*self._pairs(), *(self._placed(region, self._canvas) for region in placed if region not in last)]
        layers = [first, self._labels(), self._gradient(), self._automatic()]
        drafts = self._stacked([layer for layer in layers if layer], at_size=bool(last))
        drafts += [self._placed(region, self._left_by(drafts)) for region in last]
        for region in (region for region in regions if region.content is None):
            drafts = self._amended(drafts, region)
        kept = [draft for draft in drafts if not _is_empty(draft.content_map)]
        if not kept:
            raise GuideError("every content mask is empty, so there is nothing to paint. Paint one, or give no mask.")
        guide = Guide(tuple(self._region(draft) for draft in kept))
        self._notice_what_is_idle(drafts, kept)
        return guide

    def _notice_what_is_idle(self, drafts: list[Draft], kept: list[Draft]) -> None:
        for draft in (draft for draft in drafts if draft not in kept):
            notice(f"{draft.name}: its content mask is empty, so it is left out.")
        used = {id(self.styles[draft.style]) for draft in kept if draft.style is not None}
        for i, style in enumerate(self.styles, 1):
            if id(style) not in used:
                notice(f"style {i} is not used by any region.")
        for name in OF_THE_WHOLE:
            said = getattr(self.recipe, name) != Recipe.model_fields[name].default
            if said and all(name in draft.settings for draft in kept):
                notice(f"`{name}` changes nothing, for every region says its own. `region` 'NAME: ...' changes one.")

    def _regions(self) -> list[WrittenRegion]:
        """Those of the guide file and those that are told beside it. Those without a name are numbered, after the
        masks."""
        regions = self.recipe.region
        if self.recipe.guide is not None:
            regions = [*read_guide(self.recipe.guide), *regions]
            self.files.remember(self.recipe.guide)
        first = len(self.recipe.content_mask) + 1
        named = ((region, region.name or f"region {i}") for i, region in enumerate(regions, first))
        return [region.model_copy(update={"name": name}) for region, name in named]

    # ---- layers ------------------------------------------------------------------------------------------------------

    def _pairs(self) -> list[Draft]:
        """Content masks with their styles, style masks and strengths, in order."""
        recipe, count = self.recipe, len(self.recipe.content_mask)
        if not count:
            if len(recipe.strength) > 1:
                raise GuideError(f"{len(recipe.strength)} strengths came without content masks. Give one, for all.")
            return []
        alone = not (recipe.region or recipe.guide or recipe.gradient or recipe.content_map or recipe.auto_regions)
        styles = len(self.styles) if alone else min(len(self.styles), count)
        check_counts(count, styles, len(recipe.style_mask), len(recipe.strength) or 1)
        drafts = []
        for i, one in enumerate(recipe.content_mask):
            name, style = f"region {i + 1}", i if len(self.styles) > 1 else 0
            style_map = self._style_map(name, recipe.style_mask[i], style) if recipe.style_mask else None
            strength = {"strength": recipe.strength[i]} if len(recipe.strength) > 1 else {}
            drafts.append(Draft(name, self._map(name, one, self._canvas), style, style_map, strength))
        return drafts

    def _placed(self, region: WrittenRegion, canvas: Canvas) -> Draft:
        assert region.content is not None
        return self._told(Draft(region.name, self._map(region.name, region.content, canvas), self._only), region)

    @property
    def _only(self) -> int | None:
        """The style, where that is no question."""
        return 0 if len(self.styles) == 1 else None

    def _labels(self) -> list[Draft]:
        recipe = self.recipe
        if recipe.content_map is None:
            if recipe.style_map or recipe.content_patch or recipe.style_patch:
                raise GuideError("a label map of the style and patches need one of the content. Give `content_map`.")
            return []
        if recipe.style_patch and not recipe.content_patch:
            raise GuideError("the style was to be cut into patches, and not the content. Give `content_patch` too.")
        content_map = self.files.labels(recipe.content_map)
        check_aspect("label map", "content", content_map, self.ground.full)
        style_maps = [self.files.labels(name) for name in recipe.style_map]
        if recipe.content_patch:
            return self._patches(content_map, style_maps)
        if style_maps:
            return self._drafts(sources.labels(content_map, self.styles, style_maps))
        maps = sources.maps_of_colors(content_map)
        return [Draft(color, one, self._only) for color, one in maps.items()]

    def _patches(self, content_map: Image, style_maps: list[Image]) -> list[Draft]:
        if len(style_maps) != 1 or len(self.styles) != 1:
            raise GuideError(
                "patches take one style with one label map; "
                f"{len(self.styles)} styles and {len(style_maps)} label maps came."
            )
        assert self.recipe.content_patch is not None
        style_patch = self.recipe.style_patch or self.recipe.content_patch
        _, content, style = sources.label_indices(content_map, style_maps[0])
        on_content = content.shape[1] / self._canvas.size[1]
        on_style = style.shape[1] / self.styles[0].shape[2]
        guide = sources.patches(
            content,
            style,
            self.styles[0],
            content_patch=max(1, round(self.recipe.content_patch * on_content)),
            style_patch=max(1, round(style_patch * on_style)),
        )
        return self._drafts(guide)

    def _gradient(self) -> list[Draft]:
        gradient = self.recipe.gradient
        if gradient is None:
            return []
        ramp = self._map("gradient", gradient.ramp, self._canvas)
        numbers = [self._style(number, "gradient") for number in gradient.styles]
        hats = sources.between([self.styles[number] for number in numbers], ramp).regions
        drawn = zip(numbers, hats, strict=True)
        return [Draft(f"style {number + 1}", hat.content_map, number) for number, hat in drawn]

    def _automatic(self) -> list[Draft]:
        """With the styles that no written region takes, or all of them if each is taken."""
        recipe = self.recipe
        if recipe.auto_regions is None:
            if recipe.pair:
                raise GuideError("`pair` pairs automatic regions. Give `auto_regions` K.")
            return []
        named = {region.style for region in self.recipe.region if region.content is not None}
        free = [style for i, style in enumerate(self.styles, 1) if i not in named] or list(self.styles)
        fixed = {pair.content - 1: pair.style - 1 for pair in recipe.pair}
        guide = auto_regions(self._canvas.image, free, recipe.auto_regions, by=recipe.match, fixed=fixed)
        return self._drafts(guide)

    def _stacked(self, layers: list[list[Draft]], at_size: bool) -> list[Draft]:
        """Each layer under those before it. A single layer stays as it is, its maps at their own sizes unless
        `at_size`, as where there is a rest, which fits theirs only pixel by pixel. Maps of the first one may overlap:
        a guide scales them down together."""
        if len(layers) < 2 and not at_size:
            return [draft for layer in layers for draft in layer]
        out, free = [], torch.ones(self._canvas.size)
        for layer in layers:
            maps = torch.stack([self._at_size(draft.content_map) for draft in layer])
            maps = maps / maps.sum(0).clamp_min(1) * free if out else maps
            free = settled((free - maps.sum(0)).clamp(0, 1))
            out += [dataclasses.replace(draft, content_map=one) for draft, one in zip(layer, maps, strict=True)]
        return out

    def _left_by(self, drafts: list[Draft]) -> Canvas:
        """The content, with what the drafts leave of it."""
        taken = [self._at_size(draft.content_map) for draft in drafts]
        rest = 1 - torch.stack(taken).sum(0) if taken else torch.ones(self._canvas.size)
        return dataclasses.replace(self._canvas, rest=settled(rest.clamp(0, 1)))

    # ---- settings ----------------------------------------------------------------------------------------------------

    def _amended(self, drafts: list[Draft], region: WrittenRegion) -> list[Draft]:
        """The drafts with what was said of the one of that name."""
        name = region.name if any(draft.name == region.name for draft in drafts) else _nearest(region.name, drafts)
        if name is None:
            known = [draft.name for draft in drafts]
            told = unknown("region", region.name, known) if known else f"there is no region '{region.name}' to change."
            raise GuideError(f"{told} To make a new one, say where it is: content=MAP, or content=rest.")
        return [self._told(draft, region) if draft.name == name else draft for draft in drafts]

    def _told(self, draft: Draft, region: WrittenRegion) -> Draft:
        changed: dict[str, Any] = {"settings": draft.settings | region.manner}
        if region.style is not None:
            changed |= {"style": self._style(region.style, f"region '{region.name}'"), "style_map": None}
        if region.style_map is not None:
            style = changed.get("style", draft.style)
            changed["style_map"] = self._style_map(region.name, region.style_map, 0 if style is None else style)
        return dataclasses.replace(draft, **changed)

    def _region(self, draft: Draft) -> Region:
        settings: dict[str, Any] = dataclasses.asdict(self.recipe.manner()) | draft.settings
        style = draft.style
        if style is None and settings["strength"] == 0:
            style = 0  # stays as it is, so that any will do
        if style is None:
            raise GuideError(
                f"region '{draft.name}' does not say which of the {len(self.styles)} styles it takes. "
                f'Say `region` "{draft.name}: style=1", or keep in place of it.'
            )
        return Region(self.styles[style], draft.content_map, draft.style_map, name=draft.name, **settings)

    def _style(self, number: int, what: str) -> int:
        if number > len(self.styles):
            count = "one style was" if len(self.styles) == 1 else f"{len(self.styles)} styles were"
            raise GuideError(f"{what} takes style {number}, but {count} given.")
        return number - 1

    # ---- maps --------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _canvas(self) -> Canvas:
        """The content, as large as it will be painted."""
        ground = self.ground
        canvas = self._canvas_of(ground.content.image, self.recipe.long_side(max(ground.full)), "content")
        return dataclasses.replace(canvas, full=ground.full, pasted=ground.pasted)

    def _canvas_of(self, image: Image, most: int, side: str) -> Canvas:
        size = picture.fit(*size_of(image), min(most, max(size_of(image))))
        return Canvas(picture.resize(image, size), size_of(image), side, self.files.map, self.files.labels)

    def _style_map(self, name: str, written: WrittenMap, style: int) -> Map:
        canvas = self._canvas_of(self.styles[style], LARGEST, "style")
        if self.recipe.styles[style : style + 1] == [self.recipe.content]:  # the picture that the object was put on
            canvas = dataclasses.replace(canvas, pasted=self.ground.pasted)
        return self._map(name, written, canvas)

    def _map(self, name: str, written: WrittenMap, canvas: Canvas) -> Map:
        if written.is_file():
            drawn = written.draw(canvas)
            self._check_aspect(name, drawn, canvas)
            return drawn
        try:
            return written.draw(canvas)
        except GuideError as error:
            raise GuideError(f"{name}: {error}") from None

    def _check_aspect(self, name: str, drawn: Map, canvas: Canvas) -> None:
        """What a guide keeps is of the canvas's size, or the same everywhere."""
        if size_of(drawn) not in (canvas.size, (1, 1)):
            check_aspect(name, canvas.side, drawn, canvas.full)

    def _drafts(self, guide: Guide) -> list[Draft]:
        number = {id(style): i for i, style in enumerate(self.styles)}
        return [
            Draft(region.name, region.content_map, number[id(region.style)], region.style_map)
            for region in guide.regions
        ]

    def _at_size(self, one_map: Map | None) -> Map:
        size = self._canvas.size
        return torch.ones(size) if one_map is None else fitted(one_map, size)


def _is_empty(one_map: Map | None) -> bool:
    return one_map is not None and not bool((one_map > 0).any())


def _nearest(name: str, drafts: list[Draft]) -> str | None:
    """The label whose color is near to the one that is named."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", name):
        return None
    labels = [draft.name for draft in drafts if re.fullmatch("#[0-9a-f]{6}", draft.name)]
    near = min(labels, key=lambda label: _distance(label, name), default=None)
    return near if near is not None and _distance(near, name) <= NEAR else None


def _distance(a: str, b: str) -> float:
    return sum((x - y) ** 2 for x, y in zip(bytes.fromhex(a[1:]), bytes.fromhex(b[1:]), strict=True)) ** 0.5


def styles_of(guide: Guide) -> list[Image]:
    """Each once, in the order in which its regions name them."""
    return list({id(region.style): region.style for region in guide.regions}.values())


def _seen(opened: picture.Opened) -> Map | None:
    """Where it is not fully transparent."""
    return None if opened.alpha is None else (opened.alpha > 0).float()


def _opaque(region: Region, style_map: Tensor | None, content_map: Tensor | None) -> Region:
    """Fully transparent pixels have no say: neither as style, nor painted."""

    def both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        if a is None or b is None:
            return b if a is None else a
        return fitted(a, size_of(b)) * b

    return dataclasses.replace(
        region, style_map=both(region.style_map, style_map), content_map=both(region.content_map, content_map)
    )
