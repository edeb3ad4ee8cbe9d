"""`make bench`: measures the function beside its peers, prints the table, and writes docs/performance.md.

With QUICK=1 it measures a few times only, prints, and writes nothing.
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


#: The figures on EC2's clock, which are no matter of this machine's speed: a Rust test measures them; see the Makefile.
SIMULATED = programs.WORK / "simulated.txt"


def simulated():
    for line in SIMULATED.read_text().splitlines():
        if line.startswith("figures: "):
            return json.loads(line.removeprefix("figures: "))
    raise SystemExit(f"{SIMULATED.name} has no figures.")


def machine():
    model = [line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    git = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], cwd=programs.ROOT,
                         capture_output=True, text=True)
    return {"cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": ".".join(platform.release().split(".")[:2]), "commit": git.stdout.strip() or "unknown",
            "load": os.getloadavg()[1], "limited": cpu.works()}


def main():
    everybody = programs.build()
    product = everybody[0]
    stage.make_trust()
    began = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - began:4.0f} s: {what}", file=sys.stderr, flush=True)

    results = {"machine": machine(), "simulated": simulated(),
               "zips": {program.key: program.zip_size() for program in everybody}}
    # What has never run is read from the disk, and Python compiles it.
    say("every program once, unmeasured")
    measure.events(everybody, 1, [cpu.MB_PER_CORE])
    say("starts")
    results["starts"] = measure.starts(everybody, 7 if QUICK else 30)
    say("events")
    results["events"] = measure.events(everybody, 3 if QUICK else 9, measure.SIZES)
    say("events of the product at larger sizes")
    results["events"].update(measure.events([product], 3 if QUICK else 9, measure.MORE_SIZES))
    say("growth")
    results["growth"] = measure.growth(product, QUICK)
    say("done")
    (programs.WORK / "results.json").write_text(json.dumps(results, indent=1))
    if not results["machine"]["limited"]:
        print("This machine does not let us limit a process's CPU: all sizes were measured on a full core.")
    print(report.table(results))
    print()
    print(report.sizes(results))
    if not QUICK:
        report.write(results)


if __name__ == "__main__":
    main()
