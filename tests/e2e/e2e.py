"""End-to-end tests: whole stacks against CloudFormation, the function as a Lambda process, and a simulated EC2.

Each scenario has a VPC of its own and runs in a thread of its own, because the last holder of an endpoint takes half a
minute to leave it. What concerns all of them is checked at the end, over everything that happened.

The answers are watched by strict.py, which also sends the Delete that follows a failed Create, as AWS does.
"""

import json
import sys
import threading
import time
import traceback

from samtranslator.yaml_helper import yaml_parse

import examples
import strict
from engine import ROOT, Engine, holders, http
from scene import (ACCOUNT, OTHER_PRIVATE_NAME, OTHER_SERVICE, PRIVATE_NAME, REGION, REGION_SERVICE, SERVICE, STORIES,
                   Vpc, world)
from stacks import TEMPLATE, Cloud, provider_zip

PROVIDER = "tidb-private-endpoint"
TOKEN = f"{PROVIDER}-ServiceToken"
LOG_GROUP = f"/aws/lambda/{PROVIDER}"
ATTRIBUTES = (
    "EndpointId DnsName PrivateDnsName Host Port ZonalDnsNames DnsEntries HostedZoneId VpcId ServiceName SubnetIds "
    "AvailabilityZoneIds NetworkInterfaceIds SecurityGroupIds IpAddressType CreationTimestamp Reused Ownership SharedWith "
    "Warnings JdbcUrl MysqlCommand"
).split()
#: How the provider is deployed here: with all that is optional about the function.
WATCHED = {"AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms", "Tracing": "Active"}
#: A stack that is not there, for answers that are made up.
STRICT = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/strict/00000000-0000-0000-0000-000000000000"
#: The name of the product's own security group for SERVICE.
OWN_GROUP = "tidb-private-endpoint-vpce-svc-0123456789abcdef0"
#: The argument with which make says that Node.js is not here.
WITHOUT_CDK = "--without-cdk"


class Checks:
    def __init__(self):
        self.passed = self.failed = 0
        self._started, self._lock = time.monotonic(), threading.Lock()

    def check(self, name, holds, seen=""):
        """One line for one check; `seen` is printed if it fails."""
        with self._lock:
            elapsed = time.monotonic() - self._started
            if holds:
                self.passed += 1
                print(f"ok    {elapsed:6.1f} s  {name}", flush=True)
            else:
                self.failed += 1
                print(f"FAIL  {elapsed:6.1f} s  {name}\n      seen: {seen}", flush=True)
        return bool(holds)

    def equal(self, name, seen, expected):
        return self.check(name, seen == expected, f"{seen!r}, not {expected!r}")


def wanted(vpc, service=SERVICE, **more):
    """The properties that every endpoint here has, the product's own security group among them."""
    return {"VpcId": vpc.id, "ServiceName": service, **more}


def given_group(vpc, service=SERVICE, **more):
    """The same with a security group of the VPC's."""
    return wanted(vpc, service, SecurityGroupIds=[vpc.group], **more)


def application(properties, depends_on_it=None):
    """A stack with one resource, every attribute of it as output, and maybe a resource that comes after it."""
    token = {"ServiceToken": {"Fn::ImportValue": TOKEN}, "ServiceTimeout": 900}
    resources = {"TiDB": {"Type": "Custom::TiDBCloudPrivateEndpoint", "Properties": {**token, **properties}}}
    if depends_on_it is not None:
        resources["Later"] = {"Type": "Custom::TiDBCloudPrivateEndpoint", "DependsOn": "TiDB",
                              "Properties": {**token, **depends_on_it}}
    outputs = {name: {"Value": {"Fn::GetAtt": ["TiDB", name]}} for name in ATTRIBUTES}
    return {"Resources": resources, "Outputs": {**outputs, "Ref": {"Value": {"Ref": "TiDB"}}}}


