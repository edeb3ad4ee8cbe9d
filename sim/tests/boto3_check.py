#!/usr/bin/env python3
"""Checks every action of a running ec2-sim with boto3, the AWS SDK for Python.

Usage: boto3_check.py URL

The server must be newly started, with the built-in world and short delays:

    ec2-sim --listen 127.0.0.1:0 --fast

Prints one line per check. The exit status is 0 if all checks pass, and 1 after the first that fails.
"""

import json
import sys
import time
import traceback
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

VPC = "vpc-0a11111111111111a"
SUBNETS = ["subnet-0a1c11111111111c1", "subnet-0a1d11111111111d1"]
UNSERVED = "subnet-0a1a11111111111a1"
GROUP = "sg-0a1db41111111111a"
SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718"
PRIVATE_NAME = "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com"
ABSENT = "vpce-0123456789abcdef0"
TIMEOUT_SECONDS = 30


class Simulation:
    def __init__(self, url):
        self.url = url.rstrip("/")
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            # A single attempt, so that errors are visible.
            config=Config(retries={"total_max_attempts": 1}, read_timeout=2),
        )

    def control(self, name, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_sim/{name}", data, timeout=10) as answer:
            return json.load(answer)

    def create(self, **more):
        """Creates an endpoint, and retries while throttled: the rate limit is 0.3 calls per second."""
        request = {
            "VpcEndpointType": "Interface",
            "VpcId": VPC,
            "ServiceName": SERVICE,
            "SubnetIds": SUBNETS,
            "SecurityGroupIds": [GROUP],
            "PrivateDnsEnabled": True,
        }
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                return self.ec2.create_vpc_endpoint(**(request | more))
            except ClientError as error:
                if error.response["Error"]["Code"] != "RequestLimitExceeded" or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def read(self, endpoint):
        """The endpoint, or None if it was deleted or is not visible yet."""
        try:
            return self.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidVpcEndpointId.NotFound", error
            return None

    def wait(self, endpoint, state):
        """Polls until the endpoint has the state; None waits until it is no longer listed."""

        def reached():
            seen = self.read(endpoint)
            return seen is None if state is None else seen is not None and seen["State"] == state

        until(reached, f"{endpoint} is {state or 'no longer listed'}")
        return self.read(endpoint)


def until(condition, what):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {TIMEOUT_SECONDS} s: {what}"
        time.sleep(0.2)


def rejected(call, code, part=""):
    """Asserts that a call is rejected with this code, and returns the HTTP status."""
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and part in found["Message"], f"{found}, expected {code} with {part!r}"
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"not rejected with {code}")


def raises(call, kind):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"did not raise {kind.__name__}")


def describe_availability_zones(sim):
    zones = sim.ec2.describe_availability_zones()["AvailabilityZones"]
    assert {zone["ZoneName"]: zone["ZoneId"] for zone in zones}["us-east-1c"] == "use1-az1"


def describe_vpcs(sim):
    vpc = sim.ec2.describe_vpcs(VpcIds=[VPC])["Vpcs"][0]
    assert [block["CidrBlock"] for block in vpc["CidrBlockAssociationSet"]] == ["10.0.0.0/16", "100.64.0.0/20"]
    assert vpc["OwnerId"] == "123456789012" and vpc["Tags"] == [{"Key": "Name", "Value": "application"}]
    pages = sim.ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5})
    assert len([vpc for page in pages for vpc in page["Vpcs"]]) == 5


def describe_and_modify_vpc_attribute(sim):
    vpc = "vpc-0b22222222222222b"

    def hostnames():
        return sim.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]

    assert hostnames() is False
    sim.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert hostnames() is True


def describe_subnets(sim):
    wanted = [{"Name": "vpc-id", "Values": [VPC]}, {"Name": "availability-zone-id", "Values": ["use1-az1", "use1-az2"]}]
    found = sim.ec2.describe_subnets(Filters=wanted)["Subnets"]
    assert [subnet["SubnetId"] for subnet in found] == SUBNETS
    assert found[0]["AvailableIpAddressCount"] == 4080 and found[0]["AvailabilityZone"] == "us-east-1c"
    assert found[0]["Ipv6Native"] is False and "OutpostArn" not in found[0]


