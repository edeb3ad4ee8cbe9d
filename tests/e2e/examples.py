"""Scenarios that deploy the examples in ../../examples without changes.

Each takes the run of e2e.py, which the scenarios share.
"""

import json
import types

from samtranslator.yaml_helper import yaml_parse

import cdk
import database
from engine import ROOT, RUN, holders
from scene import HUB_PRIVATE_NAME, HUB_SERVICE, PRIVATE_NAME, SERVICE, Vpc
from stacks import zipped

EXAMPLES = ROOT / "examples"
#: What the check says if a name does not resolve in a spoke.
NO_ZONE = "check that a private hosted zone with exactly this name is associated with it"
CREDENTIALS = {"username": "2aBcDeFgHiJkLmN.root", "password": "correct horse battery staple"}


def cloudformation(run):
    """One stack creates a VPC and an endpoint, another imports the host name, and a third declares the endpoint itself."""
    def template(name):
        return (EXAMPLES / "cloudformation" / f"{name}.yaml").read_text()

    network, importing, sharing = (run.cloud.stack(name) for name in ("network", "importing", "sharing"))
    run.deployed("CloudFormation: the stack with VPC, subnets, and endpoint is created", network, template("network"),
                 ServiceName=SERVICE, ZoneIds="use1-az1,use1-az4")
    outputs = network.outputs
    vpc = types.SimpleNamespace(id=outputs["VpcId"])
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("CloudFormation: the endpoint is in the subnets of this stack",
              (endpoint["id"], sorted(endpoint["subnet_ids"])),
              (outputs["EndpointId"], sorted(outputs["SubnetIds"].split(","))))
    run.equal("CloudFormation: the security group allows the VPC", group["allows"], ["TCP 4000 from 10.20.0.0/16"])

    run.deployed("CloudFormation: the stack that imports the host name is created", importing, template("importing"))
    run.equal("CloudFormation: the importing application gets the host name and port",
              parameter(run, "/importing/tidb"), f"{PRIVATE_NAME}:4000")

    run.deployed("CloudFormation: the stack that declares the endpoint itself is created", sharing, template("sharing"),
                 VpcId=vpc.id, ServiceName=SERVICE)
    run.equal("CloudFormation: it joins the same endpoint", sharing.outputs,
              {"EndpointId": endpoint["id"], "Reused": "true", "Warnings": ""})
    run.check("CloudFormation: the sharing application gets the JDBC URL",
              f"//{PRIVATE_NAME}:4000/" in parameter(run, "/sharing/jdbc-url"), parameter(run, "/sharing/jdbc-url"))
    run.equal("CloudFormation: the endpoint has the references of both stacks", holders(run.endpoints(vpc)[0]),
              ["network/TiDB", "sharing/TiDB"])

    for stack in (sharing, importing):
        run.equal(f"CloudFormation: the stack {stack.name} is deleted", stack.delete().status, "DELETE_COMPLETE")
    run.gone("CloudFormation: network", network, vpc)
    run.equal("CloudFormation: network: the VPC is deleted", run.cloud.left("vpc", vpc.id), [])


