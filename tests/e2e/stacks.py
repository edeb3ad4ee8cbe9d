"""Deploys and inspects CloudFormation stacks and their security groups with boto3."""

import hashlib
import io
import json
import re
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from engine import BOOTSTRAP, ROOT, get_json
from scene import REGION

BUCKET = "deployment"
TEMPLATE = ROOT / "template.yaml"
PLAIN_TEMPLATE, ROLES_TEMPLATE = ROOT / "template.cloudformation.yaml", ROOT / "template.roles.yaml"
TEMPLATE_BODY_MAX = 51_200
POLL_SECONDS = 0.05
#: Several times as long as the slowest operation takes.
PATIENCE_SECONDS = 300


def zipped(files):
    """A deployment package with these files, all of them executable."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return archive.getvalue()


def provider_zip():
    return zipped({"bootstrap": BOOTSTRAP.read_bytes()})


class Stack:
    """A stack. `deploy` and `delete` wait until the operation is complete; for what waits together, there are `begin`,
    `begin_delete`, and `wait`."""

    def __init__(self, cloud, name):
        self.cloud, self.name, self.id = cloud, name, None

    def deploy(self, template, **given):
        """Creates or updates the stack, as `sam deploy` does. Returns the stack in its final `status`."""
        self.begin(template, **given)
        return self.wait()

    def begin(self, template, capabilities=("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"), **parameters):
        """The same without waiting."""
        given = dict(
            self.cloud.template(template if isinstance(template, str) else json.dumps(template)),
            StackName=self.name,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=list(capabilities),
        )
        if self.id is None:
            self.id = self.cloud.cloudformation.create_stack(**given)["StackId"]
        else:
            self.cloud.cloudformation.update_stack(**given)

    def delete(self):
        self.begin_delete()
        return self.wait()

    def begin_delete(self):
        self.cloud.cloudformation.delete_stack(StackName=self.id)

    def wait(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.status.endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} is still {self.status} after {PATIENCE_SECONDS} s")
            time.sleep(POLL_SECONDS)
        return self

    @property
    def status(self):
        return self._described()["StackStatus"]

    @property
    def outputs(self):
        return {output["OutputKey"]: output["OutputValue"] for output in self._described().get("Outputs", [])}

    @property
    def events(self):
        """Oldest first."""
        pages = self.cloud.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.id)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    @property
    def reason(self):
        """The status reason of the last resource that failed, which is what a user would look for first."""
        reasons = [event.get("ResourceStatusReason", "") for event in self.events
                   if event["ResourceStatus"].endswith("_FAILED") and event["LogicalResourceId"] != self.name]
        return reasons[-1] if reasons else ""

    def physical_ids(self, kind):
        resources = self.cloud.cloudformation.describe_stack_resources(StackName=self.id)["StackResources"]
        return [one["PhysicalResourceId"] for one in resources if one["ResourceType"] == kind]

    def physical_id(self, logical_id):
        detail = self.cloud.cloudformation.describe_stack_resource(StackName=self.id, LogicalResourceId=logical_id)
        return detail["StackResourceDetail"]["PhysicalResourceId"]

    def _described(self):
        return self.cloud.cloudformation.describe_stacks(StackName=self.id)["Stacks"][0]


class Cloud:
    """The AWS services that a deployment uses."""

    def __init__(self, aws, ec2):
        self.simulator = ec2

        def client(service, url=aws):
            return boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id="test",
                                aws_secret_access_key="test", config=Config(s3={"addressing_style": "path"}))
        self.cloudformation, self.s3, self.logs = client("cloudformation"), client("s3"), client("logs")
        self.functions, self.parameters, self.secrets = client("lambda"), client("ssm"), client("secretsmanager")
        self.cloudwatch, self.events, self.ec2 = client("cloudwatch"), client("events"), client("ec2", ec2)
        self.names = client("route53")
        self.iam, self.sqs = client("iam"), client("sqs")

    def package(self, template, archive):
        """Uploads a function and returns a template that references it, as `sam build` and `sam package` do."""
        key = f"{template.parent.name}.zip"
        self.upload(BUCKET, key, archive)
        text, replaced = re.subn(r"(?m)(?<=^      CodeUri: ).+$", f"s3://{BUCKET}/{key}", template.read_text())
        if replaced == 0:
            raise RuntimeError(f"{template} must contain a function with a CodeUri.")
        return text

    def upload(self, bucket, key, body):
        self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def template(self, text):
        """A template as CloudFormation accepts it: a long one has to be in a bucket, where the SAM CLI puts every one."""
        if len(text.encode()) <= TEMPLATE_BODY_MAX:
            return {"TemplateBody": text}
        key = f"{hashlib.sha256(text.encode()).hexdigest()}.template"
        self.upload(BUCKET, key, text.encode())
        return {"TemplateURL": f"{self.s3.meta.endpoint_url}/{BUCKET}/{key}"}

    def stack(self, name):
        return Stack(self, name)

    def ask(self, function, question):
        """Asks the function, as `aws lambda invoke` does. Returns the answer, or the error that Lambda returns."""
        payload = question if isinstance(question, str) else json.dumps(question)
        response = self.functions.invoke(FunctionName=function, Payload=payload.encode())
        return json.loads(response["Payload"].read())

    def exports(self):
        return {export["Name"]: export["Value"] for export in self.cloudformation.list_exports()["Exports"]}

    def alarms(self):
        return self.cloudwatch.describe_alarms()["MetricAlarms"]

    def function(self, name):
        """The tracing mode and asynchronous invocation settings of a function."""
        config = self.functions.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
        return {"Tracing": self.functions.get_function_configuration(FunctionName=name)["TracingConfig"]["Mode"],
                **{key: config.get(key) for key in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts")}}

    def left(self, kind, id):
        """The deleted resource if EC2 still lists it, after waiting for the read lag."""
        describe, name = {"vpc": (self.ec2.describe_vpcs, "Vpcs"),
                          "group": (self.ec2.describe_security_groups, "SecurityGroups")}[kind]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            shown = describe(Filters=[{"Name": f"{kind}-id", "Values": [id]}])[name]
            if not shown or time.monotonic() > deadline:
                return shown
            time.sleep(POLL_SECONDS)

    def own_groups(self, *vpcs):
        """The provider's security groups in these VPCs: ID, name, tags, and ingress rules."""
        groups = [group for group in get_json(f"{self.simulator}/_sim/groups")
                  if group["vpc_id"] in [vpc.id for vpc in vpcs]]

        def described(rule):
            first, last = rule["from_port"], rule["to_port"]
            ports = first if first == last else f"{first}-{last}"
            (source,) = rule["source"].values()
            return f"{rule['protocol'].upper()} {ports} from {source}"

        return [{
            "id": group["id"],
            "name": group["name"],
            "tags": group["tags"],
            "allows": sorted(described(rule) for rule in group["ingress"]),
        } for group in groups if group["name"].startswith("tidb-private-endpoint")]

    def log_lines(self, group):
        """The lines that the functions logged, oldest first, without Lambda's own lines. None if the log group does not
        exist."""
        try:
            pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            lines = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        return [line for line in lines if line and line.split()[0] not in ("START", "END", "REPORT")]