def describe_vpc_endpoint_services(sim):
    answer = sim.ec2.describe_vpc_endpoint_services(ServiceNames=[SERVICE])
    detail = answer["ServiceDetails"][0]
    assert answer["ServiceNames"] == [SERVICE] and detail["PrivateDnsName"] == PRIVATE_NAME
    assert detail["ServiceType"] == [{"ServiceType": "Interface"}] and detail["AcceptanceRequired"] is False
    assert detail["AvailabilityZoneIds"] == ["use1-az1", "use1-az2"]
    rejected(lambda: sim.ec2.describe_vpc_endpoint_services(ServiceNames=["nonsense"]), "InvalidServiceName")


def security_groups(sim):
    vpc = [{"Name": "vpc-id", "Values": [VPC]}]
    names = {group["GroupName"] for group in sim.ec2.describe_security_groups(Filters=vpc)["SecurityGroups"]}
    assert names == {"default", "tidb-clients"}
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "created-by", "Value": "check"}]}]
    group = sim.ec2.create_security_group(GroupName="created", Description="check", VpcId=VPC, TagSpecifications=tags)["GroupId"]
    added = []
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 4000,
        "ToPort": 4000,
        "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "all"}],
        "UserIdGroupPairs": [{"GroupId": GROUP}],
    }

    def authorize():
        try:
            return sim.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        except ClientError as error:
            # A new security group is not visible at once.
            assert error.response["Error"]["Code"] == "InvalidGroup.NotFound", error
            return None

    until(lambda: added.extend((authorize() or {"SecurityGroupRules": []})["SecurityGroupRules"]) or added, "authorized")
    assert len(added) == 2
    of_group = [{"Name": "group-id", "Values": [group]}]

    def rules():
        return len(sim.ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"])

    until(lambda: rules() == 2, "both rules are visible")
    shown = sim.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"][0]
    assert shown["IpRanges"] == permission["IpRanges"] and shown["UserIdGroupPairs"][0]["GroupId"] == GROUP
    rejected(
        lambda: sim.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission]),
        "InvalidPermission.Duplicate",
    )
    rejected(lambda: sim.ec2.delete_security_group(GroupId=GROUP), "DependencyViolation")
    assert sim.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])["Return"] is True
    until(lambda: rules() == 0, "both rules are deleted")
    sim.ec2.delete_security_group(GroupId=group)
    rejected(lambda: sim.ec2.delete_security_group(GroupId=group), "InvalidGroup.NotFound")


def create_vpc_endpoint_errors(sim):
    assert rejected(lambda: sim.create(DryRun=True), "DryRunOperation") == 412
    rejected(lambda: sim.create(SubnetIds=[UNSERVED]), "InvalidParameter", "does not support the availability zone")
    rejected(lambda: sim.create(VpcEndpointType="Gateway"), "InvalidParameter", "only supported for Interface")
    rejected(
        lambda: sim.create(VpcEndpointType="Gateway", SubnetIds=[]), "InvalidServiceName", "the endpoint type 'Gateway'"
    )
    assert sim.control("endpoints") == []


def endpoint_lifecycle(sim):
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "1 <&> ü"}]}]
    created = sim.create(ClientToken="one", TagSpecifications=tags)
    endpoint = created["VpcEndpoint"]["VpcEndpointId"]
    assert created["VpcEndpoint"]["State"] == "pending"
    zones = {entry["DnsName"]: entry["HostedZoneId"] for entry in created["VpcEndpoint"]["DnsEntries"]}
    assert len(zones) == 4 and zones[PRIVATE_NAME] == "ZONEIDPENDING"
    assert created["VpcEndpoint"]["Groups"] == [{"GroupId": GROUP, "GroupName": "tidb-clients"}]
    again = sim.create(ClientToken="one", TagSpecifications=tags)
    assert again["VpcEndpoint"]["VpcEndpointId"] == endpoint
    rejected(lambda: sim.create(), "InvalidParameter", f"conflicting DNS domain for {PRIVATE_NAME} in the VPC {VPC}")
    seen = sim.wait(endpoint, "available")
    assert seen["Tags"] == tags[0]["Tags"] and seen["CreationTimestamp"].tzinfo is not None
    names = {entry["DnsName"] for entry in seen["DnsEntries"]}
    assert len(names) == 4 and PRIVATE_NAME in names
    assert all(entry["HostedZoneId"] != "ZONEIDPENDING" for entry in seen["DnsEntries"])
    assert all(name == PRIVATE_NAME or name.startswith(endpoint) for name in names)
    return endpoint


