"""A platform team deploys the template without a transform, as its guidelines require, and a stack moves from that provider to
another one.

Takes the run of e2e.py, which the scenarios share.
"""

import json

from scene import ACCOUNT, REGION, SERVICE, Vpc
from stacks import PLAIN_TEMPLATE, ROLES_TEMPLATE

NAME = "platform-provider"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-123456789012"
CODE = {"CodeBucket": "releases", "CodeKey": "tidb-private-endpoint-0.1.0.zip"}
#: AWS requires no more than this for the template: no transform, and no roles with names.
CAPABILITIES = ["CAPABILITY_IAM"]


def platform(run):
    run.cloud.upload(CODE["CodeBucket"], CODE["CodeKey"], run.function)
    failed_first_deployment(run)
    provider, template = run.cloud.stack(NAME), PLAIN_TEMPLATE.read_text()
    vpc, queue = Vpc("platform"), run.cloud.sqs.create_queue(QueueName="failed-events")["QueueUrl"]
    queue = run.cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    run.deployed("platform: the template without a transform is deployed with every option", provider, template,
                 capabilities=CAPABILITIES, **CODE, VpcId=vpc.id, ServiceName=SERVICE, Tags="team=data,stage=test",
                 AllowedCidrs=f"{vpc.block}.1.0/24", AvailabilityZoneIds="use1-az1", PermissionsBoundaryArn=BOUNDARY,
                 RolePath="/platform/", LogGroupKmsKeyArn=KEY, LogLevel="DEBUG", OnFailureDestinationArn=queue,
                 ReservedConcurrency="5", Dashboard="true", StatusSchedule="rate(1 day)",
                 ExportPrefix="platform")
    outputs, (endpoint,), (group,) = provider.outputs, run.endpoints(vpc), run.cloud.own_groups(vpc)
    run.equal("platform: the endpoint has the tags, the zone, and the clients of the parameters",
              ({key: endpoint["tags"].get(key) for key in ("team", "stage")}, outputs["EndpointAvailabilityZoneIds"],
               group["allows"]), ({"team": "data", "stage": "test"}, "use1-az1", [f"TCP 4000 from {vpc.block}.1.0/24"]))
    run.equal("platform: outputs describe the endpoint",
              (outputs["EndpointOwnSecurityGroupId"], outputs["EndpointPort"], outputs["EndpointReused"]),
              (group["id"], "4000", "false"))
    run.check("platform: the warnings are an output", "EndpointWarnings" in outputs, outputs)
    role = run.cloud.iam.get_role(RoleName=outputs["FunctionRoleArn"].split("/")[-1])["Role"]
    # ministack keeps neither the permissions boundary of a role nor the reserved concurrency of a function.
    run.equal("platform: the role has the path", role["Path"], "/platform/")
    config = run.cloud.functions.get_function_configuration(FunctionName=outputs["FunctionName"])
    run.equal("platform: the function has the role, the log level, and the log group",
              (config["Role"], config["LoggingConfig"]),
              (role["Arn"], {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "LogGroup": outputs["LogGroupName"]}))
    (logs,) = run.cloud.logs.describe_log_groups(logGroupNamePrefix=outputs["LogGroupName"])["logGroups"]
    run.equal("platform: the log group has the key and the retention", (logs.get("kmsKeyId"), logs["retentionInDays"]),
              (KEY, 30))
    run.equal("platform: failed events go to the queue",
              run.cloud.functions.get_function_event_invoke_config(FunctionName=outputs["FunctionName"], Qualifier="$LATEST")
              ["DestinationConfig"]["OnFailure"]["Destination"], queue)
    dashboard = json.loads(run.cloud.cloudwatch.get_dashboard(DashboardName=outputs["DashboardName"])["DashboardBody"])
    run.check("platform: the dashboard has widgets for events, the endpoint, and the status",
              len(dashboard["widgets"]) == 8 and endpoint["id"] in json.dumps(dashboard)
              and outputs["FunctionName"] in json.dumps(dashboard), dashboard)
    moved = moving(run)
    # Nobody needs the first provider any more.
    failures = run.together([lambda: run.gone("platform", provider, vpc), lambda: run.gone("moving", moved, Vpc("moving"))])
    run.equal("platform: both are deleted at the same time", failures, [])
    run.check("platform: the log group outlives the stack", run.cloud.log_lines(outputs["LogGroupName"]))


