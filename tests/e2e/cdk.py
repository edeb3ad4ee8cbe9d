"""Packages, synthesizes, and publishes the CDK examples as users and `cdk deploy` do.

Requires Node.js and a build of the constructs (`make cdk`).
"""

import json
import os
import shutil
import subprocess

from engine import HERE, ROOT, RUN
from scene import ACCOUNT, REGION, SERVICE

CDK = ROOT / "cdk"
TYPESCRIPT, PYTHON = RUN / "cdk-typescript", RUN / "cdk-python"
README, CHECKED, NESTED = RUN / "cdk-readme", RUN / "cdk-checked", RUN / "cdk-nested"


def synthesize(function, **context):
    """Packages the constructs with this function and runs both examples, which write the cloud assemblies TYPESCRIPT and
    PYTHON."""
    archive = RUN / "function.zip"
    archive.write_bytes(function)
    call(CDK, "node", "scripts/stage.js", archive)
    call(CDK, "node", "scripts/example.js", TYPESCRIPT, *(f"{name}={value}" for name, value in context.items()))
    call(CDK, "bash", "scripts/wheel.sh", "build/package", "build/python")
    shutil.rmtree(PYTHON, ignore_errors=True)
    call(ROOT / "examples" / "cdk-python", CDK / ".venv" / "bin" / "python", "app.py", CDK_OUTDIR=str(PYTHON),
         CDK_CONTEXT_JSON=json.dumps(context))


def synthesize_readme(vpc, names):
    """Runs the first example of the README in one VPC that exists, once for each of these stacks, which writes the cloud
    assembly README."""
    code = (CDK / "README.md").read_text().split("```ts\n")[1].split("```")[0]
    for old, new in (
            ("const stack = new Stack(app, 'orders');",
             f"for (const name of {json.dumps(names)}) {{\nconst stack = new Stack(app, name);"),
            ("new ec2.Vpc(stack, 'Vpc');",
             "ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: app.node.getContext('vpcId'), "
             "availabilityZones: ['us-east-1b'], privateSubnetIds: [app.node.getContext('subnetId')] });")):
        if old not in code:
            raise ValueError(f"the first example of the README no longer contains: {old}")
        code = code.replace(old, new)
    program = RUN / "readme.ts"
    program.write_text(code + "}\n")
    call(CDK, "node", "scripts/example.js", README, f"app={program}", f"vpcId={vpc.id}",
         f"subnetId={vpc.subnets['use1-az1']}")


def synthesize_nested(vpc):
    """Writes the cloud assembly NESTED with a client in a nested stack. Call `synthesize` first."""
    shutil.rmtree(NESTED, ignore_errors=True)
    call(CDK, "node", HERE / "nested.js", NESTED, vpc.id, vpc.subnets["use1-az1"], SERVICE,
         NODE_PATH=str(CDK / "node_modules"))


def synthesize_check(vpc, port):
    """Writes the cloud assembly CHECKED with a stack that checks the connection to a local port. Call `synthesize` first."""
    shutil.rmtree(CHECKED, ignore_errors=True)
    call(CDK, "node", HERE / "checked.js", CHECKED, vpc.id, vpc.subnets["use1-az1"], vpc.group, port,
         NODE_PATH=str(CDK / "node_modules"))


def bootstrap(cloud):
    """Creates the part of the bootstrap resources that the templates require."""
    cloud.parameters.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="21")


def publish(cloud, assembly, stack):
    """Uploads the assets of a stack and returns its template."""
    for file in json.loads((assembly / f"{stack}.assets.json").read_text())["files"].values():
        (where,) = file["destinations"].values()
        bucket = where["bucketName"].replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
        cloud.upload(bucket, where["objectKey"], (assembly / file["source"]["path"]).read_bytes())
    return (assembly / f"{stack}.template.json").read_text()


def call(folder, *command, **environment):
    """Runs a program. Its output is shown only if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=folder, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
                              **os.environ, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20", **environment})
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}")