class Run:
    """The scenarios, and what they share."""

    def __init__(self, engine, checks):
        self.engine, self.check, self.equal = engine, checks.check, checks.equal
        self.cloud = Cloud(engine.aws, engine.ec2)
        self.function = provider_zip()
        self.template = self.cloud.package(TEMPLATE, self.function)

    def endpoints(self, vpc):
        return [one for one in self.engine.standing() if one["vpc_id"] == vpc.id]

    def make_by_hand(self, vpc, **more):
        """An endpoint as somebody would make it in the console."""
        http("POST", f"{self.engine.ec2}/_sim/foreign-endpoint", json.dumps({
            "vpc_id": vpc.id, "service_name": SERVICE, "private_dns_enabled": True,
            "subnet_ids": [vpc.subnets["use1-az1"], vpc.subnets["use1-az4"]], **more}).encode())
        (endpoint,) = self.endpoints(vpc)
        return endpoint

    def delete_by_hand(self, endpoint):
        http("POST", f"{self.engine.ec2}/_sim/delete-endpoint", json.dumps({"id": endpoint["id"]}).encode())

    def exchanges(self, stack):
        return [one for one in self.engine.report()["exchanges"] if one["event"]["StackId"] == stack.id]

    def request_types(self, stack):
        return [one["event"]["RequestType"] for one in self.exchanges(stack)]

    def deployed(self, name, stack, template, status="CREATE_COMPLETE", **parameters):
        seen = stack.deploy(template, **parameters).status
        self.check(name, seen == status, f"{seen}, not {status}: {stack.reason}")

    def gone(self, name, stack, vpc):
        self.equal(f"{name}: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        self.equal(f"{name}: and the endpoint with it", self.endpoints(vpc), [])
        self.equal(f"{name}: and its security group, if it had one of the product's", self.cloud.own_groups(vpc), [])

    # The provider's own stack comes first: the others import its service token.

    def provider(self):
        self.vpc, self.stack = Vpc("provider"), self.cloud.stack(PROVIDER)
        self.deployed("provider: one command deploys function and endpoint", self.stack, self.template,
                      VpcId=self.vpc.id, ServiceName=SERVICE, **WATCHED)
        outputs, (endpoint,), (group,) = self.stack.outputs, self.endpoints(self.vpc), self.cloud.own_groups(self.vpc)
        self.equal("provider: the endpoint's id is an output", outputs["EndpointId"], endpoint["id"])
        self.equal("provider: the host is the private name", outputs["EndpointHost"], PRIVATE_NAME)
        self.check("provider: the DNS name is the endpoint's own", outputs["EndpointDnsName"].startswith(endpoint["id"]),
                   outputs)
        self.equal("provider: the service token is exported", self.cloud.exports().get(TOKEN), outputs["ServiceToken"])
        self.equal("provider: the endpoint says who uses it", holders(endpoint), [f"{PROVIDER}/Endpoint"])
        self.equal("provider: it has a group that lets the VPC in", (endpoint["group_ids"], group["opens"]),
                   ([group["id"]], [f"tcp 4000 for {self.vpc.cidr}"]))
        self.equal("provider: a topic is told of failed events and of failed runs",
                   {(one["Namespace"], one["MetricName"], *one["AlarmActions"]) for one in self.cloud.alarms()},
                   {(namespace, name, WATCHED["AlarmTopicArn"])
                    for namespace, name in (("TiDBPrivateEndpoint", "Failures"), ("AWS/Lambda", "Errors"))})
        self.equal("provider: runs are traced, repeated if they fail, and forgotten after an hour",
                   self.cloud.function(self.stack.physical_id("Function")),
                   {"Tracing": "Active", "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2})

    def provider_changes(self):
        self.deployed("provider: it is given a security group", self.stack, self.template, "UPDATE_COMPLETE",
                      VpcId=self.vpc.id, ServiceName=SERVICE, SecurityGroupIds=self.vpc.other_group, **WATCHED)
        (endpoint,) = self.endpoints(self.vpc)
        self.equal("provider: it is the same endpoint", self.stack.outputs["EndpointId"], endpoint["id"])
        self.equal("provider: with that group only", endpoint["group_ids"], [self.vpc.other_group])
        self.equal("provider: and the one that was made for it is gone", self.cloud.own_groups(self.vpc), [])
        self.deployed("provider: without VPC and service it keeps the function only", self.stack, self.template,
                      "UPDATE_COMPLETE", **WATCHED)
        self.equal("provider: and the endpoint is gone", self.endpoints(self.vpc), [])
        self.equal("provider: the token is still exported", self.cloud.exports().get(TOKEN),
                   self.stack.outputs["ServiceToken"])

    # The rest run side by side.

    def share(self):
        vpc, stacks = Vpc("share"), [self.cloud.stack("left"), self.cloud.stack("right")]
        template = application(given_group(vpc))
        failures = together([lambda stack=stack: stack.deploy(template) for stack in stacks])
        self.check("share: two stacks deployed at once are both complete",
                   [stack.status for stack in stacks] == ["CREATE_COMPLETE"] * 2,
                   failures or [(stack.status, stack.reason) for stack in stacks])
        (endpoint,) = self.endpoints(vpc)
        self.equal("share: both use one endpoint", [stack.outputs["Ref"] for stack in stacks], [endpoint["id"]] * 2)
        self.equal("share: one of them made it", sorted(stack.outputs["Reused"] for stack in stacks), ["false", "true"])
        self.equal("share: the endpoint names both", holders(endpoint), ["left/TiDB", "right/TiDB"])
        self.equal("share: the first leaves", stacks[0].delete().status, "DELETE_COMPLETE")
        self.equal("share: the endpoint stays for the second",
                   [(one["id"], one["state"], holders(one)) for one in self.endpoints(vpc)],
                   [(endpoint["id"], "available", ["right/TiDB"])])
        self.gone("share: the last leaves", stacks[1], vpc)

    def attributes_and_tags(self):
        vpc, stack = Vpc("tags"), self.cloud.stack("tags")
        team = [{"Key": "team", "Value": "orders"}, {"Key": "stage", "Value": "test"}]
        template = application(given_group(vpc, Tags=team))
        self.deployed("tags: created", stack, template)
        (endpoint,), outputs = self.endpoints(vpc), stack.outputs
        user_tags = lambda one: {k: v for k, v in one["tags"].items() if not k.startswith(f"{PROVIDER}:")}
        self.equal("tags: the endpoint carries them", user_tags(endpoint), {"team": "orders", "stage": "test"})
        (answer,) = [one["answer"] for one in self.exchanges(stack)]
        self.equal("attributes: the answer has all of them and no other", sorted(answer["Data"]), sorted(ATTRIBUTES))
        expected = {"EndpointId": endpoint["id"], "Ref": endpoint["id"], "VpcId": vpc.id, "ServiceName": SERVICE,
                  "Host": PRIVATE_NAME, "PrivateDnsName": PRIVATE_NAME, "Port": "4000", "Reused": "false",
                  "Ownership": "Owned", "SharedWith": "0", "Warnings": "", "SecurityGroupIds": vpc.group,
                  "AvailabilityZoneIds": "use1-az1,use1-az4"}
        self.equal("attributes: they say what is there", {name: outputs.get(name) for name in expected}, expected)
        self.equal("attributes: one subnet in every zone that the service serves",
                   sorted(outputs["SubnetIds"].split(",")), sorted([vpc.subnets["use1-az1"], vpc.subnets["use1-az4"]]))
        self.check("attributes: JDBC URL and mysql command name host and port",
                   all(PRIVATE_NAME in outputs[name] and "4000" in outputs[name] for name in ("JdbcUrl", "MysqlCommand")),
                   outputs)
        template = application(given_group(vpc, Tags=[{"Key": "team", "Value": "billing"}]))
        self.deployed("tags: updated", stack, template, "UPDATE_COMPLETE")
        self.equal("tags: in place", [(one["id"], user_tags(one)) for one in self.endpoints(vpc)],
                   [(endpoint["id"], {"team": "billing"})])
        self.gone("tags", stack, vpc)

    def failed_update(self):
        vpc, stack = Vpc("update"), self.cloud.stack("update")
        first = vpc.subnets["use1-az1"]
        template = application(wanted(vpc, SubnetIds=[first]))
        self.deployed("update: created in one zone", stack, template)
        (before,) = self.endpoints(vpc)
        self.deployed("update: a second zone is added", stack, application(
            wanted(vpc, SubnetIds=sorted([first, vpc.subnets["use1-az4"]]))), "UPDATE_COMPLETE")
        (wider,) = self.endpoints(vpc)
        self.equal("update: in place", (wider["id"], sorted(wider["subnet_ids"])),
                   (before["id"], sorted([first, vpc.subnets["use1-az4"]])))
        self.equal("update: the outputs follow", stack.outputs["AvailabilityZoneIds"], "use1-az1,use1-az4")
        # A zone that the service does not serve: refused, and CloudFormation goes back to what was.
        self.deployed("update: a zone that the service does not serve is refused", stack, application(
            wanted(vpc, SubnetIds=[vpc.subnets["use1-az2"]])), "UPDATE_ROLLBACK_COMPLETE")
        self.check("update: the reason names both lists of zones",
                   "use1-az2" in stack.reason and "use1-az1" in stack.reason and "use1-az4" in stack.reason, stack.reason)
        self.equal("update: nothing has changed", self.endpoints(vpc), [wider])
        self.gone("update", stack, vpc)

    def other_service(self):
        vpc, stack = Vpc("service"), self.cloud.stack("service")
        self.deployed("other service: created", stack, application(wanted(vpc)))
        old = stack.outputs["Ref"]
        self.deployed("other service: updated", stack, application(wanted(vpc, OTHER_SERVICE)),
                      "UPDATE_COMPLETE")
        self.check("other service: it is another endpoint", stack.outputs["Ref"] != old, old)
        self.equal("other service: of that service, and the old one is gone",
                   [(one["id"], one["service_name"]) for one in self.endpoints(vpc)],
                   [(stack.outputs["Ref"], OTHER_SERVICE)])
        self.equal("other service: the host is its private name", stack.outputs["Host"], OTHER_PRIVATE_NAME)
        self.equal("other service: the old one was left by a Delete", self.request_types(stack),
                   ["Create", "Update", "Delete"])
        self.gone("other service", stack, vpc)

    def other_vpc(self):
        old, new, stack = Vpc("from"), Vpc("to"), self.cloud.stack("move")
        self.deployed("other VPC: created", stack, application(wanted(old)))
        self.deployed("other VPC: updated", stack, application(wanted(new)), "UPDATE_COMPLETE")
        self.equal("other VPC: the old endpoint is gone", self.endpoints(old), [])
        self.equal("other VPC: the new one is there", [one["id"] for one in self.endpoints(new)],
                   [stack.outputs["Ref"]])
        self.gone("other VPC", stack, new)

    def foreign(self):
        """An endpoint that somebody made by hand is used as it is, and left as it was."""
        vpc, stack = Vpc("foreign"), self.cloud.stack("foreign")
        before = self.make_by_hand(vpc, group_ids=[vpc.group], tags={"made": "by hand"})
        self.deployed("foreign: created", stack, application(wanted(vpc)))
        expected = {"Ref": before["id"], "Reused": "true", "Ownership": "Foreign", "Warnings": ""}
        self.equal("foreign: joined, and nothing to warn of", {name: stack.outputs.get(name) for name in expected},
                   expected)
        self.equal("foreign: it says who uses it", holders(self.endpoints(vpc)[0]), ["foreign/TiDB"])
        self.equal("foreign: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        self.equal("foreign: the endpoint is as it was", self.endpoints(vpc), [before])
        # The role allows no more than this on an endpoint without the owned mark.
        calls = [call for call in self.engine.calls()
                 if before["id"] in call["params"].values() and not call["action"].startswith("Describe")]
        keys = [value for call in calls for name, value in call["params"].items() if name.endswith(".Key")]
        self.equal("foreign: it was not changed but for its tags", {call["action"] for call in calls},
                   {"CreateTags", "DeleteTags"})
        self.check("foreign: and of these only for references",
                   keys and all(key.startswith("tidb-private-endpoint:ref:") for key in keys), keys)
        self.delete_by_hand(before)

    def own_group(self):
        """Stacks that name no security group share one that the product makes, and it goes with the last of them."""
        vpc, shop, reports = Vpc("own-group"), self.cloud.stack("shop"), self.cloud.stack("reports")
        rule = lambda blocks: [f"tcp 4000 for {block}" for block in blocks]
        shop_block, reports_block = f"{vpc.block}.1.0/24", f"{vpc.block}.2.0/24"
        failures = together([lambda stack=stack: stack.deploy(application(wanted(vpc))) for stack in (shop, reports)])
        self.check("own group: two stacks deployed at once are both complete",
                   [stack.status for stack in (shop, reports)] == ["CREATE_COMPLETE"] * 2,
                   failures or [(stack.status, stack.reason) for stack in (shop, reports)])
        (endpoint,), (group,) = self.endpoints(vpc), self.cloud.own_groups(vpc)
        self.equal("own group: there is one, named after the service", (group["name"], endpoint["group_ids"]),
                   (OWN_GROUP, [group["id"]]))
        self.equal("own group: it carries the owned mark", list(group["tags"]), [f"{PROVIDER}:owned"])
        self.equal("own group: it lets the VPC in on port 4000", group["opens"], rule([vpc.cidr]))
        self.equal("own group: both stacks name it and warn of nothing",
                   [(stack.outputs["SecurityGroupIds"], stack.outputs["Warnings"]) for stack in (shop, reports)],
                   [(group["id"], "")] * 2)
        self.deployed("own group: one stack names its clients", shop, application(
            wanted(vpc, AllowedCidrs=[shop_block])), "UPDATE_COMPLETE")
        self.equal("own group: they are let in, and nobody is shut out while it is shared",
                   self.cloud.own_groups(vpc), [{**group, "opens": rule([vpc.cidr, shop_block])}])
        self.equal("own group: that stack is deleted", shop.delete().status, "DELETE_COMPLETE")
        self.equal("own group: it stays with the endpoint",
                   ([one["id"] for one in self.endpoints(vpc)], [one["id"] for one in self.cloud.own_groups(vpc)]),
                   ([endpoint["id"]], [group["id"]]))
        self.deployed("own group: the other names its own", reports, application(
            wanted(vpc, AllowedCidrs=[reports_block])), "UPDATE_COMPLETE")
        self.equal("own group: now it lets in these and nobody else", self.cloud.own_groups(vpc),
                   [{**group, "opens": rule([reports_block])}])
        self.gone("own group", reports, vpc)

    def closed(self):
        """An endpoint made by hand whose group lets nobody reach the database: it is joined, and the way in is told."""
        vpc, stack = Vpc("closed"), self.cloud.stack("closed")
        before = self.make_by_hand(vpc, group_ids=[vpc.closed_group])
        self.deployed("closed port: created all the same", stack, application(wanted(vpc)))
        command = (f"aws ec2 authorize-security-group-ingress --group-id {vpc.closed_group} --protocol tcp --port 4000 "
                   f"--cidr {vpc.cidr}")
        warnings = stack.outputs["Warnings"]
        self.check("closed port: the warning names group, clients and port", f"No rule of {vpc.closed_group} lets "
                   f"{vpc.cidr} reach TCP 4000" in warnings, warnings)
        self.check("closed port: and the command that opens it", command in warnings, warnings)
        self.equal("closed port: no group was made", self.cloud.own_groups(vpc), [])
        self.equal("closed port: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        self.equal("closed port: the endpoint is as it was", self.endpoints(vpc), [before])
        self.delete_by_hand(before)

    def region(self):
        """With ReuseScope Region a stack joins another VPC's endpoint, and is told what that needs."""
        near, far = Vpc("near"), Vpc("far")
        owner, guest = self.cloud.stack("far"), self.cloud.stack("near")
        self.deployed("region: an endpoint in one VPC", owner, application(wanted(far, REGION_SERVICE)))
        (endpoint,) = self.endpoints(far)
        self.deployed("region: a stack of another VPC", guest, application(
            wanted(near, REGION_SERVICE, ReuseScope="Region")))
        expected = {"Ref": endpoint["id"], "Reused": "true", "VpcId": far.id, "SharedWith": "1"}
        self.equal("region: joins it", {name: guest.outputs.get(name) for name in expected}, expected)
        warnings = guest.outputs["Warnings"]
        self.check("region: the warning names endpoint and VPC", f"{endpoint['id']} is in the VPC {far.id}" in warnings,
                   warnings)
        self.check("region: and says that its group keeps the other VPC out",
                   f"lets {near.cidr} reach TCP 4000" in warnings, warnings)
        self.equal("region: nothing was made in the other VPC", (self.endpoints(near), self.cloud.own_groups(near)),
                   ([], []))
        self.equal("region: the guest is deleted", guest.delete().status, "DELETE_COMPLETE")
        self.equal("region: the endpoint stays for its owner",
                   [(one["id"], holders(one)) for one in self.endpoints(far)], [(endpoint["id"], ["far/TiDB"])])
        self.gone("region", owner, far)

    def rollback(self):
        vpc, stack = Vpc("rollback"), self.cloud.stack("rollback")
        self.deployed("rollback: a later resource fails", stack,
                      application(wanted(vpc), depends_on_it={"Nonsense": "1"}),
                      "ROLLBACK_COMPLETE")
        self.equal("rollback: the endpoint is gone, and its group", (self.endpoints(vpc), self.cloud.own_groups(vpc)),
                   ([], []))
        self.equal("rollback: the failed Create was followed by its Delete", sorted(self.request_types(stack)),
                   ["Create", "Create", "Delete", "Delete"])
        self.equal("rollback: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")

    def bad_properties(self):
        stack = self.cloud.stack("bad-properties")
        self.deployed("bad properties: refused", stack, application(
            {"VpcId": "vpc-zzz", "ServicName": SERVICE, "Port": "70000", "PrivateDnsEnabled": "perhaps"}),
            "ROLLBACK_COMPLETE")
        for word in ("VpcId", "vpc-zzz", "ServicName", "ServiceName", "Port", "70000", "PrivateDnsEnabled", "perhaps"):
            self.check(f"bad properties: the reason names {word}", word in stack.reason, stack.reason)
        answers = [one["answer"] for one in self.exchanges(stack)]
        self.check("bad properties: the physical id tells the Delete that there is nothing to look for",
                   all(one["PhysicalResourceId"].startswith("nothing-made-") for one in answers), answers)
        self.equal("bad properties: the Delete that follows succeeds", [one["Status"] for one in answers],
                   ["FAILED", "SUCCESS"])
        self.equal("bad properties: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")

    def dns_hostnames(self):
        vpc, stack = Vpc("no-dns-hostnames"), self.cloud.stack("no-dns-hostnames")
        self.deployed("DNS hostnames off: refused", stack, application(wanted(vpc)),
                      "ROLLBACK_COMPLETE")
        self.check("DNS hostnames off: the reason holds the command that turns them on",
                   "modify-vpc-attribute" in stack.reason and "enable-dns-hostnames" in stack.reason
                   and vpc.id in stack.reason, stack.reason)
        self.equal("DNS hostnames off: nothing was made", (self.endpoints(vpc), self.cloud.own_groups(vpc)), ([], []))
        self.equal("DNS hostnames off: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")

    # What must hold over everything.

    def strict_answers(self):
        """The watch over the answers sees every fault that it is there for. Leaves the violations that it provoked."""
        event = {"RequestType": "Create", "StackId": STRICT, "RequestId": "r", "LogicalResourceId": "L"}
        good = {"Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": STRICT, "RequestId": "r",
                "LogicalResourceId": "L"}

        def put(answer, method="PUT", headers=None, alter=lambda url: url, times=1):
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            _, issued = http("POST", f"{self.engine.aws}/_strict/issue", json.dumps(event).encode())
            url = alter(json.loads(issued)["ResponseURL"])
            # Without the empty content type urllib would send one of its own.
            return [http(method, url, body, headers or {"Content-Type": ""})[0] for _ in range(times)][-1]

        def padded(size):
            answer = {**good, "Data": {"padding": ""}}
            answer["Data"]["padding"] = "x" * (size - len(json.dumps(answer)))
            return answer

        self.equal("strict: an answer of 4,096 bytes passes", put(padded(4096)), 200)
        passed = len(self.engine.report()["violations"])
        self.equal("strict: and is no violation", passed, 0)
        refused = {
            "one of 4,097 bytes": put(padded(4097)),
            "one of 5 KB": put(padded(5 * 1024)),
            "an empty one": put(b""),
            "one that is not JSON": put(b"SUCCESS"),
            "one with a content type": put(good, headers={"Content-Type": "application/json"}),
            "a POST": put(good, method="POST"),
            "a decoded URL": put(good, alter=lambda url: url.replace("%3A", ":")),
            "a URL without its signature": put(good, alter=lambda url: url.split("&X-Amz-Signature")[0]),
            "a second one": put(good, times=2),
            "Status Success": put({**good, "Status": "Success"}),
            "FAILED without a reason": put({**good, "Status": "FAILED"}),
            "another StackId": put({**good, "StackId": "other"}),
            "another RequestId": put({**good, "RequestId": "other"}),
            "another LogicalResourceId": put({**good, "LogicalResourceId": "other"}),
            "an empty PhysicalResourceId": put({**good, "PhysicalResourceId": ""}),
            "a long PhysicalResourceId": put({**good, "PhysicalResourceId": "p" * 1025}),
            "a list in Data": put({**good, "Data": {"SubnetIds": []}}),
        }
        for name, status in refused.items():
            self.check(f"strict: {name} is refused", status in (400, 403), status)
        self.provoked = len(self.engine.report()["violations"])
        self.equal("strict: and each was counted", self.provoked, len(refused))

    def everything_answered(self):
        report = self.engine.report()
        violations = report["violations"][self.provoked:]
        self.equal("answers: CloudFormation would refuse none", violations, [])
        exchanges = [one for one in report["exchanges"] if one["event"]["StackId"] != STRICT]
        self.check(f"answers: each of {len(exchanges)} events has one",
                   exchanges and all(one["answer"] for one in exchanges),
                   [one["event"] for one in exchanges if not one["answer"]])
        self.check(f"answers: the longest has {max(one['bytes'] for one in exchanges)} bytes",
                   max(one["bytes"] for one in exchanges) <= strict.MAX_BODY)

    def logs(self):
        token = self.stack.outputs["ServiceToken"]
        exchanges = [one for one in self.engine.report()["exchanges"]
                     if one["event"].get("ResourceProperties", {}).get("ServiceToken") == token]
        self.logs_of("logs", LOG_GROUP, self.stack.physical_id("Function"), exchanges)

    def logs_of(self, name, group, function, exchanges):
        """What a provider's function wrote about these events, all that it had."""
        requests = {one["event"]["RequestId"]: (one["event"], one["answer"]) for one in exchanges}
        lines = self.cloud.log_lines(group)
        if not self.check(f"{name}: there are some in the function's own group", lines, lines):
            return
        leaks = [line for line in lines for secret in ("X-Amz-", strict.URL_PREFIX, strict.CREDENTIAL_MARK)
                 if secret.lower() in line.lower()]
        self.equal(f"{name}: no response URL and no credential", leaks, [])
        records, others = [], []
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                others.append(line)
        self.equal(f"{name}: each of {len(lines)} lines is JSON", others, [])
        # What the event is, is under `span`; what happens in it, at the top.
        of_events = {request: [] for request in requests}
        strangers = []
        for record in records:
            span = record.get("span", {})
            of_events.get(span.get("request_id"), strangers).append(record)
        self.equal(f"{name}: every line belongs to an event", strangers, [])
        self.equal(f"{name}: every event can be found by its request id",
                   [request for request, its in of_events.items() if not its], [])
        told = {tuple(record["span"].get(name) for name in ("request_id", "request_type", "stack", "logical_id"))
                for its in of_events.values() for record in its}
        self.equal(f"{name}: their lines say stack, logical id and request type", told,
                   {(request, event["RequestType"], event["StackId"], event["LogicalResourceId"])
                    for request, (event, _) in requests.items()})
        counted = {request: [record for record in its if "_aws" in record] for request, its in of_events.items()}
        of_events = {request: [record for record in its if "_aws" not in record] for request, its in of_events.items()}
        self.equal(f"{name}: every line has a step or an outcome, and a message",
                   [record for its in of_events.values() for record in its
                    if not (("step" in record or "outcome" in record) and record.get("message"))], [])
        named = {request for request, its in of_events.items()
                 if any(record.get("endpoint_id", "").startswith("vpce-") for record in its)}
        succeeded = {request for request, (event, answer) in requests.items()
                     if event["RequestType"] != "Delete" and answer["Status"] == "SUCCESS"}
        self.equal(f"{name}: every event that got an endpoint has a line that names it", succeeded - named, set())
        self.equal(f"{name}: every event has one line with its outcome",
                   {request for request, its in of_events.items() if sum("outcome" in record for record in its) != 1},
                   set())
        self.equal(f"{name}: metrics: every event is counted once", {request for request, its in counted.items() if len(its) != 1},
                   set())
        counted = {request: its[0] for request, its in counted.items() if its}
        self.equal(f"{name}: metrics: as a failure if it failed, and by its outcome",
                   {request: (record["Events"], record["Failures"], record["Outcome"])
                    for request, record in counted.items()},
                   {request: (1, int(requests[request][1]["Status"] == "FAILED"), its["outcome"])
                    for request, records in of_events.items() for its in records if "outcome" in its})
        self.equal(f"{name}: metrics: every event that got an endpoint has asked EC2 for it",
                   {request for request in succeeded if counted[request]["Ec2Calls"] == 0}, set())
        self.equal(f"{name}: metrics: they are those of the function", {record["FunctionName"] for record in counted.values()},
                   {function})

    def permissions(self):
        """Every EC2 action that was called is in the function's role, and the role has none that is never called."""
        policy = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["Role"]["Properties"]["Policies"]
        calls = [call for call in self.engine.calls() if strict.CREDENTIAL_MARK in call["caller"]]
        for action in ("CreateVpcEndpoint", "CreateSecurityGroup"):
            creates = [call["params"] for call in calls if call["action"] == action]
            self.check(f"permissions: every {action} was with the owned mark, as the role demands",
                       creates and all(f"{PROVIDER}:owned" in params.values() for params in creates), creates)
        others = {group for vpc in map(Vpc, STORIES) for group in (vpc.group, vpc.other_group, vpc.closed_group)}
        changed = {call["params"].get("GroupId") for call in calls if call["action"] in (
            "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress", "DeleteSecurityGroup")}
        self.check("permissions: nobody else's group was to be changed, which the role denies",
                   changed and not changed & others, changed & others)
        allowed = {action for document in policy if "PolicyDocument" in document
                   for statement in document["PolicyDocument"]["Statement"]
                   for action in as_list(statement["Action"]) if action.startswith("ec2:")}
        called = {f"ec2:{call['action']}" for call in calls}
        self.equal("permissions: the role has every action that was called", called - allowed, set())
        self.equal("permissions: and no other", allowed - called, set())

    def nothing_left(self):
        deadline = time.monotonic() + 20  # the endpoints that were deleted by hand
        while self.engine.standing() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.equal("end: the provider's stack is deleted", self.stack.delete().status, "DELETE_COMPLETE")
        self.equal("end: no endpoint is left", self.engine.standing(), [])
        self.equal("end: and no group of the product's", self.cloud.own_groups(*map(Vpc, STORIES)), [])
        self.equal("end: EC2 saw nothing that a careful client would not do", self.engine.unrecognized_requests(), [])


def as_list(value):
    return value if isinstance(value, list) else [value]


def together(works):
    """Runs them at the same time. The threads do not hold up an interrupted program."""
    failures = []

    def guarded(work):
        try:
            work()
        except Exception:  # whatever it is, it has to show in the result
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def attempt(checks, works):
    for failure in together(works):
        checks.check("a scenario ran to its end", False, failure)


def stories(run, checks):
    attempt(checks, [run.provider])
    attempt(checks, [run.provider_changes, run.share, run.attributes_and_tags, run.failed_update, run.other_service,
                     run.other_vpc, run.foreign, run.own_group, run.closed, run.region, run.rollback,
                     run.bad_properties, run.dns_hostnames, lambda: examples.cloudformation(run),
                     lambda: examples.sam(run)])


def main():
    checks = Checks()
    engine = Engine(world())
    try:
        with engine:
            run = Run(engine, checks)
            attempt(checks, [run.strict_answers])
            # The constructs bring a provider of their own, and take longest to begin.
            with_cdk = [] if WITHOUT_CDK in sys.argv else [lambda: examples.constructs(run)]
            attempt(checks, [lambda: stories(run, checks), *with_cdk])
            if not with_cdk:
                print("skipped: the CDK examples, because Node.js 20.16 or newer is not here")
            for last in (run.everything_answered, run.logs, run.permissions, run.nothing_left):
                attempt(checks, [last])
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; nothing is left running")
    checks.equal("end: no process is left", engine.leftovers(), [])
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
