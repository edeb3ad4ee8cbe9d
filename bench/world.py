"""The initial state of the simulated EC2, and the events that CloudFormation sends."""

import uuid

REGION = "us-east-1"
ACCOUNT = "123456789012"
ZONES = {"us-east-1a": "use1-az4", "us-east-1b": "use1-az1", "us-east-1c": "use1-az2"}
SERVICE = f"com.amazonaws.vpce.{REGION}.vpce-svc-0123456789abcdef0"
OTHER_SERVICE = f"com.amazonaws.vpce.{REGION}.vpce-svc-0fedcba9876543210"
TOKEN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:bench"

#: No delays, no read lag, and no throttling, so that only the time of the function is measured.
INSTANT = {
    "latency_ms": [0, 0], "read_lag_ms": [0, 0], "create_ms": [0, 0], "modify_ms": [0, 0], "delete_ms": [0, 0],
    "deleted_listed_ms": [0, 0], "zone_release_ms": [0, 0], "group_lag_ms": [0, 0], "throttling": False,
}


def vpc_id(number):
    return f"vpc-{number:017x}"


def group_id(number):
    return f"sg-{number:017x}"


def world(vpcs, subnets=3, endpoints=()):
    """A world with VPCs that each have subnets in all zones and a security group that allows TCP port 4000 from the VPC."""
    zones = list(ZONES)
    return {
        "region": REGION, "account": ACCOUNT, "zones": ZONES, "knobs": INSTANT,
        "vpcs": [{"id": vpc_id(n), "cidr_blocks": ["10.0.0.0/16"], "dns_hostnames": True} for n in range(vpcs)],
        "subnets": [{"id": f"subnet-{n:08x}{i:09x}", "vpc_id": vpc_id(n), "zone": zones[i % len(zones)],
                     "free_addresses": 50, "cidr_block": f"10.0.{i // 4}.{i % 4 * 64}/26"}
                    for n in range(vpcs) for i in range(subnets)],
        "groups": [{"id": group_id(n), "name": "database", "vpc_id": vpc_id(n), "ingress": [
            {"protocol": "tcp", "from_port": 4000, "to_port": 4000, "source": {"cidr": "10.0.0.0/16"}}]}
            for n in range(vpcs)],
        "services": [
            {"name": SERVICE, "owner": "999999999999", "zone_ids": ["use1-az1", "use1-az4"],
             "private_dns_name": f"gateway01-privatelink.{REGION}.prod.aws.tidbcloud.com"},
            {"name": OTHER_SERVICE, "owner": "999999999999", "zone_ids": ["use1-az1", "use1-az4"],
             "private_dns_name": f"gateway02-privatelink.{REGION}.prod.aws.tidbcloud.com"}],
        "endpoints": list(endpoints),
    }


def event(vpc, answers, request_type="Create", **extra):
    """An event of a new stack."""
    stack = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/app/{uuid.uuid4()}"
    return {
        "RequestType": request_type, "ServiceToken": TOKEN, "StackId": stack, "RequestId": str(uuid.uuid4()),
        "ResponseURL": f"{answers}/answer?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", "LogicalResourceId": "TiDB",
        "ResourceType": "Custom::TiDBCloudPrivateEndpoint",
        "ResourceProperties": {"ServiceToken": TOKEN, "ServiceName": SERVICE, "VpcId": vpc_id(vpc),
                               "SecurityGroupIds": [group_id(vpc)], **extra},
    }
