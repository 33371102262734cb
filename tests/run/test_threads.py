"""A run takes the number of threads that is quicker now, tells so, and goes on with it."""

import pytest
import torch

from intarsia.errors import PictureError, listening
from intarsia.methods import METHODS
from intarsia.recipe import Recipe
from intarsia.run import Done, Run, Target, threads


@pytest.fixture
def two():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def busy(monkeypatch, ratio):
    """A processor on which two threads take `ratio` times as long as one."""
    monkeypatch.setattr(threads, "seconds", lambda count: 0.01 if count == 1 else 0.01 * ratio)


def made_with(method="gatys", **target):
    settings = {"steps": 3} if METHODS[method].takes_long else {}
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, method=method, settings=settings)
    *_, last = Run(recipe, Target(output="out.png", **target))()
    assert isinstance(last, Done), last
    return last.result.recipe.threads


@pytest.mark.parametrize(("ratio", "wanted"), [(3, 1), (0.6, 2)])
def test_takes_what_is_quicker_and_leaves_the_process_as_it_was(folder, two, monkeypatch, ratio, wanted):
    busy(monkeypatch, ratio)
    assert made_with() == wanted
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("method", ["strotss", "wct"])
def test_only_what_takes_long_is_worth_the_measuring(folder, two, monkeypatch, method):
    busy(monkeypatch, 3)
    assert made_with(method) == (1 if METHODS[method].takes_long else 2)


def test_tells_of_one_thread(two, monkeypatch):
    said = []
    with listening(said.append):
        busy(monkeypatch, 1.1)
        threads.choose_threads()
        assert (said, torch.get_num_threads()) == ([], 2)
        busy(monkeypatch, 1.5)
        threads.choose_threads()
    assert torch.get_num_threads() == 1
    assert "1 thread is quicker than 2" in said[0]


def test_what_is_asked_for_is_not_measured(folder, two, monkeypatch):
    monkeypatch.setattr(threads, "seconds", lambda _: pytest.fail("measured"))
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, settings={"steps": 2}, threads=2)
    *_, last = Run(recipe, Target(output="out.png"))()
    assert isinstance(last, Done)


def test_a_resumed_run_goes_on_with_the_threads_it_had(folder, two, monkeypatch):
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, settings={"steps": 3})
    busy(monkeypatch, 3)
    list(Run(recipe, Target(output="out.png"))(lambda: True))  # stops after the first step
    busy(monkeypatch, 0.6)
    assert made_with(resume=True) == 1


def test_measures_both_numbers(two):
    assert threads.seconds(2) > 0
    assert torch.get_num_threads() == 2
    assert threads.seconds(1) > 0
    assert torch.get_num_threads() == 1


def test_an_error_and_a_second_run_leave_the_process_as_it_was(folder, two, monkeypatch):
    busy(monkeypatch, 3)
    with pytest.raises(PictureError):
        list(Run(Recipe(content="missing.png", styles=["style.png"]), Target(output="out.png"))())
    assert torch.get_num_threads() == 2
    first, second = threads.kept_threads(), threads.kept_threads()
    first.__enter__()
    torch.set_num_threads(1)
    second.__enter__()
    first.__exit__(None, None, None)
    assert torch.get_num_threads() == 1
    second.__exit__(None, None, None)
    assert torch.get_num_threads() == 2
