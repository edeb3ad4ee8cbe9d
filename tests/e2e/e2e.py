"""End-to-end tests: stacks on a local CloudFormation, with the function as a Lambda process and a simulated EC2.

Each scenario has its own VPC and its own thread, because deleting an endpoint takes half a minute. What applies to all
scenarios is checked at the end.

strict.py validates the responses. It also sends the Delete request that follows a failed Create, as AWS does.
"""

import json
import re
import sys
import threading
import time
import traceback

from samtranslator.yaml_helper import yaml_parse

import examples
import organization
import strict
from engine import BOOTSTRAP, ROOT, Engine, holders, http
from scene import (ACCOUNT, API_KEY, CLUSTER, CLUSTER_ELSEWHERE, CLUSTER_TOO, OTHER_PRIVATE_NAME, OTHER_SERVICE,
                   PRIVATE_NAME, REGION, REGION_SERVICE, SERVICE, STORIES,
                   Vpc, world)
from shell import Shell, blocks
from stacks import TEMPLATE, Cloud, provider_zip, zipped

PROVIDER = "tidb-private-endpoint"
TOKEN = f"{PROVIDER}-ServiceToken"
ATTRIBUTES = (
    "EndpointId DnsName PrivateDnsName Host Port ZonalDnsNames DnsEntries HostedZoneId VpcId ServiceName SubnetIds "
    "AvailabilityZoneIds NetworkInterfaceIds SecurityGroupIds IpAddressType CreationTimestamp Reused Ownership SharedWith "
    "Warnings UserPrefix UserName JdbcUrl MysqlCommand MariaDbCommand OwnSecurityGroupId"
).split()
#: The parameters of the provider, which turn on all optional features of the function.
WATCHED = {"AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms", "StatusSchedule": "rate(1 day)", "Tracing": "Active"}
CHECK_TOKEN = f"{PROVIDER}-CheckServiceToken"
CHECK_ATTRIBUTES = ("Reachable Report Addresses ConnectMilliseconds TlsVersion CertificateIssuer CertificateExpires "
                    "ServerVersion").split()
#: A stack that does not exist, for testing responses.
STRICT = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/strict/00000000-0000-0000-0000-000000000000"
#: The name of the provider's security group for SERVICE.
OWN_GROUP = "tidb-private-endpoint-vpce-svc-0123456789abcdef0"
#: The argument that make passes if Node.js is not installed.
WITHOUT_CDK = "--without-cdk"


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, []
        self._started, self._lock = time.monotonic(), threading.Lock()

    def check(self, name, holds, seen=""):
        """Prints one line for a check, and `seen` if it fails."""
        with self._lock:
            elapsed = time.monotonic() - self._started
            if holds:
                self.passed += 1
                print(f"ok    {elapsed:6.1f} s  {name}", flush=True)
            else:
                self.failed.append(name)
                print(f"FAIL  {elapsed:6.1f} s  {name}\n      seen: {seen}", flush=True)
        return bool(holds)

    def equal(self, name, seen, expected):
        return self.check(name, seen == expected, f"{seen!r}, expected {expected!r}")


def wanted(vpc, service=SERVICE, **more):
    """The required properties. The endpoint gets the provider's security group."""
    return {"VpcId": vpc.id, "ServiceName": service, **more}


def given_group(vpc, service=SERVICE, **more):
    """The same properties with a security group of the VPC."""
    return wanted(vpc, service, SecurityGroupIds=[vpc.group], **more)


def application(properties, depends_on_it=None):
    """A template with one resource, its attributes as outputs, and optionally a resource that depends on it."""
    token = {"ServiceToken": {"Fn::ImportValue": TOKEN}, "ServiceTimeout": 900}
    resources = {"TiDB": {"Type": "Custom::TiDBCloudPrivateEndpoint", "Properties": {**token, **properties}}}
    if depends_on_it is not None:
        resources["Later"] = {"Type": "Custom::TiDBCloudPrivateEndpoint", "DependsOn": "TiDB",
                              "Properties": {**token, **depends_on_it}}
    outputs = {name: {"Value": {"Fn::GetAtt": ["TiDB", name]}} for name in ATTRIBUTES}
    return {"Resources": resources, "Outputs": {**outputs, "Ref": {"Value": {"Ref": "TiDB"}}}}


def connection(port, export=CHECK_TOKEN, **more):
    """A template with a connection check, and its attributes as outputs."""
    properties = {"ServiceToken": {"Fn::ImportValue": export}, "ServiceTimeout": 300, "Host": "localhost", "Port": port,
                  "TimeoutSeconds": 1, **more}
    return {"Resources": {"Check": {"Type": "Custom::TiDBCloudConnectionCheck", "Properties": properties}},
            "Outputs": {name: {"Value": {"Fn::GetAtt": ["Check", name]}} for name in CHECK_ATTRIBUTES}}


class Guide:
    """The commands in docs/asking.md, with the IDs of a scenario instead of those in the guide."""

    def __init__(self, shell, vpc):
        self.shell, self.vpc, self.endpoint, self.holder = shell, vpc, None, None
        (how_to_ask,) = blocks("docs/asking.md", "## How to ask")
        self._setup, self._about_the_region = how_to_ask.rsplit("\n", 1)

    def ask(self, command):
        """Runs a command after those of "How to ask". Returns the answer, and what the shell prints."""
        for pattern, given in ((r"\bvpc-[0-9a-f]{17}\b", self.vpc.id), (r"\bvpce-[0-9a-f]{17}\b", self.endpoint),
                               (r'(?<="Holder":")[0-9a-f]{24}\b', self.holder)):
            command = re.sub(pattern, given or r"\g<0>", command)
        printed = self.shell.run(self._setup, command)
        return self.shell.answer(), printed

    def ask_about_the_region(self):
        return self.ask(self._about_the_region)

    def follow(self, heading):
        (command,) = blocks("docs/asking.md", heading)
        return self.ask(command)

    def mend(self, text):
        """Runs the commands that Status prints, as they are."""
        self.shell.run(text.split("\nTo fix this\n\n")[1])
        return self.shell.answer()

    @staticmethod
    def holders(status):
        return [(one["EndpointId"], [(holder["Stack"], holder["StackExists"]) for holder in one["Holders"]])
                for one in status["Endpoints"]]


