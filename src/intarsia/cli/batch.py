"""`intarsia batch`: folders of pictures, painted by one recipe."""

import dataclasses
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter
from pydantic.dataclasses import dataclass

from intarsia.batch import CONTENT, Batch, Event, Handling, gather
from intarsia.cli import as_typed, printable, with_flags
from intarsia.cli.flags import Typed
from intarsia.cli.progress import Interrupts, Reporter, reporter
from intarsia.cli.stylize import PLACES, RUN, ByName, MethodName, Shown, asked_for, filled_from
from intarsia.errors import UsageError, listening
from intarsia.methods import METHODS, settings_of
from intarsia.recipe import Recipe, checked

SHOWN = 20  # failures of different kinds in the table; all are in the ledger
FAILED, INTERRUPTED = 6, 130


@dataclass(frozen=True, kw_only=True)
class Results(Handling):
    """Where the results of a batch go, and how."""

    output: Annotated[str, Parameter(name=["--output", "-o"])]
    """Folder of the results, made if need be."""
    dry_run: bool = False
    """List what would be painted, and paint nothing."""


def batch_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `batch` to the app, with the flags of the method that the arguments (or their recipe) name."""
    base, method = asked_for(arguments)
    kind = METHODS[method]

    def batch(
        *pictures: str,
        style: list[str],
        size: int | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        method: MethodName = method,  # pyright: ignore[reportInvalidTypeForm]
        recipe: str | None = None,
        guidance: Annotated[Typed, Parameter(name="*", group=PLACES)] = Typed(),  # noqa: B008
        results: Annotated[Results, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
        settings: Annotated[kind, Parameter(name="*", group=Group(f"Settings of {method}", sort_key=4))] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Paint all PICTURES, files and folders, in the manner of one style or several.

        Folders are walked, and the results keep their places in the folder of results. A ledger there says what has
        been done, so that an interrupted batch goes on with --resume.

        Parameters
        ----------
        pictures
            Pictures, and folders with pictures in them.
        style
            A picture to take the manner from: a file, or `swatch:NAME[:SEED]`; repeatable.
        size
            Long side of each result in pixels; by default 512 for gatys, the content's own for wct and adain.
        frame
            Which picture of animated or multi-page files, counted from 1.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads of each worker. When not given, those of the processor are shared out.
        method
            How to paint.
        recipe
            Take everything that is not said here from this recipe, or from the recipe inside this picture. Paths in
            a recipe file are relative to that file, those inside a picture to the current folder.
        """
        if not pictures:
            raise UsageError("no picture was given. Give files, or folders with pictures in them.")
        data = guidance.model_dump() | {
            "content": CONTENT,
            "styles": style,
            "size": size,
            "frame": frame,
            "max_pixels": max_pixels,
            "threads": threads,
            "method": method,
            "settings": settings_of(settings),
            "inputs": base.inputs if base else {},
            "paste": base.paste if base else None,
            "part": base.part if base else None,
        }
        whole = checked("batch", Recipe, as_typed(data), UsageError)
        return paint_all(as_typed(list(pictures)), whole, results, shown)

    app.command(batch, name="batch")
    if base is not None:
        app["batch"].config = (filled_from(base, style=_styles_of(base), threads=None),)


def _styles_of(recipe: Recipe) -> list[str]:
    """What an object is pasted on, where it is a style as well, is each picture."""
    on = recipe.content if recipe.paste is not None else None
    return [CONTENT if name == on else name for name in recipe.styles]


def paint_all(pictures: Sequence[str], recipe: Recipe, results: Results, shown: Shown) -> int:
    """Runs a batch; gives the exit code. Ctrl-C lets the pictures in work be finished."""
    settings = as_typed(dataclasses.asdict(results))
    out, dry_run = settings.pop("output"), settings.pop("dry_run")
    found = gather(pictures, out, results.format, recipe)
    batch = Batch(recipe, found.pictures, out, Handling(**settings))
    stopping = "the pictures in work will be finished"
    with (
        reporter(shown.json, shown.quiet) as report,
        listening(report.notice),
        Interrupts(stopping) as interrupts,
    ):
        for folder, why in found.unreadable:
            report.notice(f"{folder}: {why}")
        if found.passed_over:
            report.notice(f"no pictures, and passed over: {_listed(found.passed_over)}.")
        if dry_run:
            return _print_plan(batch, shown.json) or (FAILED if found.unreadable else 0)
        return _paint(batch, report, interrupts, list(found.unreadable))


