"""`intarsia composite`: one picture put on another with edges that blend. No network is loaded."""

import dataclasses
import functools
import time
from typing import Annotated, Any

from cyclopts import Parameter

from intarsia import picture
from intarsia.cli import as_typed
from intarsia.cli.progress import reporter
from intarsia.cli.stylize import ByName, Switch
from intarsia.errors import UsageError, listening
from intarsia.recipe import Paste, Pasted, checked, pasted
from intarsia.run import Format

OF_A_PASTE = {"object": "object", "object_mask": "mask", "at": "at", "scale": "scale", "rotate": "rotate"}


@dataclasses.dataclass(frozen=True)
class Placing:
    """An object that is to be placed, or a picture where it is in its place already."""

    object: str | None = None
    """A picture of the object to put there, with what is around it transparent."""
    object_mask: str | None = None
    """Which part of that picture is the object; a file, or words: "fill 0.02,0.02 | invert"."""
    at: str | None = None
    """Where the middle of the object comes: X,Y, 0 to 1 from the top left corner. When not given: 0.5,0.5."""
    scale: float | None = None
    """The longer side of the object, as a part of the shorter side of the picture. When not given: 0.5."""
    rotate: float | None = None
    """Degrees by which it is turned, clockwise."""
    pasted: str | None = None
    """The picture with the object in its place already, of the same aspect as the one without."""
    mask: str | None = None
    """Where on it the object is; a file, or words."""

    def of_a_paste(self) -> dict[str, Any]:
        """As the keys of a `Paste`. Raises UsageError for what does not go together."""
        given = {name: getattr(self, flag) for flag, name in OF_A_PASTE.items()}
        said = {name: value for name, value in given.items() if value is not None}
        self._check(said)
        return said if self.pasted is None else {"object": self.pasted, "mask": self.mask, "in_place": True}

    def _check(self, said: dict[str, Any]) -> None:
        if self.pasted is None and self.mask is None:
            if "object" not in said:
                raise UsageError("nothing was given to put there. Give --object, or --pasted with --mask.")
        elif said:
            raise UsageError("--pasted and --mask tell where the object is. Leave --object and its flags away.")
        elif self.pasted is None or self.mask is None:
            raise UsageError(
                "--pasted and --mask go together: a picture with the object, and where on it the object is."
            )


def composite(
    content: Annotated[str, Parameter(name="PICTURE")],
    /,
    *,
    output: Annotated[str, Parameter(name=["--output", "-o"])],
    placing: Annotated[Placing, Parameter(name="*")] = Placing(),
    blend: str = "feather",
    in_place: Switch = False,
    max_pixels: int = picture.MAX_PIXELS,
    json: Switch = False,
    format: Annotated[Format, ByName] = Format(),  # noqa: B008 (never changed)
) -> None:
    """Put an object on PICTURE, with edges that blend, and without painting anything.

    Give the object, or a picture with the object in its place already (--pasted and --mask). Beyond the edges not one
    pixel changes.

    Parameters
    ----------
    content
        The picture to put it on.
    output
        Where to write; the suffix is the format.
    blend
        How edges blend: over (not at all), feather, poisson, pyramid, statistics (light, contrast and saturation like
        the surroundings').
    in_place
        Allow the output to replace an input.
    max_pixels
        Refuse pictures with more pixels than this.
    json
        One JSON event per line on standard output.
    """
    content, output, placing = as_typed(content), as_typed(output), Placing(**as_typed(dataclasses.asdict(placing)))
    if json and output == "-":
        raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
    paste = checked("composite", Paste, placing.of_a_paste() | {"blend": blend}, UsageError)
    names = [content]
    paste.renamed(lambda name: names.append(name) or name)
    format.check([output])
    picture.check_target(output, names, in_place)
    began = time.monotonic()
    with reporter(json, quiet=True) as report, listening(report.notice):
        report.start(content=content)
        opened = picture.read(content, max_pixels=max_pixels)
        done = _pasted(paste, opened, max_pixels)
        metadata = opened.metadata.kept(format.metadata)
        written = {"depth": format.depth, "quality": format.quality, "metadata": metadata}
        picture.write(output, done.image, alpha=done.alpha, **written)
        covered = round(float(done.cover.mean()), 4)
        report.done(output=output, covered=covered, seconds=round(time.monotonic() - began, 2))


def _pasted(paste: Paste, content: picture.Opened, max_pixels: int) -> Pasted:
    read = functools.partial(picture.read, max_pixels=max_pixels)
    read_map = functools.partial(picture.read_map, max_pixels=max_pixels)
    return pasted(paste, content, read, read_map, functools.partial(picture.read_labels, max_pixels=max_pixels))
