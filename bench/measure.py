"""Measurements of processes. The programs take turns, so that other load on the machine affects all of them."""

import statistics

import cpu
import world
from function import Function
from stage import Stage

#: The memory sizes for all programs, and additional sizes for the provider, which show where more memory has no benefit.
SIZES = (128, 256, 512)
MORE_SIZES = (1024, cpu.MB_PER_CORE)
#: The number of events of each kind that a process gets after the first one.
WARM = 3


def turns(programs, rounds):
    """Yields every program `rounds` times, starting each round with another program."""
    for round_number in range(rounds):
        first = round_number % len(programs)
        yield from programs[first:] + programs[:first]


def median(numbers):
    return statistics.median(numbers)


def starts(all_programs, rounds):
    """Measures the time and CPU time from the start of the process to its first request for an event, in seconds.
    `floor_connected` is the floor with a connection to EC2, which the provider opens first."""
    taken = {key: [] for key in [*(program.key for program in all_programs), "floor_connected"]}
    with Stage(world.world(1)) as stage:
        connected = {"FLOOR_CONNECTS_TO": stage.environment["AWS_ENDPOINT_URL_EC2"]}
        ways = [(program.key, program, {}) for program in all_programs]
        ways += [("floor_connected", program, connected) for program in all_programs if program.key == "floor"]
        for key, program, environment in turns(ways, rounds):
            with Function(program, stage, 256, environment=environment) as function:
                taken[key].append((function.start, function.start_cpu))
    return {key: {"time": median(time for time, _ in all_), "cpu": median(used for _, used in all_),
                  "shortest": min(time for time, _ in all_)}
            for key, all_ in taken.items()}


def events(programs, rounds, sizes):
    """Measures the cold event, warm events, and peak memory for each size and program. Returns medians."""
    taken = {size: {program.key: [] for program in programs} for size in sizes}
    for program in turns(programs, rounds):
        for size in sizes:
            taken[size][program.key].append(life(program, size))
    return {str(size): {key: {name: median(one[name] for one in lives) for name in lives[0]}
                        for key, lives in of_size.items()}
            for size, of_size in taken.items()}


def life(program, size):
    """Measures one process: Create requests that create endpoints, then Create requests that find existing ones."""
    with Stage(world.world(1 + WARM)) as stage, cpu.Share(size) as share:
        with Function(program, stage, size, share) as function:
            create = lambda vpc: function.invoke(world.event(vpc, stage.answers))
            cold = create(0)
            calls = len(stage.calls())
            warm = [create(vpc) for vpc in range(1, 1 + WARM)]
            before = len(stage.calls())
            joins = [create(vpc) for vpc in range(WARM)]
            check(program, stage, [cold, *warm], joins)
            return {
                "start": function.start, "cold": function.start + cold.time, "cold_event": cold.time,
                "cold_cpu": function.start_cpu + cold.cpu,
                "warm": median(one.time for one in warm), "warm_cpu": median(one.cpu for one in warm),
                "join": median(one.time for one in joins), "join_cpu": median(one.cpu for one in joins),
                "memory": function.peak_memory(), "calls": calls, "join_calls": (len(stage.calls()) - before) / WARM,
            }


def check(program, stage, creates, joins):
    """Checks the result: there is one endpoint for each VPC, and later requests got the same endpoint."""
    if program.key == "floor":
        return
    ids = [created.answer["PhysicalResourceId"] for created in creates]
    reused = [joined.answer["PhysicalResourceId"] for joined in joins]
    there = sorted(endpoint["id"] for endpoint in stage.endpoints())
    if sorted(ids) != there or reused != ids[:len(reused)] or stage.complaints():
        raise RuntimeError(f"{program.name}: wrong result: created {ids}, reused {reused}, existing {there}, "
                           f"complaints {stage.complaints()}")


#: What grows, and the numbers to measure.
GROWTH = {
    "others": (10, 100, 1_000, 10_000),
    "others_in_reach": (10, 100, 1_000, 10_000),
    "subnets": (2, 10, 50, 100, 500),
    "holders": (1, 5, 15, 30, 45),
}
#: The number of VPCs in which the measurement is repeated, after one for the first event of the process.
VPCS = 5


def growth(provider, quick):
    """Measures the calls and CPU time of one warm event as something grows, without the time of the simulator."""
    return {what: [grown(provider, what, number) for number in (numbers[::len(numbers) - 1] if quick else numbers)]
            for what, numbers in GROWTH.items()}


def grown(provider, what, number):
    subnets, endpoints, extra = 3, [], {}
    if what == "subnets":
        subnets = number
    else:
        endpoints = [owned(vpc, number - 1 if what == "holders" else 1) for vpc in range(1 + VPCS)]
    if what.startswith("others"):
        endpoints += [{"vpc_id": world.vpc_id(1 + VPCS), "service_name": world.SERVICE} for _ in range(number)]
    if what == "others_in_reach":
        extra = {"ReuseScope": "Region"}
    with Stage(world.world(2 + VPCS, subnets, endpoints)) as stage, Function(provider, stage, 256) as function:
        function.invoke(world.event(0, stage.answers, **extra))
        before = len(stage.calls())
        taken = [function.invoke(world.event(vpc, stage.answers, **extra)) for vpc in range(1, 1 + VPCS)]
        return {"number": number, "calls": (len(stage.calls()) - before) / VPCS,
                "cpu": median(one.cpu for one in taken), "time": median(one.time for one in taken)}


def owned(vpc, holders):
    """An owned endpoint with this number of holders."""
    tags = {f"tidb-private-endpoint:ref:{n:024x}": f"app-{n}/TiDB" for n in range(holders)}
    return {"id": f"vpce-{vpc:017x}", "vpc_id": world.vpc_id(vpc), "service_name": world.SERVICE,
            "private_dns_enabled": True, "subnet_ids": [f"subnet-{vpc:08x}{i:09x}" for i in range(2)],
            "group_ids": [world.group_id(vpc)], "tags": {"tidb-private-endpoint:owned": f"{0:024x}", **tags}}
