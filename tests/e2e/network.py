"""The VPCs, subnets and security groups of templates, made in the simulated EC2.

ministack has an EC2 of its own, where the function could not find them, and where one can be deleted that is in use.
"""

import os

import boto3

#: What CloudFormation signs its calls with here, so that they can be told from the function's.
ACCESS_KEY = "cloudformation"


def redirect(handlers):
    """Replaces what ministack does with resources of these types."""
    url, region = os.environ["AWS_ENDPOINT_URL_EC2"], os.environ["MINISTACK_REGION"]
    ec2 = boto3.client("ec2", endpoint_url=url, region_name=region, aws_access_key_id=ACCESS_KEY,
                       aws_secret_access_key=ACCESS_KEY)

    def make_vpc(CidrBlock, EnableDnsSupport="true", EnableDnsHostnames="false", **tags):
        vpc = ec2.create_vpc(CidrBlock=CidrBlock, **tagged("vpc", **tags))["Vpc"]["VpcId"]
        # EC2 takes one attribute a call.
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": is_true(EnableDnsSupport)})
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": is_true(EnableDnsHostnames)})
        return vpc, {"VpcId": vpc, "CidrBlock": CidrBlock}

    def make_subnet(VpcId, CidrBlock, AvailabilityZoneId, **tags):
        subnet = ec2.create_subnet(VpcId=VpcId, CidrBlock=CidrBlock, AvailabilityZoneId=AvailabilityZoneId,
                                   **tagged("subnet", **tags))["Subnet"]
        return subnet["SubnetId"], {"SubnetId": subnet["SubnetId"], "AvailabilityZone": subnet["AvailabilityZone"]}

    def make_group(logical_id, GroupDescription, VpcId, **tags):
        group = ec2.create_security_group(GroupName=logical_id, Description=GroupDescription, VpcId=VpcId,
                                          **tagged("security-group", **tags))["GroupId"]
        return group, {"GroupId": group, "VpcId": VpcId}

    handlers.update({
        "AWS::EC2::VPC": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_vpc(**properties),
            "delete": lambda vpc, properties: ec2.delete_vpc(VpcId=vpc),
        },
        "AWS::EC2::Subnet": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_subnet(**properties),
            "delete": lambda subnet, properties: ec2.delete_subnet(SubnetId=subnet),
        },
        "AWS::EC2::SecurityGroup": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_group(f"{stack}-{logical_id}", **properties),
            "delete": lambda group, properties: ec2.delete_security_group(GroupId=group),
        },
    })


def not_played(physical_id, old, new, stack):
    """Without an update ministack would make a second one."""
    raise ValueError(f"{physical_id}: changes of networks are not played here")


def is_true(value):
    """A template's boolean, which may be a text."""
    return str(value).lower() == "true"


def tagged(kind, Tags=()):
    """A property of another name is a TypeError, and so a failed resource, rather than overlooked."""
    # ministack adds those that CloudFormation adds past the API; nobody may write them through it.
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in Tags if not tag["Key"].startswith("aws:")]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}
