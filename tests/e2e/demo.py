"""`make demo`: a walkthrough of several stacks that share one endpoint."""

import contextlib
import json
import subprocess
import sys
import textwrap
import threading
import time

from engine import BOOTSTRAP, HERE, Engine, holders
from scene import API_KEY, CLUSTER, SERVICE, Vpc, world
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
        """Prints what happens, the changes in EC2 while it happens, and how long it took."""
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
        print(f"      Done in {self.took:.1f} s", flush=True)

    def _watch(self, started, done):
        """Prints one line for each change to an endpoint."""
        before = self._seen()
        while True:
            last_look = done.wait(0.2)
            try:
                now = self._seen()
            except OSError:
                return  # Interrupted: the simulator has stopped.
            for endpoint in sorted({*before, *now}):
                if before.get(endpoint) != now.get(endpoint):
                    elapsed = time.monotonic() - started
                    print(f"    {elapsed:5.1f} s  EC2: {endpoint} {now.get(endpoint, 'deleted')}", flush=True)
            before = now
            if last_look:
                return

    def _seen(self):
        seen = {}
        for endpoint in self.engine.standing():
            names = holders(endpoint)
            seen[endpoint["id"]] = f"{endpoint['state']}, " + (f"used by {', '.join(names)}" if names else "not used")
            if any(key.startswith("tidb-private-endpoint:leaving:") for key in endpoint["tags"]):
                seen[endpoint["id"]] += ", deletion announced"
        return seen


def expect(stack, status):
    if stack.status != status:
        raise SystemExit(f"The stack {stack.name} is in status {stack.status} instead of {status}: {stack.reason}")
    return stack