def hub_and_spoke(run):
    """A hub with the endpoint, and two spokes that use it over peering connections. The connection check in the first spoke
    fails as long as the zone is missing. While the second spoke is deleted, other things break in the first one."""
    def template(name):
        return (EXAMPLES / "hub-and-spoke" / f"{name}.yaml").read_text()

    def has_alias(stack):
        alias = alias_record(run, stack)
        run.check(f"hub and spoke: the zone of {stack.name} has an alias for the endpoint",
                  alias["Name"] == f"{HUB_PRIVATE_NAME}." and alias["AliasTarget"]["DNSName"].startswith(endpoint["id"]), alias)

    hub, first, second = (run.cloud.stack(name) for name in ("hub", "spoke-a", "spoke-b"))
    wanted = {"ServiceName": HUB_SERVICE, "ZoneIds": "use1-az1,use1-az4"}
    run.deployed("hub and spoke: the hub is created", hub, template("hub"), **wanted)
    vpc = types.SimpleNamespace(id=hub.outputs["VpcId"])
    (endpoint,) = run.endpoints(vpc)
    for stack, prefix, its in ((first, "10.31", without_zone(template("spoke"))), (second, "10.32", template("spoke"))):
        run.deployed(f"hub and spoke: {stack.name} is created", stack, its, CidrPrefix=prefix, **wanted)
        outputs = stack.outputs
        run.equal(f"hub and spoke: {stack.name} uses the endpoint of the hub, by the same name",
                  (outputs["EndpointId"], outputs["Host"]), (endpoint["id"], HUB_PRIVATE_NAME))
        run.check(f"hub and spoke: only the zone remains to be created for {stack.name}",
                  outputs["Warnings"].count(". ") == 0 and "create a private hosted zone" in outputs["Warnings"],
                  outputs["Warnings"])
        run.equal(f"hub and spoke: {stack.name} created no endpoint, and no security group for one",
                  (run.endpoints(types.SimpleNamespace(id=outputs["VpcId"])),
                   run.cloud.own_groups(types.SimpleNamespace(id=outputs["VpcId"]))), ([], []))
    has_alias(second)
    (group,) = run.cloud.own_groups(vpc)
    run.equal("hub and spoke: the security group allows all three VPCs", sorted(group["allows"]),
              [f"TCP 4000 from 10.{number}.0.0/16" for number in (30, 31, 32)])
    run.equal("hub and spoke: the endpoint has three references", holders(run.endpoints(vpc)[0]),
              ["hub/TiDB", "spoke-a/TiDB", "spoke-b/TiDB"])

    provider = run.cloud.stack("tidb-check-spoke-a")
    run.deployed("hub and spoke: a provider with a check function in spoke-a is created", provider, run.template,
                 ExportPrefix=provider.name, CheckSubnetIds=first.outputs["SubnetIds"],
                 CheckSecurityGroupIds=first.outputs["SecurityGroupId"])
    token = run.cloud.exports()[f"{provider.name}-CheckServiceToken"]
    checked = {**wanted, "CidrPrefix": "10.31", "CheckServiceToken": token}
    run.deployed("hub and spoke: no zone: the update with a check is rolled back", first, without_zone(template("spoke")),
                 "UPDATE_ROLLBACK_COMPLETE", **checked)
    run.check("hub and spoke: no zone: the reason has the layer and the zone",
              "fails at the layer name" in first.reason and NO_ZONE in first.reason, first.reason)
    run.deployed("hub and spoke: with zone and record, the check passes", first, template("spoke"), "UPDATE_COMPLETE", **checked)
    has_alias(first)
    addresses = sorted(interface["address"] for interface in endpoint["interfaces"])
    run.check("hub and spoke: at the addresses of the endpoint in the hub",
              all(address.startswith("10.30.") and address in first.outputs["Connection"] for address in addresses),
              (addresses, first.outputs["Connection"]))

    failures = run.together([
        lambda: run.equal("hub and spoke: the second spoke is deleted", second.delete().status, "DELETE_COMPLETE"),
        lambda: broken_spoke(run, hub, first, group["id"], token)])
    run.equal("hub and spoke: meanwhile, the first spoke breaks and is mended", failures, [])
    run.equal("hub and spoke: the rule of the second spoke is gone", sorted(run.cloud.own_groups(vpc)[0]["allows"]),
              ["TCP 4000 from 10.30.0.0/16", "TCP 4000 from 10.31.0.0/16"])
    run.deployed("hub and spoke: the check is removed from the first spoke", first, template("spoke"), "UPDATE_COMPLETE",
                 **{**checked, "CheckServiceToken": ""})
    run.equal("hub and spoke: its provider is deleted", provider.delete().status, "DELETE_COMPLETE")
    run.equal("hub and spoke: the first spoke is deleted", first.delete().status, "DELETE_COMPLETE")
    run.gone("hub and spoke: hub", hub, vpc)
    run.equal("hub and spoke: the VPC is deleted", run.cloud.left("vpc", vpc.id), [])


def broken_spoke(run, hub, spoke, group, token):
    """What the check function says about a spoke while one thing is missing that the spoke needs."""
    ec2, alias = run.cloud.ec2, alias_record(run, spoke)
    gone = {**alias, "AliasTarget": {**alias["AliasTarget"], "DNSName": "vpce-00000000000000000-gone.vpce.amazonaws.com."}}
    route = {"RouteTableId": hub.outputs["RouteTableId"], "DestinationCidrBlock": "10.31.0.0/16"}
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 4000, "ToPort": 4000, "CidrIp": "10.31.0.0/16"}

    def record(action, its):
        run.cloud.names.change_resource_record_sets(HostedZoneId=spoke.physical_id("Zone"), ChangeBatch={
            "Changes": [{"Action": action, "ResourceRecordSet": its}]})

    def report():
        asked = {"Check": {"Host": HUB_PRIVATE_NAME, "TimeoutSeconds": 1}}
        return json.load(run.cloud.functions.invoke(FunctionName=token, Payload=json.dumps(asked))["Payload"])

    for name, layer, says, damage, mend in (
            ("no record", "Name", NO_ZONE, lambda: record("DELETE", alias), lambda: record("CREATE", alias)),
            ("a record for an endpoint that is gone", "Name", "leads to an endpoint that exists",
             lambda: record("UPSERT", gone), lambda: record("UPSERT", alias)),
            ("no route back", "Tcp", "the route tables of both subnets", lambda: ec2.delete_route(**route),
             lambda: ec2.create_route(**route, VpcPeeringConnectionId=spoke.physical_id("Peering"))),
            ("no rule", "Tcp", "from the client in the endpoint's security group",
             lambda: ec2.revoke_security_group_ingress(**rule), lambda: ec2.authorize_security_group_ingress(**rule))):
        damage()
        found = report()
        run.check(f"hub and spoke: {name}: the report has the layer and the cause",
                  found["FailedLayer"] == layer and says in found["Report"], found)
        mend()
    # The last rule is no longer the provider's own, so the spoke leaves it behind, half a minute faster.
    run.equal("hub and spoke: after that, the check passes again", report()["Reachable"], True)


