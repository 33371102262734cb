"""Free memory: of the machine, or of what a container leaves to this process."""

import pytest
import torch

from intarsia.errors import MemoryLimitError, UsageError
from intarsia.large import memory
from intarsia.large.memory import asked_limit, check_memory, free_memory

CPU = torch.device("cpu")
MIB = 2**20


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`machine({"proc/meminfo": ..., ...})`: a system with these files."""
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "proc")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return make


MEMINFO = {"proc/meminfo": f"MemTotal:  {9000 * 1024} kB\nMemAvailable:   {8000 * 1024} kB\n"}


def group(folder, most, taken, files, version=2):
    """Files of a control group, of MiB."""
    limit, usage = {1: ("limit_in_bytes", "usage_in_bytes"), 2: ("max", "current")}[version]
    prefix = "total_" if version == 1 else ""
    stat = f"anon 5\n{prefix}inactive_file {files * MIB - 100}\n{prefix}active_file 100\n"
    written = most if isinstance(most, str) else str(most * MIB)
    path = f"groups/{folder}memory"
    return {f"{path}.{limit}": f"{written}\n", f"{path}.{usage}": f"{taken * MIB}\n", f"{path}.stat": stat}


def test_of_this_machine_or_not_known():
    free = free_memory(CPU)
    assert free is None or free > 2**20


def test_of_a_machine_without_groups(machine):
    machine(MEMINFO)
    assert free_memory(CPU) == 8000 * MIB


def test_a_system_that_does_not_tell(machine):
    assert free_memory(CPU) is None
    machine({"proc/meminfo": "something else\n"})
    assert free_memory(CPU) is None


@pytest.mark.parametrize(("limit", "free"), [("1000000", 1_000_000), (str(2**60), 8000 * MIB), ("", 8000 * MIB)])
def test_a_limit_that_was_set_counts(machine, monkeypatch, limit, free):
    machine(MEMINFO)
    monkeypatch.setenv("INTARSIA_MEMORY", limit)
    assert free_memory(CPU) == free


@pytest.mark.parametrize(
    ("text", "limit"),
    [("2G", 2 << 30), ("1500M", 1500 << 20), ("2 GiB", 2 << 30), ("1.5g", 3 << 29), ("900kb", 900 << 10)],
)
def test_a_limit_may_have_a_unit(monkeypatch, text, limit):
    monkeypatch.setenv("INTARSIA_MEMORY", text)
    assert asked_limit() == limit


@pytest.mark.parametrize("text", ["much", "-5", "0", "2X", "2 G B", "1e9", "nan"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch, text):
    monkeypatch.setenv("INTARSIA_MEMORY", text)
    with pytest.raises(UsageError, match=r"INTARSIA_MEMORY is .*which is no size"):
        free_memory(CPU)


def test_a_group_leaves_less_than_the_machine(machine):
    """Pages of files are not taken."""
    machine(MEMINFO | {"proc/self/cgroup": "0::/a/b\n"} | group("a/b/", 3000, 2000, 500))
    assert free_memory(CPU) == 1500 * MIB


def test_a_group_around_it_may_leave_less(machine):
    machine(MEMINFO | {"proc/self/cgroup": "0::/a/b\n"} | group("a/b/", "max", 2000, 500) | group("a/", 2500, 2400, 0))
    assert free_memory(CPU) == 100 * MIB


def test_a_container_sees_its_group_at_the_root(machine):
    machine(MEMINFO | {"proc/self/cgroup": "0::/\n"} | group("", 1000, 300, 0))
    assert free_memory(CPU) == 700 * MIB


def test_groups_of_the_first_version(machine):
    told = {"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n"}
    machine(MEMINFO | told | group("memory/", 2000, 1500, 1000, version=1))
    assert free_memory(CPU) == 1500 * MIB
    machine(group("memory/", 2**43, 1500, 1000, version=1))  # no limit is a very large one
    assert free_memory(CPU) == 8000 * MIB


def test_a_group_that_is_full_leaves_nothing(machine):
    machine(MEMINFO | {"proc/self/cgroup": "0::/\n"} | group("", 1000, 1001, 0))
    assert free_memory(CPU) == 0


def test_groups_that_cannot_be_read_do_not_count(machine):
    machine(MEMINFO | {"proc/self/cgroup": "0::/a\n", "groups/a/memory.max": "100\n", "groups/memory.max": "?"})
    assert free_memory(CPU) == 8000 * MIB


def test_a_run_that_would_not_fit_is_refused_with_the_size_that_would(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 2**30)
    check_memory(2**30, (1000, 2000), CPU)
    with pytest.raises(MemoryLimitError, match=r"2000 x 1000 needs about 4\.0 GiB.* 1\.0 GiB are free.*`size` 974"):
        check_memory(2**32, (1000, 2000), CPU)
