"""The same moves as torch's optimizers make, from the same gradients; without what torch imports for them."""

import subprocess
import sys

import pytest
import torch

from intarsia.optimizers import LBFGS, OPTIMIZERS

START = torch.linspace(-1.5, 1.5, 40, dtype=torch.float64)


def valley(x):
    """Rosenbrock's: bent, not convex."""
    return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()


def gradient(x):
    leaf = x.detach().requires_grad_()
    (found,) = torch.autograd.grad(valley(leaf), leaf)
    return found


def ours(name, steps, **settings):
    x = START.clone()
    optimizer = OPTIMIZERS[name](x, **settings)
    for _ in range(steps):
        optimizer.move(x, gradient(x))
    return x


def theirs(optimizer, x, steps):
    for _ in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = valley(x)
            loss.backward()
            return loss

        optimizer.step(closure)
    return x.detach()


@pytest.mark.parametrize("history", [1, 3, 10])
@pytest.mark.parametrize("steps", [1, 2, 9, 30])
def test_lbfgs_is_that_of_torch(history, steps):
    """Until rounding parts them, which a bent valley makes soon: in fp64 after more than 30 steps."""
    x = START.clone().requires_grad_()
    settings = {"max_iter": 1, "history_size": history, "tolerance_grad": 0, "tolerance_change": 0}
    wanted = theirs(torch.optim.LBFGS([x], 0.5, **settings), x, steps)
    torch.testing.assert_close(ours("lbfgs", steps, rate=0.5, history=history), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 25])
@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("rmsprop", torch.optim.RMSprop)])
def test_adam_and_rmsprop_are_those_of_torch(name, kind, steps):
    x = START.clone().requires_grad_()
    wanted = theirs(kind([x], 0.02), x, steps)
    torch.testing.assert_close(ours(name, steps, rate=0.02), wanted)


def test_lbfgs_forgets_a_history_that_leads_uphill():
    """Gradients of two functions that contradict each other: the move still goes down the last one."""
    x = torch.zeros(3)
    optimizer = LBFGS(x, history=4)
    for slope in ([1.0, 0, 0], [0.9, 0.1, 0], [-3.0, 5, 1], [2.0, -4, 7], [-1.0, -1, -1]):
        before, now = x.clone(), torch.tensor(slope)
        optimizer.move(x, now.clone())
        assert float((x - before) @ now) < 0


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_goes_on_exactly_from_its_state(name):
    x = START.float()
    optimizer = OPTIMIZERS[name](x, 0.01, 4)
    for _ in range(7):
        optimizer.move(x, gradient(x))
    y, other = x.clone(), OPTIMIZERS[name](x, 0.01, 4)
    other.restore({key: value.clone() for key, value in optimizer.state().items()})
    for _ in range(9):
        optimizer.move(x, gradient(x))
        other.move(y, gradient(y))
    assert torch.equal(x, y)


def test_painting_does_not_import_a_compiler():
    """Which takes longer than 20 steps."""
    code = """
import sys, torch
from intarsia.guide import Guide
from intarsia.methods.gatys import Gatys
for optimizer in ("lbfgs", "adam"):
    list(Gatys(steps=3, optimizer=optimizer)(torch.rand(3, 32, 32), Guide.everywhere(torch.rand(3, 32, 32))))
sys.exit(any(name.startswith(("torch._dynamo", "torch._inductor", "sympy")) for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