def alias_record(run, stack):
    records = run.cloud.names.list_resource_record_sets(HostedZoneId=stack.physical_id("Zone"))["ResourceRecordSets"]
    (alias,) = [record for record in records if "AliasTarget" in record]
    return alias


def without_zone(text):
    """The template of a spoke whose author has forgotten the zone, with a check that fails soon."""
    template = yaml_parse(text)
    resources = template["Resources"]
    del resources["Zone"], resources["Record"], resources["Check"]["DependsOn"]
    resources["Check"]["Properties"]["TimeoutSeconds"] = 1
    return template


def sam(run):
    """A function reads the host name, port, and location of the credentials from its environment, and queries a
    database."""
    vpc, stack, folder = Vpc("sam"), run.cloud.stack("versions"), EXAMPLES / "sam"
    secret = run.cloud.secrets.create_secret(Name="tidb", SecretString=json.dumps(CREDENTIALS))["ARN"]
    template = run.cloud.package(folder / "template.yaml", zipped(
        {"app.py": (folder / "versions" / "app.py").read_bytes()}))
    run.deployed("SAM: the stack is created", stack, template, VpcId=vpc.id, ServiceName=SERVICE,
                 SubnetIds=",".join(vpc.subnets.values()), SecretArn=secret)
    function, functions = stack.outputs["FunctionName"], run.cloud.functions
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    run.equal("SAM: the environment has the host name, the port, and the location of the credentials", variables,
              {"TIDB_HOST": PRIVATE_NAME, "TIDB_PORT": "4000", "TIDB_SECRET_ARN": secret})
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("SAM: the output is the ID of the endpoint", stack.outputs["EndpointId"], endpoint["id"])
    run.equal("SAM: the security group allows the VPC of the function", (endpoint["group_ids"], group["allows"]),
              ([group["id"]], [f"TCP 4000 from {vpc.cidr}"]))

    # The simulated gateways accept no logins, so the function connects to a local database instead.
    with database.Database(RUN, **CREDENTIALS) as stand_in:
        def answer(**more):
            functions.update_function_configuration(FunctionName=function, Environment={"Variables": {
                **variables, "TIDB_HOST": database.HOST, "TIDB_PORT": str(stand_in.port), **more}})
            return json.load(functions.invoke(FunctionName=function)["Payload"])

        refused = answer().get("errorMessage", "")
        run.check("SAM: the function does not log in to a server that it cannot verify",
                  "CERTIFICATE_VERIFY_FAILED" in refused and stand_in.logins == 0, refused)
        run.equal("SAM: it logs in to a verified server with the credentials in the secret, and queries the version",
                  answer(SSL_CERT_FILE=str(stand_in.authority)), {"version": database.VERSION})

    made = stack.physical_id("FunctionGroup")
    run.gone("SAM", stack, vpc)
    run.equal("SAM: the security group of the function is deleted", run.cloud.left("group", made), [])


def synthesize(run):
    """Prepares the two scenarios that follow."""
    cdk.synthesize(run.function, vpcId=Vpc("cdk").id, serviceName=SERVICE)
    cdk.synthesize_readme(Vpc("clients"), ["first", "second"])
    cdk.synthesize_nested(Vpc("clients"))
    cdk.bootstrap(run.cloud)


