"""A run as its events: what comes in which order, stopping and going on, and that two runs do not mix."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import zip_longest
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from intarsia import Gatys, picture
from intarsia.errors import DivergedError, OutputError, RecipeError, WeightsError, listening, notice
from intarsia.networks import Networks
from intarsia.recipe import Job, Recipe
from intarsia.run import Done, Download, Event, Failed, Kept, Noticed, Previewed, Run, Started, Step, Target


def image(name: str) -> torch.Tensor:
    return picture.read(name).image


def steps(events: list[Event]) -> list[int]:
    return [event.frame.step for event in events if isinstance(event, Step)]


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Noticed)]


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def ran(recipe: Recipe, stop: Callable[[list[int]], bool] = lambda _: False, **target) -> list[Event]:
    """All events. stop: asked with the steps so far."""
    events: list[Event] = []
    target = {"output": "out.png"} | target
    for event in Run(recipe, Target(**target))(lambda: stop(steps(events))):
        events.append(event)
    return events


def stop_at(step: int) -> Callable[[list[int]], bool]:
    return lambda so_far: so_far[-1] == step


def left() -> str:
    picture.write("left.png", (torch.arange(64) < 32).float().expand(3, 48, 64))
    return "left.png"


# ---- events -------------------------------------------------------------------------------------------------------


def test_the_events_of_a_run_in_their_order(recipe):
    events = ran(recipe().model_copy(update={"size": 32}), preview="now.png", every=2, keep_every=0)
    assert kinds(events)[4] is Kept  # and later at most in a twentieth of the time
    ordered = [kind for kind in kinds(events) if kind is not Kept]
    assert ordered == [Noticed, Started, Step, Previewed, Step, Previewed, Step, Step, Previewed, Done]
    assert notices(events) == ["content.png: 64 x 48 is reduced to 32 x 24 (`size`)."]
    assert steps(events) == [1, 2, 3, 4]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.finished
    assert done.frame.step == 4
    torch.testing.assert_close(image("out.png"), done.result.image, atol=1 / 254, rtol=0)
    assert not Path("out.png.state").exists()


def test_without_an_output_the_result_is_handed_over_alone(recipe, folder):
    before = set(folder.iterdir())
    for stop in (stop_at(0), stop_at(2)):
        *_, done = ran(recipe(), stop, output=None, keep_every=0)
        assert isinstance(done, Done)
        assert done.result.image.shape == (3, 48, 64)
        assert set(folder.iterdir()) == before


def test_a_download_is_events_while_it_goes_on(recipe, monkeypatch):
    """Though it is a call that tells of it; and its notices are those of the run."""
    load, taken = Networks.load_encoder, threading.Event()

    def slow(self, on_progress):
        notice("an old file of weights")
        for done in (10, 20):
            on_progress(done, 20)
            assert taken.wait(20)
        return load(self)

    monkeypatch.setattr(Networks, "load_encoder", slow)
    events = []
    for event in Run(recipe(1))():
        events.append(event)
        if isinstance(event, Download):
            taken.set()
    assert kinds(events) == [Started, Noticed, Download, Download, Step, Done]
    assert events[3] == Download(20, 20)


def test_a_failure_is_an_event_and_then_an_error(recipe, monkeypatch):
    def fails(self, on_progress):
        notice("the mirror is slow")
        raise WeightsError("the weights are gone.")

    monkeypatch.setattr(Networks, "load_encoder", fails)
    events = []
    with pytest.raises(WeightsError, match="the weights are gone") as error:
        events.extend(Run(recipe())())
    assert kinds(events) == [Started, Noticed, Failed]
    assert events[-1].error is error.value


def test_who_leaves_the_loop_leaves_nothing_behind(recipe, folder):
    before = set(folder.iterdir())
    for event in Run(recipe(), Target(output="out.png"))():
        if isinstance(event, Step):
            break
    assert set(folder.iterdir()) == before


def test_a_preview_that_cannot_be_written_does_not_stop_the_painting(recipe):
    Path("previews").mkdir()
    events = []
    for event in Run(recipe(), Target(output="out.png", preview="previews/now.png", every=1))():
        events.append(event)
        if isinstance(event, Started):
            Path("previews").rmdir()
    assert "previews" in notices(events)[0]
    assert len(notices(events)) == 1
    assert Path("out.png").exists()


def test_previews_are_whole_pictures(recipe):
    seen = []
    for event in Run(recipe(7), Target(preview="now.jpg", every=3))():
        if isinstance(event, Previewed):
            seen.append(image(event.path).shape[-1])
    assert len(seen) == 4  # after steps 1, 3 and 6, and the last
    assert seen[-1] == 64


# ---- notices ------------------------------------------------------------------------------------------------------


class Talking(Gatys):
    def __call__(self, *arguments, **more):
        for frame in super().__call__(*arguments, **more):
            notice(f"{self.seed} at {frame.step}")
            yield frame


@pytest.fixture
def talking(recipe):
    """`talking(7)`: a run that gives notice of its number after each step."""

    def make(number: int) -> Run:
        made = recipe(6, seed=number)
        method = Talking(steps=6, seed=number, coarsest=16, networks=Networks(encoder="toy", precision="fp32"))
        return Run(made, opened=partial(Job.open, method=method))

    return make


def own(number: int) -> list[str]:
    return [f"{number} at {step}" for step in range(1, 7)]


def test_notices_of_two_runs_in_two_threads_do_not_mix(talking):
    both, found = threading.Barrier(2), {}

    def work(number: int) -> None:
        events = []
        for event in talking(number)():
            if isinstance(event, Step):
                both.wait(20)
            events.append(event)
        found[number] = notices(events)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: own(1), 2: own(2)}


def test_notices_of_two_runs_by_turns_in_one_thread_do_not_mix(talking):
    """Nor with those of whoever takes their events."""
    pairs, outer = [], []
    with listening(outer.append):
        for pair in zip_longest(talking(1)(), talking(2)()):
            pairs.append(pair)
            notice(f"outside {len(pairs)}")
    first, second = (list(events) for events in zip(*pairs, strict=True))
    assert notices(first) == own(1)
    assert notices(second) == own(2)
    assert outer == [f"outside {i}" for i in range(1, len(pairs) + 1)]


# ---- stopping and going on ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("step", [1, 13, 14, 15, 23, 29])  # 14 + 10 + 6 at 3 sizes
def test_going_on_gives_the_same_picture_to_the_bit(recipe, optimizer, step):
    made = recipe(30, optimizer=optimizer)
    ran(made, output="whole.png")
    *_, kept, stopped, done = ran(made, stop_at(step))
    assert kept == Kept(Path("out.png.state"))
    assert stopped.text == (
        f"stopped at step {step} of 30; the picture so far is in out.png, and the same again with `resume` goes on."
    )
    assert not done.finished
    assert image("out.png").shape == (3, 48, 64)  # at full size, whatever size was being worked on
    assert steps(ran(made, resume=True))[0] == step + 1
    assert torch.equal(image("out.png"), image("whole.png"))
    assert not Path("out.png.state").exists()


def test_stopping_where_no_mask_reaches_leaves_the_content_to_the_bit(recipe):
    masked = Recipe.model_validate(recipe(30).model_dump(mode="json") | {"content_mask": [left()]})
    ran(masked, stop_at(2))
    assert torch.equal(image("out.png")[:, :, 36:], image("content.png")[:, :, 36:])


def test_stopping_in_place_keeps_the_input_that_going_on_needs(recipe):
    before = Path("content.png").read_bytes()
    ran(recipe(30), output="whole.png")
    events = ran(recipe(30), stop_at(13), output="content.png", in_place=True)
    assert "content.png is as it was" in notices(events)[-1]
    assert Path("content.png").read_bytes() == before
    ran(recipe(30), output="content.png", in_place=True, resume=True)
    assert torch.equal(image("content.png"), image("whole.png"))


def test_a_stop_at_the_last_step_is_no_stop(recipe):
    assert ran(recipe(30), stop_at(30))[-1].finished
    assert not Path("out.png.state").exists()


def test_going_on_without_a_state_starts_anew_with_a_notice(recipe):
    events = ran(recipe(), resume=True)
    assert notices(events) == ["there is no out.png.state to go on from, so the run starts anew."]
    assert steps(events) == [1, 2, 3, 4]


def test_going_on_with_other_settings_is_refused_by_name(recipe):
    made = recipe(30)
    ran(made, stop_at(13))
    kept = Path("out.png").read_bytes()
    for other, words in (
        (recipe(30, tv=0.5), "tv was None, is 0.5"),
        (made.model_copy(update={"strength": [0.5]}), r"strength was \[\], is \[0.5\]"),
        (recipe(31), "steps was 30, is 31"),
    ):
        with pytest.raises(RecipeError, match=words):
            ran(other, resume=True)
    Path("other.png").replace("style.png")
    with pytest.raises(RecipeError, match=r"the content of style\.png has changed"):
        ran(made, resume=True)
    assert Path("out.png").read_bytes() == kept


def test_a_state_that_is_none_is_refused(recipe):
    ran(recipe(30), stop_at(13))
    whole = Path("out.png.state").read_bytes()
    assert {"parameter.image", "step", "level"} <= load_file("out.png.state").keys()
    save_file({"step": torch.tensor(1)}, "foreign", {"recipe": "{}"})
    for data in (b"", b"nonsense", whole[:40], whole[: len(whole) // 2], Path("foreign").read_bytes()):
        Path("out.png.state").write_bytes(data)
        with pytest.raises(RecipeError, match=r"out\.png\.state is not a s"):
            ran(recipe(30), resume=True)


def test_a_state_that_cannot_be_kept_does_not_stop_the_painting(recipe):
    Path("out.png.state").mkdir()
    events = ran(recipe(), keep_every=0)
    assert [("So this run cannot be resumed" in text) for text in notices(events)] == [True]  # of all the times
    assert kinds(events)[-1] is Done
    assert Kept not in kinds(events)


@pytest.mark.parametrize("count", [1, 21, 31])  # 24 frames of each level, for 12 tiles
def test_a_large_picture_stops_between_tiles_and_goes_on_from_the_level_before(folder, count):
    settings = {"encoder": "toy", "levels": [2, 1], "tile": 16}
    tiled = Recipe(content="content.png", styles=["style.png"], method="wct", settings=settings)
    ran(tiled, output="whole.png")
    events = ran(tiled, lambda so_far: len(so_far) == count, preview="so_far.png", every=1)
    assert kinds(events).count(Previewed) == (count > 24)
    assert f"stopped at step {int(count > 24)} of 2" in notices(events)[-1]
    ran(tiled, resume=True)
    assert torch.equal(image("out.png"), image("whole.png"))
    assert not Path("out.png.state").exists()


def test_a_diverging_run_keeps_the_last_good_picture(recipe):
    with pytest.raises(DivergedError, match=r"The last good step was \d+; the picture so far is in out\.png\."):
        ran(recipe(30, optimizer="adam", rate=1e35))
    assert image("out.png").shape == (3, 48, 64)


def test_an_absurd_rate_of_lbfgs_is_survived(recipe):
    done = ran(recipe(30, rate=1e25))[-1]
    assert isinstance(done, Done)
    assert done.finished
    assert done.frame.loss < 10


def test_a_disk_that_is_full_at_the_end_leaves_the_state(recipe):
    """Here it is a folder in the place of the output."""
    events = []
    with suppress(Exception):
        for event in Run(recipe(), Target(output="out.png"))():
            events.append(event)
            if isinstance(event, Step) and event.frame.step == 4:
                Path("out.png").mkdir()
    assert kinds(events)[-2:] == [Kept, Failed]
    Path("out.png").rmdir()
    ran(recipe(), resume=True)
    assert Path("out.png").is_file()


def test_two_runs_do_not_paint_to_one_output(recipe, folder):
    """The second is told; whoever leaves the first sets it free."""
    first = Run(recipe(), Target(output="out.png"))()
    next(first)
    with pytest.raises(OutputError, match=r"another run is painting out\.png"):
        ran(recipe(), output="out.png")
    assert isinstance(ran(recipe(), output="other.png")[-1], Done)
    first.close()
    assert isinstance(ran(recipe(), output="out.png")[-1], Done)
    assert not list(folder.glob(".intarsia-*"))
