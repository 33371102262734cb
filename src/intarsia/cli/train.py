"""`intarsia train`: a network that paints in one style, in a single pass."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import Group, Parameter

from intarsia import picture, swatches
from intarsia.cli import printable, with_flags
from intarsia.cli import stylize as _stylize  # noqa: F401 (it makes flags of `Networks`)
from intarsia.errors import UsageError, listening
from intarsia.models import SUFFIX, read_model
from intarsia.nets import NETS
from intarsia.networks import Networks
from intarsia.training.networks import Crew, Trainer, Training
from intarsia.training.photographs import SEEN, Photographs
from intarsia.types import Image

TRAINING, JUDGE = Group("The training", sort_key=4), Group("The encoder that judges", sort_key=5)
DEMO = "demo"


def train(
    *styles: str,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    pictures: str = DEMO,
    start: str | None = None,
    checkpoint_minutes: float = 3.0,
    settings: Annotated[Training, Parameter(name="*", group=TRAINING)] = Training(),  # noqa: B008
    networks: Annotated[Networks, Parameter(name="*", group=JUDGE)] = Networks(),  # noqa: B008
) -> None:
    """Train a network that paints in one STYLE: half an hour once, then a blink for each picture.

    What it writes is given as a style to `intarsia stylize --method fast`. A training that was interrupted goes on when
    the same command is given again. Start it by torchrun to train in several processes.

    Parameters
    ----------
    styles
        The picture to learn from: a file, or `swatch:NAME[:SEED]`. For multimodal three, from coarse to fine, if forms
        and brushwork are to come from different ones.
    output
        The file of the network, .safetensors. Samples, curves of the losses, a log and the checkpoint lie beside it.
    pictures
        Folder of photographs to practice on, some hundreds or more; demo is the few of scikit-image, and swatches.
    start
        A trained network to begin with, a file or `trained:NAME`: quicker than from nothing, for another style too.
    checkpoint_minutes
        From one checkpoint, with its samples, to the next.
    """
    with _crew(networks.device) as (crew, device), listening(lambda text: _tell(crew, text)):
        _check(styles, output, settings, crew)
        begun = None if start is None else read_model(start)
        sizes = settings.sizes if len(styles) > 1 else [max(settings.sizes)]
        shown = [_style(name, size) for name, size in zip(styles, sizes, strict=True)]
        told = {"command": " ".join(["intarsia", *(a.rpartition("/")[2] for a in sys.argv[1:])])}
        photographs = _photographs(pictures, settings.side, crew)
        encoder = Networks(**{**vars(networks), "device": device}).load_encoder()
        Trainer(settings, shown, encoder, photographs, output, crew, told, begun, checkpoint_minutes)()
    if crew.rank == 0:
        print(f"{output} paints: intarsia stylize PHOTOGRAPH {output} --method fast -o PAINTING")


@contextmanager
def _crew(device: str) -> Iterator[tuple[Crew, str]]:
    """The processes that torchrun has started, if it has, and the device of this one: each its own GPU, if there are as
    many."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield Crew(), device
        return
    alone = device == "auto" and torch.cuda.device_count() >= int(os.environ.get("LOCAL_WORLD_SIZE", size))
    torch.distributed.init_process_group("nccl" if alone else "gloo")
    try:
        yield Crew(torch.distributed.get_rank(), size), f"cuda:{os.environ['LOCAL_RANK']}" if alone else device
    finally:
        torch.distributed.destroy_process_group()


def _check(styles: Sequence[str], output: Path, settings: Training, crew: Crew) -> None:
    """Before anything is read: what cannot be."""
    levels = NETS[settings.network].levels
    if len(styles) not in {1, levels}:
        wanted = "one style" if levels == 1 else f"one style, or {levels}, from coarse to fine"
        raise UsageError(f"{settings.network} learns from {wanted}, and {len(styles)} came.")
    if output.suffix.lower() != SUFFIX:
        raise UsageError(f"`output` {output} has to end in {SUFFIX}, which networks are told by.")
    batch = settings.crops.batch
    if batch % crew.size:
        raise UsageError(f"`batch` {batch} cannot be shared out among {crew.size} processes. Take a multiple.")
    picture.check_target(str(output.with_suffix(SEEN[0])), [name for name in styles if os.path.exists(name)])


def _photographs(pictures: str, crop: int, crew: Crew) -> Photographs:
    if pictures == DEMO:
        return Photographs.demo(crew.rank, crew.size)
    return Photographs.read(Path(pictures), crop, crew.rank, crew.size)


def _style(name: str, size: int) -> Image:
    parsed = swatches.parse(name)
    return picture.read(name).image if parsed is None else swatches.paint(parsed[0], (size, size), parsed[1])


def _tell(crew: Crew, text: str) -> None:
    if crew.rank == 0:
        print(f"intarsia: {printable(with_flags(text))}", file=sys.stderr)
