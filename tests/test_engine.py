"""Descent goes down, goes on exactly, and does not die of a bad number."""

import itertools

import pytest
import torch

from intarsia.engine import FAR, descend
from intarsia.errors import DivergedError

TARGET = torch.rand(3, 6, 5, generator=torch.Generator().manual_seed(0))
START = {"image": torch.full((3, 6, 5), 0.5)}


def bowl(now):
    image = now["image"]
    stretch = torch.linspace(1, 30, image.numel()).reshape(image.shape)
    return {"near": (stretch * (image - TARGET).square()).mean(), "quartic": (image - TARGET).pow(4).mean()}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_reaches_the_minimum(optimizer):
    *_, last = descend(bowl, START, 200, optimizer=optimizer)
    torch.testing.assert_close(last.parameters["image"], TARGET, atol=0.02, rtol=0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_yields_once_a_step_with_every_term(optimizer):
    seen = [(set(step.losses), sum(step.losses.values())) for step in descend(bowl, START, 7, optimizer=optimizer)]
    assert len(seen) == 7
    assert all(names == {"near", "quartic"} for names, _ in seen)
    assert seen[-1][1] < seen[0][1]


def test_one_step_is_one_evaluation():
    calls = []

    def counted(now):
        calls.append(1)
        return bowl(now)

    list(descend(counted, START, 9))
    assert len(calls) == 9


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_objective_may_bring_its_own_gradient(optimizer):
    def own(now):
        terms = bowl(now)
        torch.stack(list(terms.values())).sum().backward()
        return {name: term.detach() for name, term in terms.items()}

    *_, wanted = descend(bowl, START, 9, optimizer=optimizer)
    *_, last = descend(own, START, 9, optimizer=optimizer)
    assert torch.equal(last.parameters["image"], wanted.parameters["image"])
    assert last.losses == wanted.losses


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("stop", [1, 2, 5, 14])
def test_goes_on_exactly(optimizer, stop):
    *_, whole = descend(bowl, START, 15, optimizer=optimizer, history=4)
    for number, step in enumerate(descend(bowl, START, 15, optimizer=optimizer, history=4), 1):
        if number == stop:
            state = step.state()
            break
    *_, resumed = descend(bowl, START, 15, optimizer=optimizer, history=4, state=state)
    assert torch.equal(resumed.parameters["image"], whole.parameters["image"])


def test_goes_down_where_the_caller_wants_no_gradients():
    *_, wanted = descend(bowl, START, 9)
    with torch.no_grad():
        *_, last = descend(bowl, START, 9)
    assert torch.equal(last.parameters["image"], wanted.parameters["image"])


def test_a_state_does_not_change_as_the_run_goes_on():
    steps = descend(bowl, START, 5)
    first = next(steps).state()
    kept = {name: value.clone() for name, value in first.items()}
    list(steps)
    assert all(torch.equal(first[name], kept[name]) for name in kept)


def test_one_bad_number_is_survived_by_halving_the_rate():
    bad = iter([False] * 4 + [True] + [False] * 100)
    rates = []

    def shaky(now):
        terms = bowl(now)
        return {name: value * float("nan") for name, value in terms.items()} if next(bad) else terms

    for step in descend(shaky, START, 20, optimizer="adam", rate=0.1):
        rates.append(float(step.state()["rate"]))
        assert bool(step.parameters["image"].isfinite().all())
    assert len(rates) == 20
    assert (rates[0], rates[-1]) == (0.1, 0.05)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_bad_numbers_that_stay_stop_with_the_last_good_picture(optimizer):
    count = iter(range(1000))

    def broken_from_the_sixth(now):
        terms = bowl(now)
        return {name: value / (1 if next(count) < 10 else 0) for name, value in terms.items()}

    with pytest.raises(DivergedError, match=r"astray at step 6 of 20, and that 6 times. Try") as caught:
        list(descend(broken_from_the_sixth, START, 20, optimizer=optimizer))
    assert bool(caught.value.parameters["image"].isfinite().all())
    assert not torch.equal(caught.value.parameters["image"], START["image"])


@pytest.mark.parametrize("stop", [6, 8, 12])
def test_moves_that_raise_the_loss_far_are_taken_back_also_after_a_resume(stop):
    """From the eighth evaluation on gradients point uphill for a while, as a bad curvature would have it."""
    calls = 0

    def misled(now):
        nonlocal calls
        calls += 1
        terms = bowl(now)
        return (
            terms if not 8 <= calls <= 10 else {name: one - 1e5 * (one - one.detach()) for name, one in terms.items()}
        )

    losses, states = [], []
    for frame in descend(misled, START, 60):
        losses.append(sum(frame.losses.values()))
        states.append((frame.state(), calls))
    high = [after > FAR * losses[6] for after in losses[6:]]
    assert len(losses) == 60
    assert any(high)
    assert not any(one and two for one, two in itertools.pairwise(high))
    assert losses[-1] < losses[6]
    state, calls = states[stop - 1]
    assert [sum(frame.losses.values()) for frame in descend(misled, START, 60, state=state)] == losses[stop:]


def test_overflowing_pixels_are_bad_numbers_too():
    with pytest.raises(DivergedError):
        list(descend(lambda now: {"away": -now["image"].sum() * 1e38}, START, 50, optimizer="lbfgs", rate=1e38))


WANTED = {
    "fine": torch.rand(3, 8, 8),
    "coarse": torch.rand(3, 2, 2),
    "points": torch.rand(5, 2),
    "scale": torch.rand(1),
}
NOTHING = {name: torch.zeros_like(value) for name, value in WANTED.items()}


def apart(now):
    return {name: (value - WANTED[name]).square().sum() for name, value in now.items()}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_parameters_of_any_shapes_all_reach_their_minimum(optimizer):
    """A picture as a pyramid, and points, in one descent."""
    *_, last = descend(apart, NOTHING, 300, optimizer=optimizer)
    for name, value in WANTED.items():
        torch.testing.assert_close(last.parameters[name], value, atol=0.01, rtol=0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("stop", [1, 6])
def test_parameters_of_any_shapes_all_go_on_exactly(optimizer, stop):
    states = [step.state() for step in descend(apart, NOTHING, 9, optimizer=optimizer, history=3)]
    *_, resumed = descend(apart, NOTHING, 9, optimizer=optimizer, history=3, state=states[stop - 1])
    for name in WANTED:
        assert torch.equal(resumed.parameters[name], states[-1][f"parameter.{name}"])