def constructs(run):
    """A stack of the TypeScript example and a stack of the Python example share an endpoint, each with its own provider."""
    vpc = Vpc("cdk")
    checked(run)
    orders, billing = run.cloud.stack("orders"), run.cloud.stack("billing")
    run.deployed("CDK: the stack of the TypeScript example is created", orders, cdk.publish(run.cloud, cdk.TYPESCRIPT, "orders"))
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("CDK: it creates the endpoint", orders.outputs,
              {"EndpointId": endpoint["id"], "Host": PRIVATE_NAME, "Reused": "false"})
    run.equal("CDK: the endpoint has the tags of the example and a security group that allows the VPC",
              (endpoint["tags"].get("team"), group["allows"]), ("data", [f"TCP 4000 from {vpc.cidr}"]))
    run.deployed("CDK: the stack of the Python example is created", billing, cdk.publish(run.cloud, cdk.PYTHON, "billing"))
    run.equal("CDK: it joins the endpoint", billing.outputs, {**orders.outputs, "Reused": "true"})
    log_groups = {}
    for stack in (orders, billing):
        run.check(f"CDK: the application of {stack.name} gets the JDBC URL",
                  f"//{PRIVATE_NAME}:4000/" in parameter(run, f"/{stack.name}/jdbc-url"))
        (log_groups[stack],), (function,) = (
            stack.physical_ids(f"AWS::{kind}") for kind in ("Logs::LogGroup", "Lambda::Function"))
        run.logs_of(f"CDK: logs of {stack.name}", log_groups[stack], function, run.exchanges(stack))
    run.equal("CDK: the first stack and its provider are deleted", orders.delete().status, "DELETE_COMPLETE")
    run.equal("CDK: the endpoint stays for the second stack", [(one["id"], len(holders(one))) for one in run.endpoints(vpc)],
              [(endpoint["id"], 1)])
    run.gone("CDK", billing, vpc)
    for stack, group in log_groups.items():
        run.check(f"CDK: the log of {stack.name} outlives its stack", run.cloud.log_lines(group))


def clients(run):
    """The first example of the CDK's README, twice in one VPC: each stack has a client with a security group of its own, and
    can delete it while the other stack goes on using the endpoint."""
    vpc = Vpc("clients")
    first, second = run.cloud.stack("first"), run.cloud.stack("second")
    groups = {}
    for stack in (first, second):
        run.deployed(f"CDK README: the stack {stack.name} is created", stack, cdk.publish(run.cloud, cdk.README, stack.name))
        (groups[stack],) = stack.physical_ids("AWS::EC2::SecurityGroup")
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("CDK README: both share one endpoint, and its security group allows both clients",
              (len(holders(endpoint)), sorted(group["allows"])),
              (2, sorted(f"TCP 4000 from {client}" for client in groups.values())))
    nesting, nested = nested_client(run, vpc, endpoint, group)
    # Both wait for the same thing: each takes a rule away from the endpoint that the second stack goes on using.
    nesting.begin_delete()
    first.begin_delete()
    run.equal("CDK README: the first stack is deleted, with the security group of its client", first.wait().status,
              "DELETE_COMPLETE")
    run.equal("CDK: nested client: the stack is deleted while others use the endpoint", nesting.wait().status,
              "DELETE_COMPLETE")
    run.equal("CDK README: both security groups are gone",
              [run.cloud.left("group", client) for client in (groups[first], nested)], [[], []])
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("CDK README: the second stack keeps the endpoint, and access for its client",
              (len(holders(endpoint)), group["allows"]), (1, [f"TCP 4000 from {groups[second]}"]))
    run.gone("CDK README", second, vpc)


def nested_client(run, vpc, endpoint, before):
    """A stack joins whose client is in a nested stack that uses the endpoint. Returns the stack and the security group of
    the client."""
    stack = run.cloud.stack("nesting")
    run.deployed("CDK: nested client: the stack is created", stack, cdk.publish(run.cloud, cdk.NESTED, stack.name))
    run.equal("CDK: nested client: the stack joins the endpoint, and the nested stack gets its address",
              (stack.outputs["EndpointId"], parameter(run, "/nesting/address")), (endpoint["id"], f"{PRIVATE_NAME}:4000"))
    client, (group,) = stack.outputs["Clients"], run.cloud.own_groups(vpc)
    run.equal("CDK: nested client: the security group of the endpoint allows it",
              (group["id"], [rule for rule in group["allows"] if client in rule]), (before["id"], [f"TCP 4000 from {client}"]))
    return stack, client


def checked(run):
    """A stack of the constructs whose check has a provider of its own, with a function that answers."""
    stack = run.cloud.stack("checked-cdk")
    template = lambda port: (cdk.synthesize_check(Vpc("provider"), port),
                             cdk.publish(run.cloud, cdk.CHECKED, "checked-cdk"))[1]
    run.deployed("CDK: check: the stack is created", stack, template(run.engine.gateway()))
    run.equal("CDK: check: the database is reachable", stack.outputs["Reachable"], "true")
    run.deployed("CDK: check: an update to a gateway without TLS is rolled back", stack,
                 template(run.engine.gateway("no_tls")), "UPDATE_ROLLBACK_COMPLETE")
    run.check("CDK: check: the reason has the layer", "fails at the layer TLS" in stack.reason, stack.reason)
    run.equal("CDK: check: the stack is deleted", stack.delete().status, "DELETE_COMPLETE")


def parameter(run, name):
    return run.cloud.parameters.get_parameter(Name=name)["Parameter"]["Value"]