def failed_first_deployment(run):
    """The reason is in the log, so the log is not deleted in the rollback; and it is not in the way of the next attempt. That
    one has a role that somebody else created."""
    stack, template = run.cloud.stack(NAME), PLAIN_TEMPLATE.read_text()
    run.deployed("platform: the first deployment fails, because DNS hostnames are off", stack, template, "ROLLBACK_COMPLETE",
                 capabilities=CAPABILITIES, **CODE, VpcId=Vpc("no-dns-hostnames").id, ServiceName=SERVICE,
                 ExportPrefix="platform")
    reason = stack.reason
    group = reason.rpartition(" in ")[2].rstrip(".")
    lines = run.cloud.log_lines(group) or []
    run.check("platform: its reason names the log group, which has the reason", group.startswith(f"/aws/lambda/{NAME}-")
              and any("enable-dns-hostnames" in line for line in lines), (reason, lines))
    run.equal("platform: the failed stack is deleted", stack.delete().status, "DELETE_COMPLETE")
    again = run.cloud.stack(NAME)
    roles = run.cloud.stack("approved-roles")
    run.deployed("platform: another team creates the roles", roles, ROLES_TEMPLATE.read_text(), capabilities=CAPABILITIES,
                 ProviderStackName=NAME, PermissionsBoundaryArn=BOUNDARY)
    role = roles.outputs["RoleArn"]
    run.deployed("platform: the same name is free again, for a provider with an existing role", again, template,
                 capabilities=CAPABILITIES, **CODE, RoleArn=role, ExportPrefix="platform")
    config = run.cloud.functions.get_function_configuration(FunctionName=again.outputs["FunctionName"])
    run.equal("platform: the function has that role, and the stack has none",
              (config["Role"], again.outputs["FunctionRoleArn"], again.physical_ids("AWS::IAM::Role")), (role, role, []))
    run.equal("platform: the stack is deleted", again.delete().status, "DELETE_COMPLETE")
    roles.delete()


def moving(run):
    """A stack moves to another provider: the changed token alone is rejected, and with a new logical ID the endpoint stays.
    Returns the stack."""
    vpc, stack = Vpc("moving"), run.cloud.stack("moving")

    def template(logical_id, prefix):
        return {"Resources": {logical_id: {
            "Type": "Custom::TiDBCloudPrivateEndpoint",
            "Properties": {"ServiceToken": {"Fn::ImportValue": f"{prefix}-ServiceToken"}, "ServiceTimeout": 900,
                           "VpcId": vpc.id, "ServiceName": SERVICE}}},
            "Outputs": {"EndpointId": {"Value": {"Ref": logical_id}},
                        "Reused": {"Value": {"Fn::GetAtt": [logical_id, "Reused"]}}}}

    run.deployed("moving: the stack is created with the first provider", stack, template("TiDB", "platform"))
    (endpoint,) = run.endpoints(vpc)
    run.deployed("moving: another token for the same resource is rejected", stack,
                 template("TiDB", "tidb-private-endpoint"), "UPDATE_ROLLBACK_COMPLETE")
    run.equal("moving: the reason is CloudFormation's", stack.reason, "Modifying service token is not allowed.")
    run.equal("moving: no provider was called, and nothing has changed", (run.request_types(stack), run.endpoints(vpc)),
              (["Create"], [endpoint]))
    run.deployed("moving: with a new logical ID, the update succeeds", stack, template("TiDB2", "tidb-private-endpoint"),
                 "UPDATE_COMPLETE")
    run.equal("moving: the new resource joins, then the old one leaves", run.request_types(stack),
              ["Create", "Create", "Delete"])
    run.equal("moving: the endpoint is the same", (stack.outputs, [one["id"] for one in run.endpoints(vpc)]),
              ({"EndpointId": endpoint["id"], "Reused": "true"}, [endpoint["id"]]))
    return stack