class Run:
    """The scenarios and their shared state."""

    def __init__(self, engine, checks):
        self.engine, self.check, self.equal, self.together = engine, checks.check, checks.equal, together
        self.cloud = Cloud(engine.aws, engine.ec2)
        self.function = provider_zip()
        self.template = self.cloud.package(TEMPLATE, self.function)

    def endpoints(self, vpc):
        return [one for one in self.engine.standing() if one["vpc_id"] == vpc.id]

    def create_foreign(self, vpc, **more):
        """Creates an endpoint as a user would in the console."""
        http("POST", f"{self.engine.ec2}/_sim/foreign-endpoint", json.dumps({
            "vpc_id": vpc.id, "service_name": SERVICE, "private_dns_enabled": True,
            "subnet_ids": [vpc.subnets["use1-az1"], vpc.subnets["use1-az4"]], **more}).encode())
        (endpoint,) = self.endpoints(vpc)
        return endpoint

    def delete_foreign(self, endpoint):
        http("POST", f"{self.engine.ec2}/_sim/delete-endpoint", json.dumps({"id": endpoint["id"]}).encode())

    def exchanges(self, stack):
        return [one for one in self.engine.report()["exchanges"] if one["event"]["StackId"] == stack.id]

    def request_types(self, stack):
        return [one["event"]["RequestType"] for one in self.exchanges(stack)]

    def deployed(self, name, stack, template, status="CREATE_COMPLETE", **parameters):
        seen = stack.deploy(template, **parameters).status
        self.check(name, seen == status, f"{seen}, expected {status}: {stack.reason}")

    def gone(self, name, stack, vpc):
        self.equal(f"{name}: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        self.equal(f"{name}: the endpoint is deleted", self.endpoints(vpc), [])
        self.equal(f"{name}: the provider's security group, if any, is deleted", self.cloud.own_groups(vpc), [])

    # The provider's stack comes first, because the others import its service token.

    def provider(self):
        self.vpc, self.stack = Vpc("provider"), self.cloud.stack(PROVIDER)
        self.checked = {"CheckSubnetIds": ",".join(self.vpc.subnets.values()), "CheckSecurityGroupIds": self.vpc.group,
                        **WATCHED}
        self.deployed("provider: the stack with the functions and an endpoint is created", self.stack, self.template,
                      VpcId=self.vpc.id, ServiceName=SERVICE, CheckSchedule="rate(5 minutes)", **self.checked)
        outputs, (endpoint,), (group,) = self.stack.outputs, self.endpoints(self.vpc), self.cloud.own_groups(self.vpc)
        self.log_group, self.check_log_group = outputs["LogGroupName"], outputs["CheckLogGroupName"]
        self.equal("provider: an output has the endpoint ID", outputs["EndpointId"], endpoint["id"])
        self.equal("provider: the host is the private DNS name", outputs["EndpointHost"], PRIVATE_NAME)
        self.check("provider: the DNS name is that of the endpoint", outputs["EndpointDnsName"].startswith(endpoint["id"]),
                   outputs)
        self.equal("provider: the service token is exported", self.cloud.exports().get(TOKEN), outputs["ServiceToken"])
        self.equal("provider: the endpoint has the reference", holders(endpoint), [f"{PROVIDER}/Endpoint"])
        self.equal("provider: its security group allows the VPC", (endpoint["group_ids"], group["allows"]),
                   ([group["id"]], [f"TCP 4000 from {self.vpc.cidr}"]))
        self.equal("provider: alarms notify a topic of failed events, failed invocations, and what is left over",
                   {(one["Namespace"], one["MetricName"], *one["AlarmActions"]) for one in self.cloud.alarms()},
                   {(namespace, name, WATCHED["AlarmTopicArn"])
                    for namespace, name in (("TiDBPrivateEndpoint", "Failures"), ("AWS/Lambda", "Errors"),
                                            ("TiDBPrivateEndpoint", "Reachable"), ("TiDBPrivateEndpoint", "StaleReferences"),
                                            ("TiDBPrivateEndpoint", "Orphans"), ("TiDBPrivateEndpoint", "ReferenceSlotsLeft"))})
        self.equal("provider: invocations are traced, retried on failure, and expire after an hour",
                   self.cloud.function(self.stack.physical_id("Function")),
                   {"Tracing": "Active", "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2})

    def provider_changes(self):
        self.deployed("provider: a security group is specified", self.stack, self.template, "UPDATE_COMPLETE",
                      VpcId=self.vpc.id, ServiceName=SERVICE, SecurityGroupIds=self.vpc.other_group, **self.checked)
        (endpoint,) = self.endpoints(self.vpc)
        self.equal("provider: the endpoint is not replaced", self.stack.outputs["EndpointId"], endpoint["id"])
        self.equal("provider: it has only the specified security group", endpoint["group_ids"], [self.vpc.other_group])
        self.equal("provider: the provider's security group is deleted", self.cloud.own_groups(self.vpc), [])
        self.deployed("provider: VPC and service are removed from the stack", self.stack, self.template,
                      "UPDATE_COMPLETE", **self.checked)
        self.equal("provider: the endpoint is deleted", self.endpoints(self.vpc), [])
        self.equal("provider: the token is still exported", self.cloud.exports().get(TOKEN),
                   self.stack.outputs["ServiceToken"])

    # The other scenarios run in parallel.

    def share(self):
        vpc, stacks = Vpc("share"), [self.cloud.stack("left"), self.cloud.stack("right")]
        template = application(given_group(vpc))
        failures = together([lambda stack=stack: stack.deploy(template) for stack in stacks])
        self.check("share: two stacks are created at the same time",
                   [stack.status for stack in stacks] == ["CREATE_COMPLETE"] * 2,
                   failures or [(stack.status, stack.reason) for stack in stacks])
        (endpoint,) = self.endpoints(vpc)
        self.equal("share: both use one endpoint", [stack.outputs["Ref"] for stack in stacks], [endpoint["id"]] * 2)
        self.equal("share: one of them created it", sorted(stack.outputs["Reused"] for stack in stacks), ["false", "true"])
        self.equal("share: the endpoint has both references", holders(endpoint), ["left/TiDB", "right/TiDB"])
        self.equal("share: the first stack is deleted", stacks[0].delete().status, "DELETE_COMPLETE")
        self.equal("share: the endpoint stays for the second stack",
                   [(one["id"], one["state"], holders(one)) for one in self.endpoints(vpc)],
                   [(endpoint["id"], "available", ["right/TiDB"])])
        self.gone("share: last stack", stacks[1], vpc)

    def stale(self):
        """A stack is deleted and its resource retained, so the function is never called. An operator follows the guide: Status
        finds the reference, and the command that Status prints releases it. Before that, Plan tells what a deployment will
        do."""
        vpc, stack = Vpc("stale"), self.cloud.stack("stale")
        template = application(wanted(vpc))
        template["Resources"]["TiDB"]["DeletionPolicy"] = "Retain"
        with Shell(self.engine.aws, REGION) as shell:
            guide = Guide(shell, vpc)
            planned, text = guide.follow("## Plan")
            self.equal("stale: a plan says that an endpoint would be created", planned.get("Outcome"), "created")
            self.check("stale: and in words", text.startswith("An endpoint would be created."), text)
            self.equal("stale: the plan has changed nothing", (self.endpoints(vpc), self.cloud.own_groups(vpc)), ([], []))
            self.deployed("stale: the stack is created", stack, template)
            (endpoint,) = self.endpoints(vpc)
            planned, _ = guide.follow("## Plan")
            self.equal("stale: a plan says that the endpoint would be joined",
                       [planned.get(name) for name in ("Outcome", "EndpointId")], ["joined", endpoint["id"]])
            status, _ = guide.follow("## Status")
            self.equal("stale: Status shows the holder", guide.holders(status), [(endpoint["id"], [("stale", True)])])
            guide.holder = status["Endpoints"][0]["Holders"][0]["Hash"]
            guide.endpoint = endpoint["id"]
            _, refused = guide.follow("## Release")
            self.check("stale: while the stack exists, it is not released", "because its stack exists" in refused, refused)
            self.equal("stale: the stack is deleted without the resource", stack.delete().status, "DELETE_COMPLETE")
            self.equal("stale: the endpoint is still held", holders(self.endpoints(vpc)[0]), ["stale/TiDB"])
            _, region = guide.ask_about_the_region()
            self.check("stale: Status of the Region finds it", "held by stale/TiDB" in region, region)
            status, text = guide.follow("## Status")
            self.equal("stale: Status finds it", guide.holders(status), [(endpoint["id"], [("stale", False)])])
            released = guide.mend(text)
            self.equal("stale: the command deletes the endpoint", released.get("Outcome"), "Deleted")
            self.equal("stale: nothing is left", (self.endpoints(vpc), self.cloud.own_groups(vpc)), ([], []))
            again, text = guide.follow("## Release")
            self.equal("stale: releasing it again finds nothing", again.get("Outcome"), "Absent")
            status, _ = guide.follow("## Status")
            self.equal("stale: Status shows nothing", guide.holders(status), [])
            _, wrong = guide.ask(f"""ask '{{"Ask":"Status","Vpc":"{vpc.id}"}}'""")
            self.check("stale: a wrong question gets a correct one", "A correct question:" in wrong, wrong)

    def force_deleted(self):
        """A provider is deleted while a stack uses it, so that stack can only be deleted without its resource. Another provider
        finds the reference, and releases it."""
        vpc, stack, retired = Vpc("invoices"), self.cloud.stack("invoices"), self.cloud.stack("retired-provider")
        self.deployed("force-deleted: a second provider is deployed", retired, self.template,
                      ExportPrefix=retired.name)
        # The token is not imported: CloudFormation would not delete the provider.
        template = application(wanted(vpc))
        template["Resources"]["TiDB"]["Properties"]["ServiceToken"] = retired.outputs["ServiceToken"]
        self.deployed("force-deleted: a stack uses it", stack, template)
        (endpoint,) = self.endpoints(vpc)
        self.equal("force-deleted: the provider is deleted", retired.delete().status, "DELETE_COMPLETE")
        self.equal("force-deleted: now the stack cannot be deleted", stack.delete().status, "DELETE_FAILED")
        with Shell(self.engine.aws, REGION) as shell:
            guide = Guide(shell, vpc)
            shell.run(*blocks("docs/operations.md", "## Uninstalling"))
            self.equal("force-deleted: it is deleted without the resource", stack.wait().status, "DELETE_COMPLETE")
            self.equal("force-deleted: the endpoint is still held", holders(self.endpoints(vpc)[0]), ["invoices/TiDB"])
            status, text = guide.follow("## Status")
            self.equal("force-deleted: Status of another provider finds it", guide.holders(status),
                       [(endpoint["id"], [("invoices", False)])])
            released = guide.mend(text)
            self.equal("force-deleted: the command deletes the endpoint", released.get("Outcome"), "Deleted")
            self.equal("force-deleted: nothing is left", (self.endpoints(vpc), self.cloud.own_groups(vpc)), ([], []))

    def scheduled_status(self):
        """What the schedule asks for, from the rule's own input."""
        target = self.target("StatusRule")
        self.equal("status schedule: it invokes the provider", target["Arn"], self.cloud.exports()[TOKEN])
        answer = self.cloud.ask(target["Arn"], target["Input"])
        lines = [json.loads(line) for line in self.cloud.log_lines(self.log_group)]
        (metrics,) = [line for line in lines if "StaleReferences" in line and "_aws" in line]
        self.equal("status schedule: the metrics are the numbers of the status",
                   {name: metrics[name] for name in answer["Counts"]}, answer["Counts"])
        self.check("status schedule: they count the endpoint of this stack", metrics["Endpoints"] >= 1 and metrics["Holders"] >= 1, metrics)

    def attributes_and_tags(self):
        vpc, stack = Vpc("tags"), self.cloud.stack("tags")
        team = [{"Key": "team", "Value": "orders"}, {"Key": "stage", "Value": "test"}]
        template = application(given_group(vpc, Tags=team))
        self.deployed("tags: the stack is created", stack, template)
        (endpoint,), outputs = self.endpoints(vpc), stack.outputs
        user_tags = lambda one: {k: v for k, v in one["tags"].items() if not k.startswith(f"{PROVIDER}:")}
        self.equal("tags: the endpoint has the tags", user_tags(endpoint), {"Name": OWN_GROUP, "team": "orders", "stage": "test"})
        (answer,) = [one["answer"] for one in self.exchanges(stack)]
        self.equal("attributes: the response has exactly these attributes", sorted(answer["Data"]), sorted(ATTRIBUTES))
        expected = {"EndpointId": endpoint["id"], "Ref": endpoint["id"], "VpcId": vpc.id, "ServiceName": SERVICE,
                  "Host": PRIVATE_NAME, "PrivateDnsName": PRIVATE_NAME, "Port": "4000", "Reused": "false",
                  "Ownership": "Owned", "SharedWith": "0", "Warnings": "", "SecurityGroupIds": vpc.group,
                  "AvailabilityZoneIds": "use1-az1,use1-az4"}
        self.equal("attributes: the values are correct", {name: outputs.get(name) for name in expected}, expected)
        self.equal("attributes: there is one subnet in every zone that the service supports",
                   sorted(outputs["SubnetIds"].split(",")), sorted([vpc.subnets["use1-az1"], vpc.subnets["use1-az4"]]))
        self.check("attributes: the JDBC URL and mysql command contain the host and port",
                   all(PRIVATE_NAME in outputs[name] and "4000" in outputs[name] for name in ("JdbcUrl", "MysqlCommand")),
                   outputs)
        template = application(given_group(vpc, Tags=[{"Key": "team", "Value": "billing"}]))
        self.deployed("tags: the stack is updated", stack, template, "UPDATE_COMPLETE")
        self.equal("tags: the tags are updated in place", [(one["id"], user_tags(one)) for one in self.endpoints(vpc)],
                   [(endpoint["id"], {"Name": OWN_GROUP, "team": "billing"})])
        self.gone("tags", stack, vpc)

    def cluster(self):
        """From the ID of a cluster to a connection string. The API key is in the local Secrets Manager."""
        vpc, stack = Vpc("cluster"), self.cloud.stack("cluster")
        secret = self.cloud.secrets.create_secret(Name="tidb-cloud/api-key", SecretString=json.dumps(API_KEY))["ARN"]

        def of(cluster, key=secret):
            return application({"VpcId": vpc.id, "ClusterId": cluster, "ApiKeySecret": key})
        self.deployed("cluster: the stack is created", stack, of(CLUSTER["id"]))
        outputs, (endpoint,) = stack.outputs, self.endpoints(vpc)
        expected = {"EndpointId": endpoint["id"], "ServiceName": SERVICE, "Host": PRIVATE_NAME, "UserPrefix": "28cDWcUJJiewaQ7",
                    "UserName": "28cDWcUJJiewaQ7.root", "AvailabilityZoneIds": "use1-az1", "Warnings": "",
                    "JdbcUrl": f"jdbc:mysql://{PRIVATE_NAME}:4000/test?user=28cDWcUJJiewaQ7.root&sslMode=VERIFY_IDENTITY"}
        self.equal("cluster: the outputs are those of the cluster", {name: outputs.get(name) for name in expected}, expected)
        self.deployed("cluster: another cluster behind the same service, and the key by name", stack,
                      of(CLUSTER_TOO["id"], "tidb-cloud/api-key"), "UPDATE_COMPLETE")
        self.equal("cluster: the endpoint stays, and the user is another", (stack.outputs["EndpointId"], stack.outputs["UserName"]),
                   (endpoint["id"], "3pTAoNNegb47Uc8.root"))
        self.deployed("cluster: one in another Region is rejected", stack, of(CLUSTER_ELSEWHERE), "UPDATE_ROLLBACK_COMPLETE")
        self.check("cluster: the reason names both Regions",
                   "is in eu-central-1, but the provider runs in us-east-1" in stack.reason, stack.reason)
        said = json.dumps(self.exchanges(stack)) + "".join(self.cloud.log_lines(self.log_group) or [])
        self.equal("cluster: no event, response, or log line contains the key",
                   [part for part in API_KEY.values() if part in said], [])
        asked = len(self.engine.calls_to_tidb_cloud())
        self.check("cluster: the API was asked with and without credentials",
                   {call["has_credentials"] for call in self.engine.calls_to_tidb_cloud()} == {True, False}, asked)
        self.gone("cluster", stack, vpc)
        self.equal("cluster: the Delete did not ask", len(self.engine.calls_to_tidb_cloud()), asked)

    def failed_update(self):
        vpc, stack = Vpc("update"), self.cloud.stack("update")
        first = vpc.subnets["use1-az1"]
        template = application(wanted(vpc, SubnetIds=[first]))
        self.deployed("update: the stack is created in one zone", stack, template)
        (before,) = self.endpoints(vpc)
        self.deployed("update: a second zone is added", stack, application(
            wanted(vpc, SubnetIds=sorted([first, vpc.subnets["use1-az4"]]))), "UPDATE_COMPLETE")
        (wider,) = self.endpoints(vpc)
        self.equal("update: the subnets are updated in place", (wider["id"], sorted(wider["subnet_ids"])),
                   (before["id"], sorted([first, vpc.subnets["use1-az4"]])))
        self.equal("update: the outputs are updated", stack.outputs["AvailabilityZoneIds"], "use1-az1,use1-az4")
        # The service does not support this zone. The update is rejected, and CloudFormation rolls it back.
        self.deployed("update: a zone that the service does not support is rejected", stack, application(
            wanted(vpc, SubnetIds=[vpc.subnets["use1-az2"]])), "UPDATE_ROLLBACK_COMPLETE")
        self.check("update: the reason contains both lists of zones",
                   "use1-az2" in stack.reason and "use1-az1" in stack.reason and "use1-az4" in stack.reason, stack.reason)
        # Only the reference is written again, with the mark of the rollback.
        (after,) = self.endpoints(vpc)
        self.equal("update: the endpoint is unchanged", {**after, "tags": holders(after)}, {**wider, "tags": holders(wider)})
        self.gone("update", stack, vpc)

    def other_service(self):
        vpc, stack = Vpc("service"), self.cloud.stack("service")
        self.deployed("other service: the stack is created", stack, application(wanted(vpc)))
        old = stack.outputs["Ref"]
        self.deployed("other service: the stack is updated", stack, application(wanted(vpc, OTHER_SERVICE)),
                      "UPDATE_COMPLETE")
        self.check("other service: the endpoint is replaced", stack.outputs["Ref"] != old, old)
        self.equal("other service: the new endpoint has the other service, and the old one is deleted",
                   [(one["id"], one["service_name"]) for one in self.endpoints(vpc)],
                   [(stack.outputs["Ref"], OTHER_SERVICE)])
        self.equal("other service: the host is its private DNS name", stack.outputs["Host"], OTHER_PRIVATE_NAME)
        self.equal("other service: a Delete request follows the Update request", self.request_types(stack),
                   ["Create", "Update", "Delete"])
        self.gone("other service", stack, vpc)

    def other_vpc(self):
        old, new, stack = Vpc("from"), Vpc("to"), self.cloud.stack("move")
        self.deployed("other VPC: the stack is created", stack, application(wanted(old)))
        self.deployed("other VPC: the stack is updated", stack, application(wanted(new)), "UPDATE_COMPLETE")
        self.equal("other VPC: the old endpoint is deleted", self.endpoints(old), [])
        self.equal("other VPC: the new endpoint exists", [one["id"] for one in self.endpoints(new)],
                   [stack.outputs["Ref"]])
        self.gone("other VPC", stack, new)

    def foreign(self):
        """A foreign endpoint is reused without changes."""
        vpc, stack = Vpc("foreign"), self.cloud.stack("foreign")
        before = self.create_foreign(vpc, group_ids=[vpc.group], tags={"created": "manually"})
        self.deployed("foreign: the stack is created", stack, application(wanted(vpc)))
        expected = {"Ref": before["id"], "Reused": "true", "Ownership": "Foreign", "Warnings": ""}
        self.equal("foreign: it joins the endpoint without warnings", {name: stack.outputs.get(name) for name in expected},
                   expected)
        self.equal("foreign: the endpoint has the reference", holders(self.endpoints(vpc)[0]), ["foreign/TiDB"])
        self.equal("foreign: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        self.equal("foreign: the endpoint is unchanged", self.endpoints(vpc), [before])
        # The role allows no other changes to an endpoint without the `owned` tag.
        calls = [call for call in self.engine.calls()
                 if before["id"] in call["params"].values() and not call["action"].startswith("Describe")]
        keys = [value for call in calls for name, value in call["params"].items() if name.endswith(".Key")]
        self.equal("foreign: only its tags were changed", {call["action"] for call in calls},
                   {"CreateTags", "DeleteTags"})
        self.check("foreign: and only the references among them",
                   keys and all(key.startswith("tidb-private-endpoint:ref:") for key in keys), keys)
        self.delete_foreign(before)

    def own_group(self):
        """Stacks that specify no security group share the provider's security group, which is deleted with the last of
        them."""
        vpc, shop, reports = Vpc("own-group"), self.cloud.stack("shop"), self.cloud.stack("reports")
        rule = lambda blocks: [f"TCP 4000 from {block}" for block in blocks]
        shop_block, reports_block = f"{vpc.block}.1.0/24", f"{vpc.block}.2.0/24"
        failures = together([lambda stack=stack: stack.deploy(application(wanted(vpc))) for stack in (shop, reports)])
        self.check("own group: two stacks are created at the same time",
                   [stack.status for stack in (shop, reports)] == ["CREATE_COMPLETE"] * 2,
                   failures or [(stack.status, stack.reason) for stack in (shop, reports)])
        (endpoint,), (group,) = self.endpoints(vpc), self.cloud.own_groups(vpc)
        self.equal("own group: there is one security group, named after the service",
                   (group["name"], endpoint["group_ids"]), (OWN_GROUP, [group["id"]]))
        self.equal("own group: it has a name and the `owned` tag", sorted(group["tags"]), ["Name", f"{PROVIDER}:owned"])
        self.equal("own group: it allows TCP port 4000 from the VPC", group["allows"], rule([vpc.cidr]))
        self.equal("own group: both stacks have it as an output, and no warnings",
                   [(stack.outputs["SecurityGroupIds"], stack.outputs["Warnings"]) for stack in (shop, reports)],
                   [(group["id"], "")] * 2)
        self.deployed("own group: the first stack specifies its clients", shop, application(
            wanted(vpc, AllowedCidrs=[shop_block])), "UPDATE_COMPLETE")
        self.equal("own group: they are allowed, and the VPC stays allowed while the endpoint is shared",
                   self.cloud.own_groups(vpc), [{**group, "allows": rule([vpc.cidr, shop_block])}])
        self.equal("own group: the first stack is deleted", shop.delete().status, "DELETE_COMPLETE")
        self.equal("own group: the security group stays with the endpoint",
                   ([one["id"] for one in self.endpoints(vpc)], [one["id"] for one in self.cloud.own_groups(vpc)]),
                   ([endpoint["id"]], [group["id"]]))
        self.deployed("own group: the second stack specifies its clients", reports, application(
            wanted(vpc, AllowedCidrs=[reports_block])), "UPDATE_COMPLETE")
        self.equal("own group: now only these clients are allowed", self.cloud.own_groups(vpc),
                   [{**group, "allows": rule([reports_block])}])
        self.gone("own group", reports, vpc)

    def closed(self):
        """A stack joins a foreign endpoint whose security group does not allow the port, with a warning that contains the
        command to allow it."""
        vpc, stack = Vpc("closed"), self.cloud.stack("closed")
        before = self.create_foreign(vpc, group_ids=[vpc.closed_group])
        self.deployed("closed port: the stack is created", stack, application(wanted(vpc)))
        command = (f"aws ec2 authorize-security-group-ingress --group-id {vpc.closed_group} --protocol tcp --port 4000 "
                   f"--cidr {vpc.cidr}")
        warnings = stack.outputs["Warnings"]
        self.check("closed port: the warning contains the security group, clients, and port", f"No rule of {vpc.closed_group} allows "
                   f"TCP port 4000 from {vpc.cidr}" in warnings, warnings)
        self.check("closed port: the warning contains the command that allows it", command in warnings, warnings)
        self.equal("closed port: no security group was created", self.cloud.own_groups(vpc), [])
        self.equal("closed port: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        self.equal("closed port: the endpoint is unchanged", self.endpoints(vpc), [before])
        self.delete_foreign(before)

    def region(self):
        """With ReuseScope Region, a stack joins the endpoint of another VPC, with a warning about the requirements."""
        near, far = Vpc("near"), Vpc("far")
        owner, guest = self.cloud.stack("far"), self.cloud.stack("near")
        self.deployed("region: a stack with an endpoint is created", owner, application(wanted(far, REGION_SERVICE)))
        (endpoint,) = self.endpoints(far)
        self.deployed("region: a stack in another VPC is created", guest, application(
            wanted(near, REGION_SERVICE, ReuseScope="Region")))
        expected = {"Ref": endpoint["id"], "Reused": "true", "VpcId": far.id, "SharedWith": "1"}
        self.equal("region: it joins the endpoint", {name: guest.outputs.get(name) for name in expected}, expected)
        warnings = guest.outputs["Warnings"]
        self.check("region: the warning contains the endpoint and its VPC", f"{endpoint['id']} is in another VPC, {far.id}" in warnings,
                   warnings)
        self.check("region: the warning names the missing routes there and back",
                   f"these routes are missing: to {far.cidr} in rtb-" in warnings and f"; to {near.cidr} in rtb-" in warnings,
                   warnings)
        (group,) = self.cloud.own_groups(far)
        self.equal("region: the other VPC is allowed", sorted(group["allows"]),
                   sorted(f"TCP 4000 from {vpc.cidr}" for vpc in (near, far)))
        self.equal("region: nothing was created in the other VPC", (self.endpoints(near), self.cloud.own_groups(near)),
                   ([], []))
        self.equal("region: the second stack is deleted", guest.delete().status, "DELETE_COMPLETE")
        self.equal("region: the endpoint stays for the first stack",
                   [(one["id"], holders(one)) for one in self.endpoints(far)], [(endpoint["id"], ["far/TiDB"])])
        self.gone("region", owner, far)

    def rollback(self):
        vpc, stack = Vpc("rollback"), self.cloud.stack("rollback")
        self.deployed("rollback: another resource fails, and the stack rolls back", stack,
                      application(wanted(vpc), depends_on_it={"Nonsense": "1"}),
                      "ROLLBACK_COMPLETE")
        self.equal("rollback: the endpoint and its security group are deleted", (self.endpoints(vpc), self.cloud.own_groups(vpc)),
                   ([], []))
        self.equal("rollback: a Delete request follows the failed Create request", sorted(self.request_types(stack)),
                   ["Create", "Create", "Delete", "Delete"])
        self.equal("rollback: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")

    def bad_properties(self):
        stack = self.cloud.stack("bad-properties")
        self.deployed("bad properties: the stack is rejected", stack, application(
            {"VpcId": "vpc-zzz", "ServicName": SERVICE, "Port": "70000", "PrivateDnsEnabled": "perhaps"}),
            "ROLLBACK_COMPLETE")
        for word in ("VpcId", "vpc-zzz", "ServicName", "ServiceName", "Port", "70000", "PrivateDnsEnabled", "perhaps"):
            self.check(f"bad properties: the reason contains {word}", word in stack.reason, stack.reason)
        answers = [one["answer"] for one in self.exchanges(stack)]
        self.check("bad properties: the physical ID tells the Delete request that nothing was created",
                   all(one["PhysicalResourceId"].startswith("nothing-made-") for one in answers), answers)
        self.equal("bad properties: the Delete request succeeds", [one["Status"] for one in answers],
                   ["FAILED", "SUCCESS"])
        self.equal("bad properties: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")

    def dns_hostnames(self):
        vpc, stack = Vpc("no-dns-hostnames"), self.cloud.stack("no-dns-hostnames")
        self.deployed("DNS hostnames off: the stack is rejected", stack, application(wanted(vpc)),
                      "ROLLBACK_COMPLETE")
        self.check("DNS hostnames off: the reason contains the command that turns them on",
                   "modify-vpc-attribute" in stack.reason and "enable-dns-hostnames" in stack.reason
                   and vpc.id in stack.reason, stack.reason)
        self.equal("DNS hostnames off: nothing was created", (self.endpoints(vpc), self.cloud.own_groups(vpc)), ([], []))
        self.equal("DNS hostnames off: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")

    # The connection check. The gateways with faults are called `localhost`.

    def target(self, rule):
        """The target of a rule of the provider's stack."""
        name = self.stack.physical_id(rule).split("|")[-1].split("/")[-1]
        (target,) = self.cloud.events.list_targets_by_rule(Rule=name)["Targets"]
        return target

    def scheduled_check(self):
        """What the schedule asks for, from the rule's own input."""
        target = self.target("CheckRule")
        scheduled = json.loads(target["Input"])
        asked = scheduled["Check"]
        self.equal("schedule: it checks the endpoint of the stack", (asked["Host"], asked["Port"]), (PRIVATE_NAME, "4000"))
        self.equal("schedule: it invokes the check function", target["Arn"], self.cloud.exports()[CHECK_TOKEN])
        answer = self.cloud.functions.invoke(FunctionName=target["Arn"], Payload=json.dumps(
            {**scheduled, "Check": {**asked, "TimeoutSeconds": 1}}).encode())
        report = json.loads(answer["Payload"].read())
        (endpoint,) = self.endpoints(self.vpc)
        self.equal("schedule: the report has the addresses of the endpoint, by its private DNS name",
                   (report["Reachable"], report["Addresses"]),
                   (True, sorted(interface["address"] for interface in endpoint["interfaces"])))
        lines = [json.loads(line) for line in self.cloud.log_lines(self.check_log_group)]
        self.equal("schedule: the metric Reachable is 1", [line["Reachable"] for line in lines if "_aws" in line], [1])

    def checks(self):
        port = self.engine.gateway()
        good, stack = connection(port), self.cloud.stack("checked")
        self.deployed("check: a stack with a database that answers is created", stack, good)
        outputs = stack.outputs
        self.check("check: its attributes describe the connection",
                   outputs["Reachable"] == "true" and outputs["TlsVersion"] == "TLSv1.3" and "127.0.0.1" in outputs["Addresses"]
                   and outputs["CertificateIssuer"] == "CN=ec2-sim" and "TiDB" in outputs["ServerVersion"], outputs)
        (exchange,) = self.exchanges(stack)
        self.equal("check: the response has exactly these attributes", sorted(exchange["answer"]["Data"]),
                   sorted(CHECK_ATTRIBUTES))
        bad = self.engine.gateway("expired")
        self.deployed("check: an update to a gateway with an expired certificate is rolled back", stack, connection(bad),
                      "UPDATE_ROLLBACK_COMPLETE")
        self.check("check: the reason has the layer", "fails at the layer TLS" in stack.reason and "expired" in stack.reason,
                   stack.reason)
        self.equal("check: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
        layers = {
            "refused": (1, "fails at the layer TCP", "refused the connection to port 1"),
            "no TLS": (self.engine.gateway("no_tls"), "fails at the layer TLS", "does not offer TLS"),
            "another name": (self.engine.gateway({"wrong_name": "db.example.com"}), "fails at the layer TLS",
                             "is for db.example.com, not for localhost"),
            "garbage": (self.engine.gateway({"sends": list(b"HTTP/1.1 400 Bad Request")}), "fails at the layer greeting",
                        "is not a MySQL server: it sent 'HTTP"),
        }
        for name, (port, layer, says) in layers.items():
            failed = self.cloud.stack(f"check-{name.replace(' ', '-')}")
            self.deployed(f"check: {name}: the stack rolls back", failed, connection(port), "ROLLBACK_COMPLETE")
            self.check(f"check: {name}: the reason has the layer", layer in failed.reason and says in failed.reason,
                       failed.reason)
            failed.delete()
        warned = self.cloud.stack("check-warned")
        self.deployed("check: with OnFailure Warn, the stack is created", warned, connection(1, OnFailure="Warn"))
        self.check("check: with OnFailure Warn, the report has the layer",
                   warned.outputs["Reachable"] == "false" and "layer TCP" in warned.outputs["Report"], warned.outputs)
        warned.delete()
        refused = self.cloud.stack("check-bad-properties")
        self.deployed("check: bad properties are rejected", refused, connection("x", OnFailure="Ignore"),
                      "ROLLBACK_COMPLETE")
        self.check("check: bad properties: the reason lists all of them",
                   "2 errors" in refused.reason and "Port is 'x'" in refused.reason and "none of Fail, Warn" in refused.reason,
                   refused.reason)
        refused.delete()

    def check_function_fails(self):
        """A check function that crashes, and one that reaches its time limit, in a provider stack of their own."""
        vpc, silent = Vpc("provider"), self.engine.gateway("silent")
        crashing = zipped({"bootstrap": b'#!/bin/sh\n[ "$_HANDLER" = check ] && exit 3\nexec ./provider\n',
                           "provider": BOOTSTRAP.read_bytes()})
        for name, code, says in (("crashes", crashing, "stopped before it could report"),
                                 ("hangs", self.function, "reached its time limit before it could report")):
            provider, stack = self.cloud.stack(f"check-{name}-provider"), self.cloud.stack(f"check-{name}")
            self.cloud.upload(name, "function.zip", code)
            template = re.sub(r"s3://\S+", f"s3://{name}/function.zip", self.template)
            # Only the check function, which comes second, gets a time limit of two seconds.
            template = "Handler: check".join(
                part.replace("Timeout: 900", "Timeout: 2", 1) if number else part
                for number, part in enumerate(template.split("Handler: check")))
            self.deployed(f"check function {name}: the provider is created", provider, template,
                          ExportPrefix=provider.name, CheckSubnetIds=vpc.subnets["use1-az1"],
                          CheckSecurityGroupIds=vpc.group)
            self.deployed(f"check function {name}: the stack rolls back", stack,
                          connection(silent, export=f"{provider.name}-CheckServiceToken"), "ROLLBACK_COMPLETE")
            self.check(f"check function {name}: the reason says so", says in stack.reason, stack.reason)
            self.equal(f"check function {name}: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")
            self.equal(f"check function {name}: the provider is deleted", provider.delete().status, "DELETE_COMPLETE")

    # Checks that apply to all scenarios.

    def strict_answers(self):
        """strict.py detects every kind of invalid response. The violations that this causes stay in the report."""
        event = {"RequestType": "Create", "StackId": STRICT, "RequestId": "r", "LogicalResourceId": "L"}
        good = {"Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": STRICT, "RequestId": "r",
                "LogicalResourceId": "L"}

        def put(answer, method="PUT", headers=None, alter=lambda url: url, times=1):
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            _, issued = http("POST", f"{self.engine.aws}/_strict/issue", json.dumps(event).encode())
            url = alter(json.loads(issued)["ResponseURL"])
            # Without the empty content type, urllib would send a default one.
            return [http(method, url, body, headers or {"Content-Type": ""})[0] for _ in range(times)][-1]

        def padded(size):
            answer = {**good, "Data": {"padding": ""}}
            answer["Data"]["padding"] = "x" * (size - len(json.dumps(answer)))
            return answer

        self.equal("strict: a response of 4,096 bytes is accepted", put(padded(4096)), 200)
        passed = len(self.engine.report()["violations"])
        self.equal("strict: it is not reported as a violation", passed, 0)
        rejected = {
            "a response of 4,097 bytes": put(padded(4097)),
            "a response of 5 KB": put(padded(5 * 1024)),
            "an empty response": put(b""),
            "a response that is not JSON": put(b"SUCCESS"),
            "a response with a content type": put(good, headers={"Content-Type": "application/json"}),
            "a POST": put(good, method="POST"),
            "a decoded URL": put(good, alter=lambda url: url.replace("%3A", ":")),
            "a URL without its signature": put(good, alter=lambda url: url.split("&X-Amz-Signature")[0]),
            "a second response": put(good, times=2),
            "Status Success": put({**good, "Status": "Success"}),
            "FAILED without a reason": put({**good, "Status": "FAILED"}),
            "another StackId": put({**good, "StackId": "other"}),
            "another RequestId": put({**good, "RequestId": "other"}),
            "another LogicalResourceId": put({**good, "LogicalResourceId": "other"}),
            "an empty PhysicalResourceId": put({**good, "PhysicalResourceId": ""}),
            "a long PhysicalResourceId": put({**good, "PhysicalResourceId": "p" * 1025}),
            "a list in Data": put({**good, "Data": {"SubnetIds": []}}),
        }
        for name, status in rejected.items():
            self.check(f"strict: {name} is rejected", status in (400, 403), status)
        self.provoked = len(self.engine.report()["violations"])
        self.equal("strict: each is reported as a violation", self.provoked, len(rejected))

    def everything_answered(self):
        report = self.engine.report()
        violations = report["violations"][self.provoked:]
        self.equal("responses: CloudFormation would accept all of them", violations, [])
        exchanges = [one for one in report["exchanges"] if one["event"]["StackId"] != STRICT]
        self.check(f"responses: each of {len(exchanges)} events has one",
                   exchanges and all(one["answer"] for one in exchanges),
                   [one["event"] for one in exchanges if not one["answer"]])
        self.check(f"responses: the longest has {max(one['bytes'] for one in exchanges)} bytes",
                   max(one["bytes"] for one in exchanges) <= strict.MAX_BODY)

    def logs(self):
        token = self.stack.outputs["ServiceToken"]
        tokens = token, self.cloud.exports()[CHECK_TOKEN]  # It also answers for the check function.
        exchanges = [one for one in self.engine.report()["exchanges"]
                     if one["event"].get("ResourceProperties", {}).get("ServiceToken") in tokens]
        lines = self.cloud.log_lines(self.check_log_group)
        self.check("logs: the check function's log is JSON, without response URLs or credentials",
                   lines and all(line.startswith("{") for line in lines)
                   and not any(secret.lower() in line.lower() for line in lines
                               for secret in ("X-Amz-", strict.URL_PREFIX, strict.CREDENTIAL_MARK)), lines)
        self.logs_of("logs", self.log_group, self.stack.physical_id("Function"), exchanges)

    def logs_of(self, name, group, function, exchanges):
        """Checks the log of a provider function that received exactly these events."""
        requests = {one["event"]["RequestId"]: (one["event"], one["answer"]) for one in exchanges}
        lines = self.cloud.log_lines(group)
        if not self.check(f"{name}: the function's log group has log lines", lines, lines):
            return
        leaks = [line for line in lines for secret in ("X-Amz-", strict.URL_PREFIX, strict.CREDENTIAL_MARK)
                 if secret.lower() in line.lower()]
        self.equal(f"{name}: they contain no response URLs or credentials", leaks, [])
        records, others = [], []
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                others.append(line)
        self.equal(f"{name}: each of {len(lines)} lines is JSON", others, [])
        # `span` contains the fields of the event. The top level contains what happened.
        of_events = {request: [] for request in requests}
        strangers = []
        for record in records:
            span = record.get("span", {})
            # Lambda's runtime reports a question that is not answered, outside of the question.
            is_of_question = (span.get("name") == "question" or '"Unanswered"' in record.get("message", "")
                              or "ReferenceSlotsLeft" in record)
            if not is_of_question:
                of_events.get(span.get("request_id"), strangers).append(record)
        self.equal(f"{name}: every line belongs to an event or a question", strangers, [])
        self.equal(f"{name}: every event can be found by its request ID",
                   [request for request, its in of_events.items() if not its], [])
        spans = {tuple(record["span"].get(name) for name in ("request_id", "request_type", "stack", "logical_id"))
                 for its in of_events.values() for record in its}
        self.equal(f"{name}: the lines contain the stack, logical ID, and request type", spans,
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
                     if event["RequestType"] != "Delete" and answer["Status"] == "SUCCESS"
                     and event["ResourceType"] == "Custom::TiDBCloudPrivateEndpoint"}
        self.equal(f"{name}: every event that got an endpoint has a line with its ID", succeeded - named, set())
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
        self.equal(f"{name}: metrics: every event that got an endpoint has EC2 calls",
                   {request for request in succeeded if counted[request]["Ec2Calls"] == 0}, set())
        self.equal(f"{name}: metrics: all have the name of the function", {record["FunctionName"] for record in counted.values()},
                   {function})

    def permissions(self):
        """The role of the function allows exactly the EC2 actions that were called."""
        policy = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["Role"]["Properties"]["Policies"]
        calls = [call for call in self.engine.calls() if strict.CREDENTIAL_MARK in call["caller"]]
        for action in ("CreateVpcEndpoint", "CreateSecurityGroup"):
            creates = [call["params"] for call in calls if call["action"] == action]
            self.check(f"permissions: every {action} had the `owned` tag, as the role requires",
                       creates and all(f"{PROVIDER}:owned" in params.values() for params in creates), creates)
        others = {group for vpc in map(Vpc, STORIES) for group in (vpc.group, vpc.other_group, vpc.closed_group)}
        changed = {call["params"].get("GroupId") for call in calls if call["action"] in (
            "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress", "DeleteSecurityGroup")}
        self.check("permissions: there was no attempt to change a foreign security group, which the role denies",
                   changed and not changed & others, changed & others)
        allowed = {action for document in policy if "PolicyDocument" in document
                   for statement in document["PolicyDocument"]["Statement"]
                   for action in as_list(statement["Action"]) if action.startswith("ec2:")}
        called = {f"ec2:{call['action']}" for call in calls}
        self.equal("permissions: the role allows every action that was called", called - allowed, set())
        self.equal("permissions: the role allows no other actions", allowed - called, set())

    def nothing_left(self):
        deadline = time.monotonic() + 20  # For the foreign endpoints, whose deletion takes time.
        while self.engine.standing() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.equal("end: the provider's stack is deleted", self.stack.delete().status, "DELETE_COMPLETE")
        self.equal("end: no endpoints are left", self.engine.standing(), [])
        self.equal("end: no security groups of the provider are left", self.cloud.own_groups(*map(Vpc, STORIES)), [])
        self.equal("end: the simulated EC2 recognized every request", self.engine.unrecognized_requests(), [])


def as_list(value):
    return value if isinstance(value, list) else [value]


def together(works):
    """Runs functions in parallel, in threads that do not delay the exit of an interrupted program."""
    failures = []

    def guarded(work):
        try:
            work()
        except Exception:  # All exceptions must appear in the result.
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def attempt(checks, works):
    for failure in together(works):
        checks.check("a scenario completed without an exception", False, failure)


def stories(run, checks):
    attempt(checks, [run.provider])
    attempt(checks, [run.scheduled_check])
    attempt(checks, [run.scheduled_status])
    attempt(checks, [run.provider_changes, run.share, run.attributes_and_tags, run.cluster, run.failed_update, run.other_service,
                     run.other_vpc, run.foreign, run.own_group, run.closed, run.region, run.rollback,
                     run.bad_properties, run.dns_hostnames, run.checks, run.check_function_fails, run.stale, run.force_deleted,
                     lambda: examples.cloudformation(run), lambda: examples.hub_and_spoke(run),
                     lambda: examples.sam(run), lambda: organization.platform(run)])


def constructs(run, checks):
    examples.synthesize(run)
    attempt(checks, [lambda: examples.constructs(run), lambda: examples.clients(run)])


def main():
    if sys.platform != "linux":
        sys.exit("The end-to-end tests require Linux, where a function can see a VPC's names and addresses (inside_vpc.py).")
    checks = Checks()
    engine = Engine(world())
    try:
        with engine:
            run = Run(engine, checks)
            attempt(checks, [run.strict_answers])
            # The constructs have their own provider and take the longest to start.
            with_cdk = [] if WITHOUT_CDK in sys.argv else [lambda: constructs(run, checks)]
            attempt(checks, [lambda: stories(run, checks), *with_cdk])
            if not with_cdk:
                print("skipped: the CDK examples, because Node.js 20.16 or later is not installed")
            for last in (run.everything_answered, run.logs, run.permissions, run.nothing_left):
                attempt(checks, [last])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. All processes have been stopped.")
    checks.equal("end: no processes are left", engine.leftovers(), [])
    print(*(f"failed: {name}" for name in checks.failed), f"{checks.passed} passed, {len(checks.failed)} failed", sep="\n")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
