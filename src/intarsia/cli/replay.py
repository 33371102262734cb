"""`intarsia replay` and `intarsia recipe show`: what a picture remembers of its making."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from intarsia.cli.progress import reporter
from intarsia.cli.stylize import Outputs, paint, read_recipe


def replay(
    picture: str,
    *,
    output: Annotated[str, Parameter(name=["--output", "-o"], allow_leading_hyphen=True)],
    folder: Path | None = None,
    in_place: Annotated[bool, Parameter(negative=())] = False,
    depth: int = 8,
    quality: int = 95,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Paint a picture again from the recipe inside it.

    The same files on the same machine give the same picture. A file that has changed since is named.

    Parameters
    ----------
    picture
        A picture that intarsia wrote, or a recipe file.
    output
        Where to write.
    folder
        Where the recipe's files are; the current folder if not given.
    in_place
        Allow the output to replace an input.
    depth
        Bits per channel, 8 or 16 (png and tif).
    quality
        Of jpg, webp and avif, 1 to 100.
    json
        One JSON event per line on standard output.
    quiet
        No progress bar.
    """
    outputs = Outputs(output, None, 1, None, depth, quality, in_place)
    return paint(read_recipe(picture), outputs, reporter(json, quiet), folder=folder)


def show(picture: str) -> None:
    """Print the recipe that a picture holds, as JSON.

    Parameters
    ----------
    picture
        A picture that intarsia wrote, or a recipe file.
    """
    print(read_recipe(picture).to_json())
