"""What the machine is, and who used its processors: Linux's /proc."""

import os
import pathlib
import platform
import time

TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


def cpu_model():
    """Its name, and what of its instructions matters here."""
    fields = dict(line.split(":", 1) for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines())
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    flags = [flag for flag in known if flag in fields.get("flags", "").split()]
    return fields.get("model name", platform.machine()), flags


def description():
    name, flags = cpu_model()
    return {"cpu": name, "instructions": flags, "cores": len(os.sched_getaffinity(0)), "system": platform.platform(),
            "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)}


def busy_seconds():
    """Processor time of everybody since the start of the machine, all processors together, and how many these are."""
    lines = pathlib.Path("/proc/stat").read_text().splitlines()
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in lines[0].split()[1:9])
    processors = sum(line.startswith("cpu") for line in lines) - 1
    return (user + nice + system + irq + softirq + steal) * TICK, processors


def processes():
    """For each process its parent and the processor time of it and of its children that have ended."""
    table = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        table[int(folder.name)] = (int(fields[1]), sum(int(field) for field in fields[11:15]) * TICK)
    return table


def seconds_of(root):
    """Processor time of a process and all that it started."""
    table = processes()
    total, family = 0.0, [root]
    while family:
        parent = family.pop()
        total += table.get(parent, (0, 0.0))[1]
        family += [process for process, (of, _) in table.items() if of == parent]
    return total


def peak_mib(process):
    """The most memory that a process has held, in MiB."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Watch:
    """How much of the processors others took since it was made."""

    def __init__(self):
        self.began = time.monotonic()
        self.own = seconds_of(os.getpid())
        self.busy = busy_seconds()[0]

    def foreign_share(self):
        """Of all processors' time, in [0, 1]; the kernel counts in hundredths of a second."""
        busy, processors = busy_seconds()
        own = seconds_of(os.getpid())
        passed = (time.monotonic() - self.began) * processors
        return max(0.0, (busy - self.busy) - (own - self.own)) / max(passed, TICK)
