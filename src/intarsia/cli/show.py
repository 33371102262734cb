"""`intarsia info` and `intarsia swatches`."""

import os
import platform
from importlib.metadata import version
from typing import Annotated

from cyclopts import Parameter

from intarsia.cli import as_typed


def info(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Versions, device, processor features, encoders present, cache folder.

    Parameters
    ----------
    json
        As one JSON object.
    """
    facts = gathered()
    if json:
        import json as format

        print(format.dumps(facts, indent=1))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        print(f"{name:{width}}  {value}")


def gathered() -> dict[str, str]:
    import torch

    from intarsia import __version__
    from intarsia.cache import cache_folder
    from intarsia.encoders import choose_device, choose_precision
    from intarsia.encoders.vgg19 import VGG19_SOURCES

    device = choose_device("auto")
    precision = str(choose_precision("auto", device)).removeprefix("torch.")
    packages = ("torch", "numpy", "pillow", "opencv-python-headless", "safetensors", "pydantic", "cyclopts")
    cached = [
        name for name, source in VGG19_SOURCES.items() if (cache_folder() / os.path.basename(source.url)).exists()
    ]
    vgg19 = f"cached ({', '.join(cached)})" if cached else "not downloaded; --encoder-weights FILE, or it is fetched"
    return {
        "intarsia": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{name: version(name) for name in packages},
        "device": f"{device.type}, {torch.get_num_threads()} threads, computes in {precision}",
        "processor": torch.backends.cpu.get_cpu_capability(),
        "encoder compact": "embedded",
        "encoder vgg19": vgg19,
        "cache folder": str(cache_folder()),
        "network": "off (INTARSIA_OFFLINE)" if os.environ.get("INTARSIA_OFFLINE") == "1" else "used for vgg19 only",
    }


def sheet(*, output: Annotated[str, Parameter(name=["--output", "-o"])], size: int = 256, seed: int = 0) -> None:
    """Paint a sheet of all built-in styles, each with its name, to use as `swatch:NAME` or `swatch:NAME:SEED`.

    Parameters
    ----------
    output
        Where to write.
    size
        Side of each in pixels.
    seed
        Which painting of each kind.
    """
    from intarsia import picture, swatches
    from intarsia.errors import UsageError

    if not 32 <= size <= 2048:
        raise UsageError(f"--size is {size}; it must be 32 to 2048.")
    target = as_typed(output)
    picture.check_target(target, [])
    picture.write(target, swatches.sheet(size, seed))
    if target != "-":
        print(target)
