"""`make bench`: benchmarks the function and its peers, prints the table, and updates docs/performance.md.

With QUICK=1, it repeats each measurement only a few times, prints the results, and writes nothing.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import cpu
import measure
import programs
import report
import stage

QUICK = bool(os.environ.get("QUICK"))


#: The figures on the simulated clock, which do not depend on the speed of the machine. A Rust test measures them; see the
#: Makefile.
SIMULATED = programs.WORK / "simulated.txt"


def simulated():
    for line in SIMULATED.read_text().splitlines():
        if line.startswith("figures: "):
            return json.loads(line.removeprefix("figures: "))
    raise SystemExit(f"{SIMULATED} contains no figures. Run make bench, which creates it.")


def machine():
    model = [line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    git = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], cwd=programs.ROOT,
                         capture_output=True, text=True)
    return {"cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": ".".join(platform.release().split(".")[:2]), "commit": git.stdout.strip() or "unknown",
            "load": os.getloadavg()[1], "limited": cpu.works()}


def main():
    all_programs = programs.build()
    provider = all_programs[0]
    stage.make_trust()
    began = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - began:4.0f} s: {what}", file=sys.stderr, flush=True)

    results = {"machine": machine(), "simulated": simulated(),
               "zips": {program.key: program.zip_size() for program in all_programs}}
    # The first run of a program reads its files from the disk, and Python compiles its modules.
    say("warming up")
    measure.events(all_programs, 1, [cpu.MB_PER_CORE])
    say("measuring startup")
    results["starts"] = measure.starts(all_programs, 7 if QUICK else 30)
    say("measuring events")
    results["events"] = measure.events(all_programs, 3 if QUICK else 9, measure.SIZES)
    say("measuring events of the provider with more memory")
    results["events"].update(measure.events([provider], 3 if QUICK else 9, measure.MORE_SIZES))
    say("measuring growth")
    results["growth"] = measure.growth(provider, QUICK)
    say("done")
    (programs.WORK / "results.json").write_text(json.dumps(results, indent=1))
    if not results["machine"]["limited"]:
        print("The CPU of a process cannot be limited on this machine, so all memory sizes were measured with a full core.")
    print(report.table(results))
    print()
    print(report.sizes(results))
    if not QUICK:
        report.write(results)


if __name__ == "__main__":
    main()
