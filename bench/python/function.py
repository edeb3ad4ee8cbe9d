"""The Python peer: creates or reuses the endpoint of a service in a VPC, following the documentation of crhelper and boto3.
It does not coordinate sharing or validate requests."""

import time

import boto3
from crhelper import CfnResource

# As in the example in crhelper's README, but without the two minutes of sleep before the response to a Delete request.
helper = CfnResource(json_logging=False, log_level="DEBUG", boto_level="CRITICAL", sleep_on_delete=0)

try:
    ec2 = boto3.client("ec2")
except Exception as error:
    helper.init_failure(error)

# The polling interval in seconds, which is the isComplete interval of the CDK's provider framework.
POLL = 5


def find(properties):
    """Returns the usable endpoint of the service in the VPC, if there is one."""
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[
        {"Name": "vpc-id", "Values": [properties["VpcId"]]},
        {"Name": "service-name", "Values": [properties["ServiceName"]]}])
    for page in pages:
        for endpoint in page["VpcEndpoints"]:
            if endpoint["State"].lower() in ("available", "pending"):
                return endpoint
    return None


def subnets(properties):
    """Returns one subnet in every zone that the service supports."""
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
