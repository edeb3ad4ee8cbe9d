"""The peer in Python: the endpoint of a service in a VPC, created if it is missing and reused if it is there, written
as the documentation of crhelper and boto3 shows. It knows nothing of sharing, and refuses nothing beforehand."""

import time

import boto3
from crhelper import CfnResource

# As in the example of crhelper's README, but for the two minutes that it would sleep before it answers a Delete.
helper = CfnResource(json_logging=False, log_level="DEBUG", boto_level="CRITICAL", sleep_on_delete=0)

try:
    ec2 = boto3.client("ec2")
except Exception as error:
    helper.init_failure(error)

# Seconds between two looks; what CDK's provider framework has for its isComplete.
POLL = 5


def find(properties):
    """The usable endpoint of the service in the VPC, if there is one."""
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[
        {"Name": "vpc-id", "Values": [properties["VpcId"]]},
        {"Name": "service-name", "Values": [properties["ServiceName"]]}])
    for page in pages:
        for endpoint in page["VpcEndpoints"]:
            if endpoint["State"].lower() in ("available", "pending"):
                return endpoint
    return None


def subnets(properties):
    """One subnet in every zone that the service serves."""
    service = ec2.describe_vpc_endpoint_services(ServiceNames=[properties["ServiceName"]])["ServiceDetails"][0]
    chosen = {}
    pages = ec2.get_paginator("describe_subnets").paginate(
        Filters=[{"Name": "vpc-id", "Values": [properties["VpcId"]]}])
    for page in pages:
        for subnet in page["Subnets"]:
            if subnet["AvailabilityZone"] in service["AvailabilityZones"]:
                chosen.setdefault(subnet["AvailabilityZone"], subnet["SubnetId"])
    return list(chosen.values())


@helper.create
@helper.update
def create(event, context):
    properties = event["ResourceProperties"]
    endpoint = find(properties)
    helper.Data["Reused"] = "false" if endpoint is None else "true"
    if endpoint is None:
        ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=properties["VpcId"], ServiceName=properties["ServiceName"],
            SubnetIds=subnets(properties), SecurityGroupIds=properties["SecurityGroupIds"], PrivateDnsEnabled=True)
        endpoint = find(properties)
    while endpoint is None or endpoint["State"].lower() != "available":
        time.sleep(POLL)
        endpoint = find(properties)
    helper.Data["EndpointId"] = endpoint["VpcEndpointId"]
    helper.Data["DnsName"] = endpoint["DnsEntries"][0]["DnsName"]
    return endpoint["VpcEndpointId"]


@helper.delete
def delete(event, context):
    ec2.delete_vpc_endpoints(VpcEndpointIds=[event["PhysicalResourceId"]])


def handler(event, context):
    helper(event, context)
