"""Stories of the examples: what is in ../../examples is deployed as it stands there.

Each takes the run of e2e.py, and what it shares with the other stories from there.
"""

import json
import types

import cdk
import database
from engine import ROOT, RUN, holders
from scene import PRIVATE_NAME, SERVICE, Vpc
from stacks import zipped

EXAMPLES = ROOT / "examples"
CREDENTIALS = {"username": "2aBcDeFgHiJkLmN.root", "password": "correct horse battery staple"}


def cloudformation(run):
    """A stack makes VPC and endpoint; one more imports the host, and another asks for the endpoint itself."""
    def template(name):
        return (EXAMPLES / "cloudformation" / f"{name}.yaml").read_text()

    network, importing, sharing = (run.cloud.stack(name) for name in ("network", "importing", "sharing"))
    run.deployed("CloudFormation: a stack with VPC, subnets and endpoint", network, template("network"),
                 ServiceName=SERVICE, ZoneIds="use1-az1,use1-az4")
    outputs = network.outputs
    vpc = types.SimpleNamespace(id=outputs["VpcId"])
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("CloudFormation: the endpoint is in the subnets of that stack",
              (endpoint["id"], sorted(endpoint["subnet_ids"])),
              (outputs["EndpointId"], sorted(outputs["SubnetIds"].split(","))))
    run.equal("CloudFormation: and lets in that VPC", group["opens"], ["tcp 4000 for 10.20.0.0/16"])

    run.deployed("CloudFormation: a stack that imports the host", importing, template("importing"))
    run.equal("CloudFormation: gives it to its application", parameter(run, "/importing/tidb"), f"{PRIVATE_NAME}:4000")

    run.deployed("CloudFormation: a stack that asks for the endpoint itself", sharing, template("sharing"),
                 VpcId=vpc.id, ServiceName=SERVICE)
    run.equal("CloudFormation: gets the same one", sharing.outputs,
              {"EndpointId": endpoint["id"], "Reused": "true", "Warnings": ""})
    run.check("CloudFormation: and its application the JDBC URL",
              f"//{PRIVATE_NAME}:4000/" in parameter(run, "/sharing/jdbc-url"), parameter(run, "/sharing/jdbc-url"))
    run.equal("CloudFormation: the endpoint says who uses it", holders(run.endpoints(vpc)[0]),
              ["network/TiDB", "sharing/TiDB"])

    for stack in (sharing, importing):
        run.equal(f"CloudFormation: the stack {stack.name} is deleted", stack.delete().status, "DELETE_COMPLETE")
    run.gone("CloudFormation: the stack with the VPC", network, vpc)
    run.equal("CloudFormation: and with the endpoint the VPC", run.cloud.left("vpc", vpc.id), [])


def sam(run):
    """A function finds host, port and the place of the credentials in its environment, and talks to a database."""
    vpc, stack, folder = Vpc("sam"), run.cloud.stack("versions"), EXAMPLES / "sam"
    secret = run.cloud.secrets.create_secret(Name="tidb", SecretString=json.dumps(CREDENTIALS))["ARN"]
    template = run.cloud.package(folder / "template.yaml", zipped(
        {"app.py": (folder / "versions" / "app.py").read_bytes()}))
    run.deployed("SAM: a function that uses the endpoint", stack, template, VpcId=vpc.id, ServiceName=SERVICE,
                 SubnetIds=",".join(vpc.subnets.values()), SecretArn=secret)
    function, functions = stack.outputs["FunctionName"], run.cloud.functions
    told = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    run.equal("SAM: it is told the host, the port and where the credentials are", told,
              {"TIDB_HOST": PRIVATE_NAME, "TIDB_PORT": "4000", "TIDB_SECRET_ARN": secret})
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("SAM: the endpoint is the one of the outputs", stack.outputs["EndpointId"], endpoint["id"])
    run.equal("SAM: and lets the function's VPC in", (endpoint["group_ids"], group["opens"]),
              ([group["id"]], [f"tcp 4000 for {vpc.cidr}"]))

    # The private name means nothing here, so another one takes its place.
    with database.Database(RUN, **CREDENTIALS) as stand_in:
        def answer(**more):
            functions.update_function_configuration(FunctionName=function, Environment={"Variables": {
                **told, "TIDB_HOST": database.HOST, "TIDB_PORT": str(stand_in.port), **more}})
            return json.load(functions.invoke(FunctionName=function)["Payload"])

        refused = answer().get("errorMessage", "")
        run.check("SAM: it does not log in to a server that it cannot verify",
                  "CERTIFICATE_VERIFY_FAILED" in refused and stand_in.logins == 0, refused)
        run.equal("SAM: it logs in to one that it can, with the credentials of the secret, and asks it something",
                  answer(SSL_CERT_FILE=str(stand_in.authority)), {"version": database.VERSION})

    made = stack.physical_id("FunctionGroup")
    run.gone("SAM", stack, vpc)
    run.equal("SAM: and the function's own group with the stack", run.cloud.left("group", made), [])


def constructs(run):
    """One stack of the TypeScript example and one of the Python example, each with its provider, share an endpoint."""
    vpc = Vpc("cdk")
    cdk.synthesise(run.function, vpcId=vpc.id, serviceName=SERVICE)
    cdk.bootstrap(run.cloud)
    orders, billing = run.cloud.stack("orders"), run.cloud.stack("billing")
    run.deployed("CDK: a stack of the TypeScript example", orders, cdk.publish(run.cloud, cdk.TYPESCRIPT, "orders"))
    (endpoint,), (group,) = run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("CDK: makes the endpoint", orders.outputs,
              {"EndpointId": endpoint["id"], "Host": PRIVATE_NAME, "Reused": "false"})
    run.equal("CDK: with the tags of the example, and a group that lets the VPC in",
              (endpoint["tags"].get("team"), group["opens"]), ("data", [f"tcp 4000 for {vpc.cidr}"]))
    run.deployed("CDK: a stack of the Python example", billing, cdk.publish(run.cloud, cdk.PYTHON, "billing"))
    run.equal("CDK: joins it", billing.outputs, {**orders.outputs, "Reused": "true"})
    for stack in (orders, billing):
        run.check(f"CDK: the application of {stack.name} finds its JDBC URL",
                  f"//{PRIVATE_NAME}:4000/" in parameter(run, f"/{stack.name}/jdbc-url"))
        (log_group,), (function,) = (stack.physical_ids(f"AWS::{kind}") for kind in ("Logs::LogGroup", "Lambda::Function"))
        run.logs_of(f"CDK: logs of {stack.name}", log_group, function, run.exchanges(stack))
    run.equal("CDK: the first stack is deleted, and its provider with it", orders.delete().status, "DELETE_COMPLETE")
    run.equal("CDK: the endpoint stays for the other", [(one["id"], len(holders(one))) for one in run.endpoints(vpc)],
              [(endpoint["id"], 1)])
    run.gone("CDK", billing, vpc)


def parameter(run, name):
    return run.cloud.parameters.get_parameter(Name=name)["Parameter"]["Value"]
