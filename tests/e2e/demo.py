"""The story of one endpoint that several stacks share, told by running it: `make demo`."""

import contextlib
import sys
import textwrap
import threading
import time

from engine import HERE, Engine, holders
from scene import SERVICE, Vpc, world
from stacks import TEMPLATE, Cloud, provider_zip

WIDTH = 100


def say(text="", indent=0):
    for line in text.split("\n"):
        for part in textwrap.wrap(line, WIDTH - indent, break_long_words=False, break_on_hyphens=False) or [""]:
            print(" " * indent + part, flush=True)


def show(pairs):
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        print(f"      {name:<{width}}  {value}", flush=True)


class Story:
    def __init__(self, engine):
        self.engine, self.number = engine, 0

    @contextlib.contextmanager
    def step(self, text):
        """Says what happens, shows what EC2 sees meanwhile, and ends with the time it took."""
        self.number += 1
        say(f"\n{self.number}. {text}")
        started, done = time.monotonic(), threading.Event()
        watcher = threading.Thread(target=self._watch, args=(started, done), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            self.took = time.monotonic() - started
        print(f"      done in {self.took:.1f} s", flush=True)

    def _watch(self, started, done):
        """One line for each change of an endpoint."""
        before = self._seen()
        while True:
            last_look = done.wait(0.2)
            try:
                now = self._seen()
            except OSError:
                return  # interrupted: the simulator is gone
            for endpoint in sorted({*before, *now}):
                if before.get(endpoint) != now.get(endpoint):
                    elapsed = time.monotonic() - started
                    print(f"    {elapsed:5.1f} s  EC2: {endpoint} {now.get(endpoint, 'is gone')}", flush=True)
            before = now
            if last_look:
                return

    def _seen(self):
        seen = {}
        for endpoint in self.engine.standing():
            names = holders(endpoint)
            seen[endpoint["id"]] = f"{endpoint['state']}, used by {', '.join(names) if names else 'nobody'}"
            if any(key.startswith("tidb-private-endpoint:leaving:") for key in endpoint["tags"]):
                seen[endpoint["id"]] += ", about to be deleted"
        return seen


def expect(stack, status):
    if stack.status != status:
        raise SystemExit(f"{stack.name} is {stack.status}, not {status}: {stack.reason}")
    return stack


def tell(engine):
    cloud, story = Cloud(engine.aws, engine.ec2), Story(engine)
    provider, orders = cloud.stack("tidb-private-endpoint"), cloud.stack("orders")
    vpc, without_hostnames = Vpc("provider"), Vpc("no-dns-hostnames")
    template, app = cloud.package(TEMPLATE, provider_zip()), (HERE / "app.yaml").read_text()

    def groups():
        made = {group["id"]: f"made for it, opens {', '.join(group['opens'])}" for group in cloud.own_groups(vpc)}
        (standing,) = engine.standing()
        return {f"SecurityGroup{number}": f"{group} ({made.get(group, 'given')})"
                for number, group in enumerate(standing["group_ids"], 1)}

    def expect_nothing_left():
        if engine.standing() or cloud.own_groups(vpc, without_hostnames):
            raise SystemExit("an endpoint or a security group is left")

    with story.step(f"One command deploys template.yaml: the function, and an endpoint in {vpc.id} with a security "
                    "group that lets this VPC in. It is told the VPC and TiDB Cloud's service, nothing else."):
        expect(provider.deploy(template, VpcId=vpc.id, ServiceName=SERVICE), "CREATE_COMPLETE")
    show({name: provider.outputs[name] for name in ("EndpointId", "EndpointDnsName", "EndpointHost")} | groups())
    endpoint = provider.outputs["EndpointId"]

    with story.step("Another team deploys the stack `orders` in the same VPC. EC2 allows only one such endpoint there, "
                    "so it joins."):
        expect(orders.deploy(app, VpcId=vpc.id, ServiceName=SERVICE), "CREATE_COMPLETE")
    show(orders.outputs)
    if orders.outputs["EndpointId"] != endpoint:
        raise SystemExit("orders got an endpoint of its own")

    with story.step("The first stack is updated with a security group of its own. The endpoint gets it in place, and "
                    "keeps the other one too, because `orders` relies on it."):
        expect(provider.deploy(template, VpcId=vpc.id, ServiceName=SERVICE, SecurityGroupIds=vpc.group),
               "UPDATE_COMPLETE")
    if provider.outputs["EndpointId"] != endpoint:
        raise SystemExit("the update replaced the endpoint")
    show(groups())

    with story.step("The first stack gives its endpoint up. `orders` still uses it, so it stays. (The function looks "
                    "again after ten seconds, because EC2's answers may be a little old.)"):
        expect(provider.deploy(template), "UPDATE_COMPLETE")
    if endpoint not in {one["id"] for one in engine.standing()}:
        raise SystemExit("the endpoint that orders uses is gone")

    with story.step("`orders` is deleted. It was the last, so the endpoint goes too, after 30 seconds in which a new "
                    "stack may still join, and then the security group that was made for it."):
        expect(orders.delete(), "DELETE_COMPLETE")
    expect_nothing_left()

    broken = cloud.stack("no-dns-hostnames")
    with story.step(f"A stack names {without_hostnames.id}, where private DNS cannot work. It fails, what "
                    "was made for it is taken back, and it says what to do. (It looked again for ten seconds, because the same stack "
                    "might just have turned it on.)"):
        expect(broken.deploy(app, VpcId=without_hostnames.id, ServiceName=SERVICE), "ROLLBACK_COMPLETE")
    say(f"CREATE_FAILED: {broken.reason}", indent=6)

    with story.step("All stacks are deleted."):
        expect(broken.delete(), "DELETE_COMPLETE")
        expect(provider.delete(), "DELETE_COMPLETE")

    expect_nothing_left()
    violations = engine.report()["violations"]
    if violations:
        raise SystemExit(f"answers that CloudFormation would refuse: {violations}")
    say(f"\n{len(engine.report()['exchanges'])} events, each answered once and as CloudFormation wants it. Nothing is "
        "left behind. Log files: .run/")


def main():
    say("The function is the real one, run as Lambda runs it. AWS is played by two local processes: ministack "
        "(CloudFormation, Lambda) and ec2-sim (EC2, where an endpoint takes seconds instead of minutes).")
    try:
        with Engine(world()) as engine:
            tell(engine)
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; nothing is left running")


if __name__ == "__main__":
    main()