def _paint(batch: Batch, report: Reporter, interrupts: Interrupts, unreadable: list[tuple[str, str]]) -> int:
    """unreadable: folders that count among what failed, with the reason."""
    began, tally = time.monotonic(), Tally(report)
    for event in batch(lambda: interrupts.asked):
        tally.take(event)
    rest = tally.pictures - tally.done - len(tally.failed)
    failed = unreadable + tally.failed
    facts = {"output": batch.out, "painted": tally.done, "failed": len(failed), "done_before": tally.before}
    facts |= {"interrupted": True, "left": rest} if rest else {}
    tally.count_notices()
    report.done(**facts, seconds=round(time.monotonic() - began, 2))
    for line in _table(failed):
        print(line, file=sys.stderr)
    if rest:
        report.notice(f"stopped with {rest} of {tally.pictures} pictures to go; the same again with `resume` goes on.")
        return INTERRUPTED
    return FAILED if failed else 0


def _print_plan(batch: Batch, as_json: bool) -> int:
    """What a batch would do, a picture a line; gives the exit code that is known beforehand."""
    plan = batch.plan()
    done = set(plan.done)
    for one in batch.pictures:
        does = "is done" if one in done else "replaces" if one.output in plan.replaced else "paints"
        event = {"event": "plan", "does": does, "picture": one.source, "output": batch.target(one)}
        text = f"{does:8}  {one.source} -> {batch.target(one)}"
        if (why := plan.failing.get(one)) is not None:
            event |= {"does": "fails", "message": why}
            text = f"fails     {why}"
        print(json.dumps(event) if as_json else printable(text))
    return FAILED if plan.failing else 0


class Tally:
    """What came of the pictures so far."""

    def __init__(self, report: Reporter) -> None:
        self.report = report
        self.pictures = self.before = self.done = 0
        self.failed: list[tuple[str, str]] = []
        self.notices: dict[str, list[str]] = {}

    def take(self, event: Event) -> None:
        if event.kind == "start":
            self.pictures, self.before = event.facts["pictures"], event.facts["done_before"]
            self.report.start(**event.facts)
        elif event.kind == "download":
            self.report.download(event.facts["bytes"], event.facts["total"])
        elif event.kind == "notice":
            self.report.notice(event.facts["message"])
        elif event.picture is not None:
            self._take(event, event.picture.source)

    def _take(self, event: Event, name: str) -> None:
        self.done += event.kind == "done"
        if event.kind == "failed":
            self.failed.append((name, with_flags(event.facts["message"])))
        elif event.kind == "died":
            self.report.notice(f"{name}: its worker died ({event.facts['why']}); it is painted again.")
        for text in event.facts.get("notices", ()):
            self._notice(text)
        failed = f", {len(self.failed)} failed" if self.failed else ""
        text = f"{self.done} of {self.pictures} pictures{failed}"
        assert event.picture is not None
        facts = {key: value for key, value in event.facts.items() if key not in ("notices", "traceback")}
        facts |= {"message": with_flags(facts["message"])} if "message" in facts else {}
        self.report.part(event.kind, event.part, text, picture=name, output=event.picture.output, **facts)

    def _notice(self, text: str) -> None:
        """The first of each kind; a hundred photographs that are reduced are one piece of news."""
        alike = self.notices.setdefault(re.sub(r"\d+", "", text.rpartition(": ")[2]), [])
        alike.append(text)
        if len(alike) == 1:
            self.report.notice(text)

    def count_notices(self) -> None:
        for alike in self.notices.values():
            if len(alike) > 1:
                self.report.notice(f"{len(alike)} pictures came with a notice like this: {alike[0]}")


def _table(failed: Sequence[tuple[str, str]]) -> list[str]:
    """One line per reason, with the pictures that failed for it."""
    reasons: dict[str, list[str]] = {}
    for name, message in failed:
        reason = message.removeprefix(f"{name}: ").removeprefix(f"{os.path.basename(name)}: ")
        reasons.setdefault(reason, []).append(name)
    if not reasons:
        return []
    names = [_listed(names) for names in list(reasons.values())[:SHOWN]]
    width = min(60, max(map(len, names)))
    lines = [f"{len(failed)} {'picture' if len(failed) == 1 else 'pictures'} failed:"]
    lines += [printable(f"  {name:{width}}  {reason}") for name, reason in zip(names, reasons, strict=False)]
    more = len(reasons) - SHOWN
    return lines + ([f"  and {more} more reasons, in the ledger"] if more > 0 else [])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"
