"""Scenarios that deploy the examples in ../../examples without changes.

Each takes the run of e2e.py, which the scenarios share.
"""

import json
import types

import cdk
import database
from engine import ROOT, RUN, holders
from scene import HUB_PRIVATE_NAME, HUB_SERVICE, PRIVATE_NAME, SERVICE, Vpc
from stacks import zipped

EXAMPLES = ROOT / "examples"
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
    """A hub with the endpoint, and two spokes that use it over peering connections.

    The local Route 53 has zones and records, but does not associate zones with VPCs, and nothing here resolves names as a VPC
    would. So the optional check is left out; the sentences of its layers are tested elsewhere."""
    def template(name):
        return (EXAMPLES / "hub-and-spoke" / f"{name}.yaml").read_text()

    hub, spokes = run.cloud.stack("hub"), {prefix: run.cloud.stack(f"spoke-{prefix[-1]}") for prefix in ("10.31", "10.32")}
    wanted = {"ServiceName": HUB_SERVICE, "ZoneIds": "use1-az1,use1-az4"}
    run.deployed("hub and spoke: the hub is created", hub, template("hub"), **wanted)
    vpc = types.SimpleNamespace(id=hub.outputs["VpcId"])
    (endpoint,) = run.endpoints(vpc)
    for prefix, stack in spokes.items():
        run.deployed(f"hub and spoke: {stack.name} is created", stack, template("spoke"), CidrPrefix=prefix, **wanted)
        outputs = stack.outputs
        run.equal(f"hub and spoke: {stack.name} uses the endpoint of the hub, by the same name",
                  (outputs["EndpointId"], outputs["Host"]), (endpoint["id"], HUB_PRIVATE_NAME))
        run.check(f"hub and spoke: only the zone remains to be created for {stack.name}",
                  outputs["Warnings"].count(". ") == 0 and "create a private hosted zone" in outputs["Warnings"],
                  outputs["Warnings"])
        run.equal(f"hub and spoke: {stack.name} created no endpoint and no security group",
                  (run.endpoints(types.SimpleNamespace(id=outputs["VpcId"])),
                   run.cloud.own_groups(types.SimpleNamespace(id=outputs["VpcId"]))), ([], []))
        zone = stack.physical_id("Zone")
        records = run.cloud.names.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        aliases = [(one["Name"], one["AliasTarget"]["DNSName"]) for one in records if "AliasTarget" in one]
        run.check(f"hub and spoke: the zone of {stack.name} has an alias for the endpoint",
                  len(aliases) == 1 and aliases[0][0] == f"{HUB_PRIVATE_NAME}." and aliases[0][1].startswith(endpoint["id"]),
                  aliases)
    (group,) = run.cloud.own_groups(vpc)
    run.equal("hub and spoke: the security group allows all three VPCs", sorted(group["allows"]),
              [f"TCP 4000 from 10.{number}.0.0/16" for number in (30, 31, 32)])
    run.equal("hub and spoke: the endpoint has three references", holders(run.endpoints(vpc)[0]),
              ["hub/TiDB", "spoke-1/TiDB", "spoke-2/TiDB"])
    first, second = spokes.values()
    run.equal("hub and spoke: the first spoke is deleted", first.delete().status, "DELETE_COMPLETE")
    run.equal("hub and spoke: its rule is gone", sorted(run.cloud.own_groups(vpc)[0]["allows"]),
              ["TCP 4000 from 10.30.0.0/16", "TCP 4000 from 10.32.0.0/16"])
    run.equal("hub and spoke: the second spoke is deleted", second.delete().status, "DELETE_COMPLETE")
    run.gone("hub and spoke: hub", hub, vpc)
    run.equal("hub and spoke: the VPC is deleted", run.cloud.left("vpc", vpc.id), [])


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

    # The private DNS name does not resolve here, so the function connects to a local database instead.
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
    for stack in (orders, billing):
        run.check(f"CDK: the application of {stack.name} gets the JDBC URL",
                  f"//{PRIVATE_NAME}:4000/" in parameter(run, f"/{stack.name}/jdbc-url"))
        (log_group,), (function,) = (stack.physical_ids(f"AWS::{kind}") for kind in ("Logs::LogGroup", "Lambda::Function"))
        run.logs_of(f"CDK: logs of {stack.name}", log_group, function, run.exchanges(stack))
    run.equal("CDK: the first stack and its provider are deleted", orders.delete().status, "DELETE_COMPLETE")
    run.equal("CDK: the endpoint stays for the second stack", [(one["id"], len(holders(one))) for one in run.endpoints(vpc)],
              [(endpoint["id"], 1)])
    run.gone("CDK", billing, vpc)


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