def run(engine):
    cloud, story = Cloud(engine.aws, engine.ec2), Story(engine)
    provider, orders = cloud.stack("tidb-private-endpoint"), cloud.stack("orders")
    vpc, without_hostnames = Vpc("provider"), Vpc("no-dns-hostnames")
    template, app = cloud.package(TEMPLATE, provider_zip()), (HERE / "app.yaml").read_text()
    checking = {"CheckSubnetIds": ",".join(vpc.subnets.values()), "CheckSecurityGroupIds": vpc.group}

    def groups():
        made = {group["id"]: f"created by the provider, allows {', '.join(group['allows'])}"
                for group in cloud.own_groups(vpc)}
        (standing,) = engine.standing()
        return {f"SecurityGroup{number}": f"{group} ({made.get(group, 'specified in the template')})"
                for number, group in enumerate(standing["group_ids"], 1)}

    def expect_nothing_left():
        if engine.standing() or cloud.own_groups(vpc, without_hostnames):
            raise SystemExit("An endpoint or a security group was not deleted.")

    key = cloud.secrets.create_secret(Name="tidb-cloud/api-key", SecretString=json.dumps(API_KEY))["ARN"]
    by_cluster = {"VpcId": vpc.id, "ClusterId": CLUSTER["id"], "ApiKeySecretArn": key}
    with story.step("Deploy template.yaml with a VPC, the ID of a TiDB Cloud cluster, and the secret with an API key. The "
                    "provider asks TiDB Cloud's API (here a simulation) for the endpoint service, its zone, and the user "
                    f"prefix. The stack creates the provider, an endpoint in {vpc.id}, and a security group that allows this "
                    "VPC."):
        expect(provider.deploy(template, **by_cluster), "CREATE_COMPLETE")
    show({name: provider.outputs[name] for name in ("EndpointId", "EndpointHost", "EndpointJdbcUrl")} | groups())
    user = f"{CLUSTER['user_prefix']}.root"
    if f"mysql://{provider.outputs['EndpointHost']}:4000/test?user={user}&" not in provider.outputs["EndpointJdbcUrl"]:
        raise SystemExit("The connection string is not that of the cluster.")
    endpoint = provider.outputs["EndpointId"]

    with story.step("Another team deploys the stack `orders` in the same VPC. EC2 allows only one such endpoint in a VPC, so "
                    "the stack joins the existing one. It names the endpoint service instead of a cluster, and needs no API key."):
        expect(orders.deploy(app, VpcId=vpc.id, ServiceName=SERVICE), "CREATE_COMPLETE")
    show(orders.outputs)
    if orders.outputs["EndpointId"] != endpoint:
        raise SystemExit("The stack orders has its own endpoint.")

    with story.step("Update the first stack with a security group of your own. It is added to the endpoint, which also "
                    "keeps the provider's security group, because `orders` relies on it."):
        expect(provider.deploy(template, **by_cluster, SecurityGroupIds=vpc.group), "UPDATE_COMPLETE")
    if provider.outputs["EndpointId"] != endpoint:
        raise SystemExit("The update replaced the endpoint.")
    show(groups())

    with story.step("Remove the endpoint from the first stack. The endpoint stays, because `orders` still uses it, but loses "
                    "the security group of step 3. The provider announces that and waits, because a stack that joins at this "
                    "moment might rely on the group."):
        expect(provider.deploy(template, **checking), "UPDATE_COMPLETE")
    if endpoint not in {one["id"] for one in engine.standing()}:
        raise SystemExit("The endpoint that the stack orders uses was deleted.")

    broken = cloud.stack("no-dns-hostnames")
    with story.step("Delete `orders`, the last user. The provider announces the deletion and, after 30 seconds in which a new "
                    "stack can still join, deletes the endpoint and its security group. (While it waits, step 6 is already "
                    "running.)"):
        broken.begin(app, VpcId=without_hostnames.id, ServiceName=SERVICE)
        expect(orders.delete(), "DELETE_COMPLETE")
    expect_nothing_left()

    with story.step(f"Meanwhile, another stack was deployed in {without_hostnames.id}, where DNS hostnames are off. It fails, "
                    "rolls back, and explains how to fix the problem. (The provider retries for ten seconds, because DNS "
                    "hostnames might just have been turned on.)"):
        expect(broken.wait(), "ROLLBACK_COMPLETE")
    say(f"CREATE_FAILED: {broken.reason}", indent=6)

    # So that the terminal can check the same gateways, they are called `localhost`.
    checked, check = cloud.stack("checked"), (HERE / "check.yaml").read_text()
    port = engine.gateway({"wrong_name": "vpce-0123456789abcdef0.example.com"})
    with story.step("An endpoint that is available proves little. So the next stack also has a connection check, which the "
                    "provider's second function does from the subnets of the applications. Here, the certificate is for "
                    "another name: the stack turns red, and says which layer is wrong."):
        expect(checked.deploy(check, Port=str(port)), "ROLLBACK_COMPLETE")
    say(f"CREATE_FAILED: {checked.reason}", indent=6)
    expect(checked.delete(), "DELETE_COMPLETE")

    checked, port = cloud.stack("checked-again"), engine.gateway()
    with story.step("With the right certificate, the same stack turns green."):
        expect(checked.deploy(check, Port=str(port)), "CREATE_COMPLETE")
    show(checked.outputs)
    say(f"\nThe same check from a terminal: bootstrap check localhost:{port}", indent=3)
    text = subprocess.run([BOOTSTRAP, "check", f"localhost:{port}"], stdout=subprocess.PIPE, text=True,
                          env={"SSL_CERT_FILE": str(engine.authority)}).stdout
    say(text.rstrip(), indent=6)

    with story.step("Delete the remaining stacks."):
        expect(checked.delete(), "DELETE_COMPLETE")
        expect(broken.delete(), "DELETE_COMPLETE")
        expect(provider.delete(), "DELETE_COMPLETE")

    expect_nothing_left()
    violations = engine.report()["violations"]
    if violations:
        raise SystemExit(f"CloudFormation would have rejected these responses: {violations}")
    say(f"\nThe provider handled {len(engine.report()['exchanges'])} events, each with exactly one valid response, and left "
        "no resources behind. The log files are in .run/.")


def main():
    say("This demo runs the actual provider function against a local AWS: ministack simulates CloudFormation and Lambda, and "
        "ec2-sim simulates TiDB Cloud's API and EC2, where endpoints take seconds instead of minutes.")
    try:
        with Engine(world()) as engine:
            run(engine)
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. All processes have been stopped.")


if __name__ == "__main__":
    main()
