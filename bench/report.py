"""Creates the tables and plots in docs/performance.md."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"


@dataclasses.dataclass
class Row:
    """A figure of the provider and its peers, with its target."""

    figure: str
    provider: str
    python: str
    nodejs: str
    floor: str
    ratio: str
    target: str
    #: None if there is no target.
    met: bool | None

    def cells(self):
        return [self.figure, self.provider, self.python, self.nodejs, self.floor, self.ratio, self.target,
                {None: "–", True: "yes", False: "**no**"}[self.met]]


HEAD = ["figure", "provider", "(a) Python", "(b) Node.js", "(c) floor", "ratio", "target", "met"]


def ms(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def s(seconds):
    return f"{seconds:.2f} s"


def mb(size):
    return f"{size / 1e6:.1f} MB"


def times(ratio):
    return f"{ratio:.1f} ×"


def table(results):
    rows = [*process_rows(results), *call_rows(results), *time_rows(results["simulated"]), *growth_rows(results["growth"])]
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def process_rows(results):
    starts, events, zips = results["starts"], results["events"], results["zips"]
    for name, label, python_takes in (
            ("time", "startup, from process start to the first request for an event (median)", "as long"),
            ("cpu", "startup, CPU time", "as much")):
        start = {key: one[name] for key, one in starts.items()}
        connection = start["floor_connected"] - start["floor"]
        over_floor, under_python = (start["product"] - connection) / start["floor"], start["python"] / start["product"]
        # CPU time has no target, because work that is done while the connection is being opened delays nothing.
        target = ("at most 1.5 × (c), without the connection; (a) takes at least 20 × as long",
                  over_floor <= 1.5 and under_python >= 20)
        yield Row(label, f"{ms(start['product'])}, including a connection to EC2", ms(start["python"]),
                  ms(start["nodejs"]), f"{ms(start['floor'])}, plus {ms(connection)} for the same connection",
                  f"{times(over_floor)} (c), without the connection; (a) takes {times(under_python)} {python_takes}",
                  *(target if name == "time" else ("–", None)))
    for size in ("128", "256", "512"):
        cold = {key: events[size][key]["cold"] for key in KEYS}
        python, nodejs = cold["python"] / cold["product"], cold["nodejs"] / cold["product"]
        yield Row(f"cold event at {size} MB, from process start to the delivered response",
                  *(ms(cold[key]) for key in KEYS), f"(a) takes {times(python)} as long, (b) {times(nodejs)}",
                  "(a) takes at least 8 × as long, (b) at least 4 ×", python >= 8 and nodejs >= 4)
    for name, label in (("warm", "warm event that creates an endpoint"), ("join", "warm event that joins an endpoint")):
        warm = {key: events["256"][key][name] for key in KEYS}
        ratio = warm["python"] / warm["product"]
        yield Row(f"{label}, at 256 MB", *(ms(warm[key]) for key in KEYS), f"(a) takes {times(ratio)} as long",
                  "(a) takes at least 3 × as long", ratio >= 3)
    memory = {key: events["256"][key]["memory"] for key in KEYS}
    share = memory["product"] / memory["python"]
    yield Row("peak memory", *(mb(memory[key]) for key in KEYS), f"{share:.2f} × (a)", "at most 0.25 × (a)",
              share <= 0.25)
    yield Row("zip file", *(mb(zips[key]) for key in KEYS), f"{zips['product'] / zips['python']:.2f} × (a)",
              "less than 4 MB", zips["product"] < 4e6)


KEYS = ("product", "python", "nodejs", "floor")


def call_rows(results):
    calls, peers = results["simulated"]["calls"], results["events"]["256"]
    peer = {name: [f"{peers[key][name]:.0f}" for key in ("python", "nodejs")] for name in ("calls", "join_calls")}
    create = max((of["create"] for of in calls.values()), key=lambda one: len(one["actions"]))
    # The last of these calls is CreateVpcEndpoint.
    before = len(create["actions"])
    per = lambda kind: [len(calls[group][kind]["actions"]) for group in ("given_group", "own_group")]
    given, own = per("create")
    yield Row("EC2 calls of a create, up to and including CreateVpcEndpoint (with a specified security group / with the "
              "provider's)",
              f"{given} / {own}", *peer["calls"], "–", "–", "at most 6, none repeated",
              before <= 6 and not create["repeated"])
    one, other = (results["simulated"]["cluster"][name] for name in ("by_cluster", "by_service"))
    asked = (one["secrets"], one["api"], one["ec2"])
    yield Row("create with `ClusterId`: calls to Secrets Manager / TiDB Cloud's API / EC2 and time, up to and including "
              "CreateVpcEndpoint, if every call takes 40 ms",
              f"{asked[0]} / {asked[1]} / {asked[2]}, {s(one['seconds'])} instead of {s(other['seconds'])}", "–", "–", "–",
              "–", "1 / 2, and no more calls to EC2 than with `ServiceName`", asked == (1, 2, other["ec2"]))
    given, own = per("join")
    yield Row("EC2 calls of a join, total", f"{given} / {own}", *peer["join_calls"], "–", "–", "at most 5",
              max(given, own) <= 5)
    given, own = per("delete")
    after = [calls[group]["delete"]["after"] for group in ("given_group", "own_group")]
    yield Row("EC2 calls of a delete, up to and including DeleteVpcEndpoints, without polling",
              f"{given} / {own}, then {after[0]} / {after[1]} for the security group",
              "1", "1", "–", "–", "at most 5", max(given, own) <= 5)
    plan, join = (results["simulated"]["plan"][name] for name in ("plan", "join"))
    yield Row("question Plan, about a join: EC2 calls and time, if every call takes 40 ms",
              f"{plan['calls']}, {s(plan['seconds'])}", "–", "–", "–",
              f"{times(plan['seconds'] / join['seconds'])} the join itself ({join['calls']}, {s(join['seconds'])})",
              "no more than the join", plan["calls"] <= join["calls"] and plan["seconds"] <= join["seconds"])
    status = results["simulated"]["status"]
    pages = lambda one: -(-one["number"] // 1_000) + 2
    yield Row(f"question Status, {' → '.join(format(one['number'], ',') for one in status)} endpoints held by 500 stacks: "
              "calls to EC2 / CloudFormation, and time, if every call takes 40 ms",
              " → ".join(f"{one['ec2']} / {one['stacks']}, {s(one['seconds'])}" for one in status), "–", "–", "–", "–",
              "one call for each page", all(one["ec2"] <= pages(one) and one["stacks"] <= 5 for one in status))


def time_rows(simulated):
    for name, label in (("added", "with a read lag of up to 2 s"), ("added_with_more_lag", "with a read lag of up to 3 s"),
                        ("added_without_lag", "without read lag")):
        provider, simple = simulated[name]["product"], simulated[name]["simple"]
        both = lambda one: f"{s(one['median'])}, p99 {s(one['p99'])}"
        yield Row(f"time added to that of AWS, {simulated['creates']} creates, {label}", both(provider),
                  both(simple), both(simple), "–", f"{provider['median'] / simple['median']:.2f} × polling every 5 s",
                  "median at most 1.5 s", provider["median"] <= 1.5)
    crowd = lambda one: (
        (f"{one['failed']:.0f} stacks fail" if one["failed"]
         else f"last response {s(one['last_answer'])} after the endpoint is available")
        + f", CreateVpcEndpoint calls: {one['creates']:.0f}")
    for name, label in (("crowd", "with a read lag of up to 3 s"), ("crowd_without_lag", "without read lag")):
        provider, simple = simulated[name]["product"], simulated[name]["simple"]
        yield Row(f"40 stacks created at the same time in one VPC, worst of {simulated['crowds']} runs, {label}",
                  crowd(provider), crowd(simple), crowd(simple), "–", "–", "no failures, at most 10 s, at most 4 calls",
                  provider["failed"] == 0 and provider["last_answer"] <= 10 and provider["creates"] <= 4)
    looks = lambda one: f"{one['looks_a_second']:.1f} per second, peak {one['looks_in_a_second']:.0f}"
    yield Row("DescribeVpcEndpoints calls of these 40 stacks while they wait (quota: 20 per second)", looks(provider),
              looks(simple), looks(simple), "–", "–", "at most 4 per second", provider["looks_a_second"] <= 4)


GROWTH = {
    "others": "other endpoints of the service in the Region",
    "others_in_reach": "the same, with `ReuseScope: Region`",
    "subnets": "subnets in the VPC",
    "holders": "holders of the endpoint",
}


def growth_rows(growth):
    for name, label in GROWTH.items():
        first, last = growth[name][0], growth[name][-1]
        cost = lambda one: f"{one['calls']:.0f} calls, {ms(one['cpu'])} CPU time"
        # Each event lists them twice.
        pages = 2 * (last["number"] // 1_000)
        yield Row(f"{first['number']:,} → {last['number']:,} {label}", f"{cost(first)} → {cost(last)}", "–", "–", "–",
                  times(last["cpu"] / first["cpu"]), "constant number of calls, or one per page of 1,000",
                  last["calls"] <= first["calls"] + pages)


def sizes(results):
    """The cost and benefit of each memory size. The template uses the smallest size beyond which events get no faster."""
    lines = [["memory", "cold event", "cold event without startup", "MB × s"], ["---"] * 4]
    for size, of_size in sorted(results["events"].items(), key=lambda item: int(item[0])):
        one = of_size["product"]
        lines.append([f"{size} MB", ms(one["cold"]), ms(one["cold_event"]), f"{int(size) * one['cold_event']:.1f}"])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write(results):
    """Writes the results between the markers in the page, and saves the plots next to it."""
    text = PAGE.read_text()
    for name, made in (("machine", machine(results)), ("table", table(results)), ("sizes", sizes(results))):
        begin, end = f"<!-- {name}: written by make bench -->", f"<!-- {name}: end -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text, found = re.subn(pattern, lambda _: f"{begin}\n{made}\n{end}", text, flags=re.S)
        if found != 1:
            raise SystemExit(f"{PAGE.name} must contain the markers for {name} exactly once.")
    PAGE.write_text(text)
    plot_times(results)
    plot_growth(results["growth"])


def machine(results):
    one = results["machine"]
    limited = "" if one["limited"] else (
        " **The CPU of a process cannot be limited on this machine, so all memory sizes were measured with a full core.**")
    return (f"Measured on {one['cores']} cores of {one['cpu']}, Linux {one['kernel']}, at commit `{one['commit']}`, with a "
            f"load average of {one['load']:.0f}.{limited}")


def figure(*arguments, **options):
    import matplotlib
    matplotlib.use("svg")
    # The same figures must result in the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot
    return pyplot.subplots(*arguments, **options, layout="constrained")


def save(made, name):
    made.savefig(PAGE.with_name(name), metadata={"Date": None}, facecolor="white")


def plot_times(results):
    """Plots the startup and event time of a cold event."""
    made, axes = figure(1, 3, figsize=(9, 2.6), sharey=True)
    names = {"product": "provider", "nodejs": "(b) Node.js", "python": "(a) Python"}
    for axis, size in zip(axes, ("128", "256", "512")):
        of_size = results["events"][size]
        starts = [of_size[key]["start"] for key in names]
        events = [of_size[key]["cold_event"] for key in names]
        axis.barh(list(names.values()), starts, color="#9db4c0", label="start")
        bars = axis.barh(list(names.values()), events, left=starts, color="#253237", label="event")
        axis.bar_label(bars, [ms(of_size[key]["cold"]) for key in names], padding=3)
        axis.set_title(f"{size} MB")
        axis.set_xlabel("seconds")
        axis.set_xlim(0, 1.3 * max(start + event for start, event in zip(starts, events)))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, loc="lower right")
    save(made, "performance-cold.svg")


def plot_growth(growth):
    """Plots the calls and CPU time of one event as the world grows."""
    made, axes = figure(2, len(GROWTH), figsize=(10, 4), sharex="col")
    for column, (name, label) in zip(axes.T, GROWTH.items()):
        numbers = [one["number"] for one in growth[name]]
        for axis, values in zip(column, ([one["calls"] for one in growth[name]],
                                         [one["cpu"] * 1000 for one in growth[name]])):
            axis.plot(numbers, values, marker="o", color="#253237")
            axis.set_xscale("log")
            axis.minorticks_off()
            axis.set_ylim(0, 1.2 * max(values))
            axis.spines[["top", "right"]].set_visible(False)
        column[0].set_title(label.replace("`", "").replace(" of the service", "\nof the service"), fontsize=9)
        column[1].set_xlabel("number")
    axes[0][0].set_ylabel("EC2 calls")
    axes[1][0].set_ylabel("ms of CPU")
    save(made, "performance-growth.svg")