def describe_vpc_endpoints(sim, endpoint):
    wanted = {"vpc-id": VPC, "service-name": SERVICE, "vpc-endpoint-state": "available", "tag:a": "1*"}
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    pages = sim.ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=filters)
    assert [found["VpcEndpointId"] for page in pages for found in page["VpcEndpoints"]] == [endpoint]
    rejected(lambda: sim.ec2.describe_vpc_endpoints(VpcEndpointIds=["vpce-1"]), "InvalidVpcEndpointId.Malformed")
    rejected(lambda: sim.ec2.describe_vpc_endpoints(NextToken="nonsense"), "InvalidNextToken")


def describe_network_interfaces(sim, endpoint):
    mine = [{"Name": "description", "Values": [f"VPC Endpoint Interface {endpoint}"]}]
    found = sim.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
    assert {interface["SubnetId"] for interface in found} == set(SUBNETS)
    assert {interface["InterfaceType"] for interface in found} == {"vpc_endpoint"}
    assert all(interface["MacAddress"] and interface["SourceDestCheck"] for interface in found)
    rejected(lambda: sim.ec2.delete_subnet(SubnetId=SUBNETS[0]), "DependencyViolation")


def tags(sim, endpoint):
    def shown():
        of_endpoint = [{"Name": "resource-id", "Values": [endpoint]}]
        return {tag["Key"]: tag["Value"] for tag in sim.ec2.describe_tags(Filters=of_endpoint)["Tags"]}

    sim.ec2.create_tags(Resources=[endpoint], Tags=[{"Key": "b", "Value": ""}, {"Key": "c", "Value": "3"}])
    sim.ec2.delete_tags(Resources=[endpoint], Tags=[{"Key": "c", "Value": "other"}, {"Key": "a"}])
    until(lambda: shown() == {"b": "", "c": "3"}, "the tags are b and c")


def modify_vpc_endpoint(sim, endpoint):
    assert sim.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveSubnetIds=[SUBNETS[1]])["Return"] is True
    rejected(
        lambda: sim.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[SUBNETS[1]]),
        "OperationInProgress",
    )
    until(lambda: (sim.read(endpoint) or {}).get("SubnetIds") == SUBNETS[:1], "the subnet is removed")
    sim.wait(endpoint, "available")


def lost_responses(sim):
    other = {"ServiceName": SERVICE, "PrivateDnsEnabled": False}
    before = len(sim.control("endpoints"))
    sim.control("fault", {"action": "CreateVpcEndpoint", "verdict": "reset"})
    raises(lambda: sim.create(**other), ConnectionClosedError)
    sim.control("fault", {"action": "CreateVpcEndpoint", "verdict": "hang"})
    raises(lambda: sim.create(**other), ReadTimeoutError)
    failure = {"status": 503, "code": "Unavailable", "message": "The service is unavailable"}
    sim.control("fault", {"action": "CreateVpcEndpoint", "verdict": {"fail": failure}})
    assert rejected(lambda: sim.create(**other), "Unavailable") == 503
    assert len(sim.control("endpoints")) == before
    # After this time the call is not throttled, and so takes effect.
    time.sleep(4)
    sim.control("fault", {"action": "CreateVpcEndpoint", "verdict": {"lose_answer": "server_error"}})
    assert rejected(lambda: sim.create(**other), "InternalError") == 500
    assert len(sim.control("endpoints")) == before + 1


def foreign_endpoints(sim):
    spec = {"vpc_id": VPC, "service_name": SERVICE, "subnet_ids": SUBNETS[:1]}
    created = sim.control("foreign-endpoint", spec)["id"]
    assert sim.wait(created, "available")["Groups"][0]["GroupName"] == "default"
    sim.control("delete-endpoint", {"id": created})
    sim.wait(created, None)


def throttling(sim):
    for _ in range(10):
        try:
            sim.ec2.modify_vpc_endpoint(VpcEndpointId=ABSENT, PrivateDnsEnabled=False)
        except ClientError as error:
            if error.response["Error"]["Code"] == "RequestLimitExceeded":
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
                return
            assert error.response["Error"]["Code"] == "InvalidVpcEndpointId.NotFound", error
    raise AssertionError("not throttled")


def delete_vpc_endpoints(sim, endpoint):
    failure = {"code": "InvalidParameter", "message": "Cannot modify VPC Endpoint {id} at this time"}
    sim.control("fault", {"action": "DeleteVpcEndpoints", "verdict": {"fail_items": failure}})
    [item] = sim.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"]
    assert item["ResourceId"] == endpoint and endpoint in item["Error"]["Message"]
    answer = sim.ec2.delete_vpc_endpoints(VpcEndpointIds=[ABSENT, endpoint])
    items = [(item["ResourceId"], item["Error"]["Code"]) for item in answer["Unsuccessful"]]
    assert items == [(ABSENT, "InvalidVpcEndpoint.NotFound")]
    until(lambda: (sim.read(endpoint) or {"State": "deleted"})["State"] == "deleted", "the endpoint is deleted")
    sim.wait(endpoint, None)


