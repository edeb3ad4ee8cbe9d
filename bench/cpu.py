"""Simulates the CPU allocation of Lambda: a full core until the first request for an event, then a share in proportion to
the memory of the function."""

import os
import pathlib

#: The memory size, in MB, at which a function has one full core (Lambda documentation).
MB_PER_CORE = 1769
#: Microseconds.
PERIOD = 20_000


class Share:
    """A control group (version 1 or 2) that limits its processes to a share of one core."""

    def __init__(self, megabytes):
        self.quota = round(PERIOD * megabytes / MB_PER_CORE)
        self._group = None

    def __enter__(self):
        for base, files in _candidates():
            group = base / f"bench-{os.getpid()}"
            try:
                group.mkdir()
            except OSError:
                continue
            try:
                for name, value in files(self.quota).items():
                    (group / name).write_text(value)
            except OSError:
                group.rmdir()
                continue
            self._group = group
            break
        return self

    def __exit__(self, *_):
        if self._group:
            self._group.rmdir()

    def hold(self, pid):
        """Limits a process, with all its threads, to the share from now on."""
        if self._group:
            (self._group / "cgroup.procs").write_text(str(pid))

    @property
    def works(self):
        return self._group is not None


def _candidates():
    """The folders in which a group might be created, and the files to write for a quota."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            yield (pathlib.Path("/sys/fs/cgroup/cpu" + path),
                   lambda quota: {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)})
        elif number == "0":
            yield pathlib.Path("/sys/fs/cgroup" + path), lambda quota: {"cpu.max": f"{quota} {PERIOD}"}


def works():
    """Whether processes can be limited on this machine."""
    with Share(MB_PER_CORE) as share:
        return share.works
