"""Where the result of a run goes and in which form, checked before it starts; and what is kept beside it."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from intarsia import picture
from intarsia.engine import Frame, State
from intarsia.errors import OutputError, UsageError, notice
from intarsia.large.memory import hand_back_memory
from intarsia.recipe import Job, Recipe, Result, load_state, maps_of_guide, save_state, threads_of, write_guide

DEEP = (".png", ".tif", ".tiff")  # suffixes of formats that hold 16 bits
LONGEST_NAME = 255  # bytes, of nearly all file systems
SETTINGS = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=SETTINGS)
class Format:
    """How a picture is written."""

    depth: Annotated[int, Field(ge=8, le=16, multiple_of=8)] = 8
    """Bits per channel, 8 or 16 (png and tif)."""
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    """Of jpg, webp and avif, 1 to 100."""
    metadata: picture.Policy = "safe"
    """What is kept of the photograph's EXIF: author, copyright, date and resolution (safe), all of it, with the place
    (keep), or none."""

    def check(self, names: Iterable[str]) -> None:
        """Raises UsageError for a file whose format cannot hold the depth."""
        shallow = [name for name in names if name != "-" and not name.lower().endswith(DEEP)]
        if self.depth == 16 and shallow:
            raise UsageError(f"`depth` 16 needs png or tif, and {shallow[0]} is neither. Choose one, or 8 bits.")


@dataclass(frozen=True, kw_only=True, config=SETTINGS)
class Form(Format):
    """How a result is written."""

    without_recipe: bool = False
    """Leave the recipe, with the paths in it, out of the picture. It cannot be painted again from itself then."""

    def save_as(self, target: str | Path, result: Result) -> None:
        """Raises OutputError."""
        result.save(
            target,
            depth=self.depth,
            quality=self.quality,
            metadata=self.metadata,
            with_recipe=not self.without_recipe,
        )

    def tell_losses(self, target: str, job: Job) -> None:
        """Notices of what the format of `target` cannot hold of the result, before it is painted."""
        notes = not self.without_recipe or bool(job.metadata.kept(self.metadata))
        picture.tell_losses(target, alpha=picture.is_seen_through(job.alpha), notes=notes)


@dataclass(frozen=True, kw_only=True, config=SETTINGS)
class Target(Form):
    """Without an output the result is only handed over, and no state is kept."""

    output: str | None = None
    """Where to write; the suffix is the format: png, jpg, webp, tif, avif, bmp, ppm."""
    in_place: bool = False
    """Allow the output to replace an input."""
    preview: str | None = None
    """Write the picture so far here."""
    every: Annotated[int, Field(ge=1)] = 20
    """Steps between previews."""
    keep_every: Annotated[float, Field(ge=0)] = 10.0
    """Seconds between the states that are kept in case the run is killed."""
    resume: bool = False
    """Go on from the state that an interrupted run left beside the output, as OUTPUT.state."""
    save_recipe: str | None = None
    """Write the recipe of this run as JSON, before it starts."""
    save_guide: str | None = None
    """Write the guide of this run as JSON, with its maps beside it as PNG, before it starts."""

    @property
    def state(self) -> Path | None:
        """The file of the state: OUTPUT.state, or where that name would be too long, its beginning and a sum of it."""
        if self.output is None or self.output == "-":
            return None
        path = Path(f"{self.output}.state")
        if len(name := os.fsencode(path.name)) <= LONGEST_NAME:
            return path
        kept = name[: LONGEST_NAME - 20].decode(errors="ignore")
        return path.with_name(f"{kept}.{hashlib.sha256(name).hexdigest()[:12]}.state")

    # ---- before it starts ------------------------------------------------------------------------------------------

    def check_paths(self, recipe: Recipe) -> None:
        """Raises what `picture.check_target` does, and UsageError where a file would replace another one."""
        if self.resume and self.state is None:
            raise UsageError("`resume` needs an output file; without one there is no state beside it.")
        for name in ("preview", "save_recipe", "save_guide"):
            if getattr(self, name) == "-":
                raise UsageError(f"`{name}` needs a file; standard output is for the picture.")
        inputs = recipe.files()
        if self.output is not None:
            self.check([self.output])
            picture.check_target(self.output, inputs, self.in_place)
        if self.preview is not None:
            picture.check_target(self.preview, inputs)
        taken = [*inputs, *_given(self.output, self.preview)]
        for name in ("save_recipe", "save_guide"):
            if (path := getattr(self, name)) is not None:
                if _is_one_of(path, taken):
                    raise UsageError(f"`{name}` {path} would replace an input or another output. Choose another name.")
                taken.append(path)

    def claimed(self) -> AbstractContextManager[None]:
        """Within it no other run paints to this output. Raises OutputError where one does."""
        return nullcontext() if self.state is None else picture.claimed(Path(str(self.output)))

    def threads_then(self) -> int | None:
        """With how many threads the run began that is to go on."""
        return threads_of(self.state) if self.resume and self.state is not None and self.state.exists() else None

    def prepare(self, job: Job) -> State | None:
        """Writes recipe and guide, where asked for; gives the state to go on from. Raises UsageError for a picture that
        the output's format cannot hold, and for maps that would replace another file."""
        state = self._read_state(job.recipe) if self.resume else None
        if self.output is not None:
            picture.check_size(self.output, job.size)
            self.tell_losses(self.output, job)
        if self.save_guide is not None:
            self._check_maps(self.save_guide, job)
        if self.save_recipe is not None:
            _write_recipe(self.save_recipe, job.recipe)
        if self.save_guide is not None:
            write_guide(self.save_guide, job.guide, job.styles)
        return state

    def _check_maps(self, guide: str, job: Job) -> None:
        others = [*job.recipe.files(), *_given(self.output, self.preview, self.save_recipe)]
        for path in maps_of_guide(guide, len(job.guide.regions)):
            if _is_one_of(str(path), others):
                raise UsageError(f"`save_guide` {guide} would replace {path}. Choose another name.")

    def _read_state(self, recipe: Recipe) -> State | None:
        assert self.state is not None, "checked with the paths"
        if self.state.exists():
            return load_state(self.state, recipe)
        notice(f"there is no {self.state} to go on from, so the run starts anew.")
        return None

    # ---- on the way ------------------------------------------------------------------------------------------------

    def show(self, frame: Frame) -> str | None:
        """The preview, where one was due and could be written; what cannot be shown does not stop the painting."""
        if self.preview is None or (frame.step % self.every and frame.step not in (1, frame.steps)):
            return None
        try:
            picture.write(self.preview, frame.image.cpu())
        except OutputError as error:
            return notice(str(error))
        return self.preview

    def keep(self, frame: Frame, recipe: Recipe) -> Path | None:
        """The state, where it could be kept; a run goes on without."""
        if self.state is None:
            return None
        hand_back_memory()  # a state takes copies of the picture
        try:
            save_state(self.state, frame, recipe)
        except OutputError as error:
            return notice(f"{error} So this run cannot be resumed.")
        return self.state

    # ---- at its end ------------------------------------------------------------------------------------------------

    def save(self, result: Result) -> None:
        if self.output is not None:
            self.save_as(self.output, result)

    def save_unfinished(self, result: Result) -> str:
        """Says where it is. What is there is not replaced if it is an input: going on from here would need it."""
        if self.output is not None and _is_one_of(self.output, result.recipe.files()):
            return f"{self.output} is as it was, since it is an input too"
        self.save(result)
        return "the picture so far is " + ("handed over" if self.output is None else f"in {self.output}")

    def drop_state(self) -> None:
        if self.state is not None:
            with suppress(OSError):
                self.state.unlink()


def _given(*names: str | None) -> list[str]:
    return [name for name in names if name is not None]


def _is_one_of(target: str, others: Iterable[str]) -> bool:
    return os.path.realpath(target) in {os.path.realpath(picture.path_of(other)) for other in others}


def _write_recipe(name: str, recipe: Recipe) -> None:
    """With paths relative to its own folder, where they will be looked for."""
    folder = os.path.dirname(name) or "."
    renamed = recipe.renamed(lambda path: path if os.path.isabs(path) else os.path.relpath(path, folder))
    picture.atomic_write(Path(name), (renamed.to_json() + "\n").encode())
