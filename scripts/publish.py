"""Publishes a release to regional buckets, and prints links with which people launch it.

    python publish.py --buckets PREFIX --regions REGION,… [--dry-run] [--dist FOLDER]

Each bucket PREFIX-REGION gets the zip files and the templates under tidb-private-endpoint/vX.Y.Z/, with the bucket and the
key in the template's defaults. Nothing is overwritten: a release that is there stays as it is. Needs the AWS CLI with
credentials; --dry-run only prints what would be done. release/ has templates for the buckets and for the role.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

import package
import version

FOLDER = "tidb-private-endpoint"
#: Template and zip file of each architecture.
ARCHITECTURES = [("template.cloudformation.yaml", "tidb-private-endpoint.zip"),
                 ("template.cloudformation-arm64.yaml", "tidb-private-endpoint-arm64.zip")]
STACK = "tidb-private-endpoint"


def located(template, bucket, key):
    """The template with bucket and key of the code as its defaults."""
    for parameter, value in (("CodeBucket", bucket), ("CodeKey", key)):
        found = re.search(rf"(?m)^  {parameter}:\n((?:    .*\n)+)", template)
        if found is None:
            sys.exit(f"The template has no parameter {parameter}.")
        rest = re.sub(r"(?m)^    Default: .*\n", "", found.group(1))
        changed = f"  {parameter}:\n    Default: {value}\n{rest}"
        template = template[:found.start()] + changed + template[found.end():]
    return template


def link(bucket, region, key):
    """Opens the CloudFormation console with the template."""
    template = f"https://{bucket}.s3.{region}.amazonaws.com/{key}"
    query = urllib.parse.urlencode({"templateURL": template, "stackName": STACK})
    return f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/create/review?{query}"


def uploads(dist, bucket, release):
    """Key and contents of each object."""
    objects = []
    for template, archive in ARCHITECTURES:
        if not (dist / archive).exists():
            continue
        key = f"{FOLDER}/{release}/{archive}"
        text = located((dist / template).read_text(), bucket, key)
        objects += [(key, (dist / archive).read_bytes()), (f"{FOLDER}/{release}/{template}", text.encode())]
    if not objects:
        sys.exit(f"{dist} has no zip file of the function. Run make package.")
    return objects


def put(bucket, region, key, content, dry_run):
    command = ["aws", "s3api", "put-object", "--region", region, "--bucket", bucket, "--key", key, "--if-none-match", "*"]
    print(" ".join(command), f"({len(content):,} bytes)")
    if dry_run:
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        done = subprocess.run([*command, "--body", file.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode and "PreconditionFailed" in done.stdout:
        print("It is there already and stays.")
    elif done.returncode:
        sys.exit(f"{key} could not be stored in {bucket}: {done.stdout.strip()}")


def main(*arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buckets", required=True)
    parser.add_argument("--regions", required=True)
    parser.add_argument("--dist", type=pathlib.Path, default=package.DIST)
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args(arguments)
    release, links = f"v{version.version()}", []
    for region in given.regions.split(","):
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
            sys.exit(f"{region!r} is not a Region.")
        bucket = f"{given.buckets}-{region}"
        for key, content in uploads(given.dist, bucket, release):
            put(bucket, region, key, content, given.dry_run)
        links.append((region, link(bucket, region, f"{FOLDER}/{release}/{ARCHITECTURES[0][0]}")))
    print("\n| Region | |\n|---|---|")
    print("\n".join(f"| {region} | [Launch Stack]({address}) |" for region, address in links))


if __name__ == "__main__":
    main(*sys.argv[1:])