def delete_subnet(sim):
    sim.ec2.delete_subnet(SubnetId=UNSERVED)
    rejected(lambda: sim.ec2.delete_subnet(SubnetId=UNSERVED), "InvalidSubnetID.NotFound")


def create_and_delete_network(sim):
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "created-by", "Value": "check"}]}]
    vpc = sim.ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tags)["Vpc"]
    assert vpc["Tags"] == tags[0]["Tags"] and vpc["CidrBlock"] == "10.9.0.0/16"
    subnet = sim.ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1c")["Subnet"]
    assert subnet["AvailabilityZoneId"] == "use1-az1" and subnet["AvailableIpAddressCount"] == 251
    rejected(lambda: sim.ec2.delete_vpc(VpcId=vpc["VpcId"]), "DependencyViolation")
    sim.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    sim.ec2.delete_vpc(VpcId=vpc["VpcId"])
    rejected(lambda: sim.ec2.delete_vpc(VpcId=vpc["VpcId"]), "InvalidVpcID.NotFound")


def peering_and_routes(sim):
    vpc = sim.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = sim.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    peering = sim.ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=VPC)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    accepted = sim.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)["VpcPeeringConnection"]
    assert accepted["Status"]["Code"] == "active" and accepted["AccepterVpcInfo"]["VpcId"] == VPC
    table = sim.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = sim.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.0.0.0/16"}
    sim.ec2.create_route(**route, VpcPeeringConnectionId=peering)
    rejected(lambda: sim.ec2.create_route(**route, VpcPeeringConnectionId=peering), "RouteAlreadyExists")

    def routes():
        pages = sim.ec2.get_paginator("describe_route_tables").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        tables = {one["RouteTableId"]: one for page in pages for one in page["RouteTables"]}
        # A read may not show it yet.
        shown = tables.get(table, {"Associations": [], "Routes": []})
        states = {one["DestinationCidrBlock"]: one["State"] for one in shown["Routes"]}
        return len(tables), [one["SubnetId"] for one in shown["Associations"]], states

    until(lambda: routes() == (2, [subnet], {"10.9.0.0/16": "active", "10.0.0.0/16": "active"}), "the route is active")
    sim.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    until(lambda: routes()[2]["10.0.0.0/16"] == "blackhole", "the route is a black hole")
    sim.ec2.delete_route(**route)
    rejected(lambda: sim.ec2.delete_route_table(RouteTableId=table), "DependencyViolation")
    sim.ec2.disassociate_route_table(AssociationId=association)
    rejected(lambda: sim.ec2.delete_vpc(VpcId=vpc), "DependencyViolation")
    sim.ec2.delete_route_table(RouteTableId=table)
    sim.ec2.delete_subnet(SubnetId=subnet)
    sim.ec2.delete_vpc(VpcId=vpc)


def no_unrecognized_requests(sim):
    assert sim.control("unrecognized-requests") == []
    rejected(lambda: sim.ec2.describe_instances(), "InvalidAction", "DescribeInstances")
    assert len(sim.control("unrecognized-requests")) == 1
    log = sim.control("log")
    assert [call["number"] for call in log] == list(range(len(log)))
    assert {call["caller"] for call in log} == {"any"}


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    sim = Simulation(sys.argv[1])
    endpoint = None
    steps = [
        describe_availability_zones,
        describe_vpcs,
        describe_and_modify_vpc_attribute,
        describe_subnets,
        describe_vpc_endpoint_services,
        security_groups,
        create_vpc_endpoint_errors,
        endpoint_lifecycle,
        describe_vpc_endpoints,
        describe_network_interfaces,
        tags,
        modify_vpc_endpoint,
        lost_responses,
        foreign_endpoints,
        throttling,
        delete_vpc_endpoints,
        delete_subnet,
        create_and_delete_network,
        peering_and_routes,
        no_unrecognized_requests,
    ]
    for step in steps:
        needs_endpoint = step.__code__.co_argcount == 2
        try:
            result = step(sim, endpoint) if needs_endpoint else step(sim)
        except Exception:  # any exception is a failed check
            traceback.print_exc()
            print(f"FAILED {step.__name__}")
            return 1
        endpoint = result or endpoint
        print(f"ok     {step.__name__}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
