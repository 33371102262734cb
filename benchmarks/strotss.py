"""`strotss` beside `gatys`: style and content distances, speckle and seconds of processor time, on five pairs; each in
its own steps, and in as many as take the other's time.

    python benchmarks/strotss.py --cases ../shared/cases --vgg19 FILE -o FOLDER

FILE: weights of the network that judges, up to relu3_4. Each method at several content weights. Processor time counts
all threads, so that other programs disturb it less than they do the clock."""

import itertools
import time
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from front import judged
from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide
from intarsia.methods import Gatys, Strotss
from intarsia.sizes import fit, size_of

PAIRS = {
    "portrait": ("portrait_brad_pitt.jpg", "matisse_woman_with_hat.jpg"),
    "tubingen": ("city_tubingen.jpg", "starry_night_1280.jpg"),
    "vase": ("still_life_vase.jpg", "cezanne_basket_of_apples.jpg"),
    "dog": ("animal_dog.jpg", "great_wave_woodcut.jpg"),
    "yosemite": ("landscape_yosemite.jpg", "wheat_field_cypresses.jpg"),
}
WEIGHTS = {Gatys: (0.04, 0.13, 0.3), Strotss: (0.25, 0.5, 1.0)}
STEPS = {Gatys: (200, 440), Strotss: (200, 80)}


def main(
    *,
    cases: Path,
    vgg19: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    size: int = 384,
    pairs: tuple[str, ...] = tuple(PAIRS),
) -> None:
    judge, encoder = Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect")), load("compact", device="cpu")
    out.mkdir(parents=True, exist_ok=True)
    print("| pair | method | steps | content weight | style | content | speckle of color | seconds of processor time |")
    print("|---|---|---|---|---|---|---|---|")
    for name in pairs:
        content, style = (
            picture.read(cases / kind / file).image
            for kind, file in zip(("content", "style"), PAIRS[name], strict=True)
        )
        content = picture.resize(content, fit(*size_of(content), size))
        for kind in WEIGHTS:
            for steps, weight in itertools.product(STEPS[kind], WEIGHTS[kind]):
                began = time.process_time()
                *_, last = kind(steps=steps, content_weight=weight)(content, Guide.everywhere(style), encoder=encoder)
                took = time.process_time() - began
                method = kind.__name__.lower()
                picture.write(out / f"{name}-{method}-{steps}-{weight:g}.png", last.image)
                point = judged(judge, method, last.image, content, style, ours=True)
                numbers = f"{point.style:.3f} | {point.content:.3f} | {point.speckle:.2f} | {took:.0f}"
                print(f"| {name} | {method} | {steps} | {weight:g} | {numbers} |", flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
