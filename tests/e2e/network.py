"""Creates the VPCs, subnets, and security groups in templates in the simulated EC2.

ministack would create them in its own EC2, where the function could not find them, and where resources that are in use can
be deleted.
"""

import os
import time

import boto3
from botocore.exceptions import ClientError

#: The access key of CloudFormation, which distinguishes its calls from those of the function.
ACCESS_KEY = "cloudformation"


def redirect(handlers):
    """Replaces ministack's handlers for these resource types."""
    url, region = os.environ["AWS_ENDPOINT_URL_EC2"], os.environ["MINISTACK_REGION"]
    ec2 = boto3.client("ec2", endpoint_url=url, region_name=region, aws_access_key_id=ACCESS_KEY,
                       aws_secret_access_key=ACCESS_KEY)

    def make_vpc(CidrBlock, EnableDnsSupport="true", EnableDnsHostnames="false", **tags):
        vpc = ec2.create_vpc(CidrBlock=CidrBlock, **tagged("vpc", **tags))["Vpc"]["VpcId"]
        # EC2 accepts only one attribute in each call.
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": is_true(EnableDnsSupport)})
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": is_true(EnableDnsHostnames)})
        return vpc, {"VpcId": vpc, "CidrBlock": CidrBlock}

    def make_subnet(VpcId, CidrBlock, AvailabilityZoneId, **tags):
        subnet = ec2.create_subnet(VpcId=VpcId, CidrBlock=CidrBlock, AvailabilityZoneId=AvailabilityZoneId,
                                   **tagged("subnet", **tags))["Subnet"]
        return subnet["SubnetId"], {"SubnetId": subnet["SubnetId"], "AvailabilityZone": subnet["AvailabilityZone"]}

    def delete_group(group):
        # EC2 does not find a new security group at first, but a test can delete a stack as soon as it is created.
        deadline = time.monotonic() + 10
        while True:
            try:
                return ec2.delete_security_group(GroupId=group)
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidGroup.NotFound" or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def rule(GroupId, SourceSecurityGroupId, IpProtocol, FromPort, ToPort, Description=""):
        source = {"GroupId": SourceSecurityGroupId, "Description": Description}
        return {"GroupId": GroupId, "IpPermissions": [{
            "IpProtocol": IpProtocol, "FromPort": int(FromPort), "ToPort": int(ToPort), "UserIdGroupPairs": [source]}]}

    def make_rule(properties):
        rules = ec2.authorize_security_group_ingress(**rule(**properties))["SecurityGroupRules"]
        return rules[0]["SecurityGroupRuleId"], {}

    def make_group(logical_id, GroupDescription, VpcId, SecurityGroupEgress=(), **tags):
        # The CDK writes down what EC2 does anyway.
        if any(rule["CidrIp"] != "0.0.0.0/0" for rule in SecurityGroupEgress):
            raise ValueError("outbound rules are not simulated")
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
            "delete": lambda group, properties: delete_group(group),
        },
        "AWS::EC2::SecurityGroupIngress": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_rule(properties),
            "delete": lambda rule_id, properties: ec2.revoke_security_group_ingress(**rule(**properties)),
        },
    })


def not_played(physical_id, old, new, stack):
    """Rejects updates. Without an update handler, ministack would create a second resource."""
    raise ValueError(f"{physical_id}: updates of network resources are not simulated")


def is_true(value):
    """Converts a Boolean in a template, which can be a string."""
    return str(value).lower() == "true"


def tagged(kind, Tags=()):
    """The parameter for tags. Any other property causes a TypeError and thus a failed resource, instead of being ignored."""
    # ministack adds the aws: tags that CloudFormation sets internally. The API does not accept them.
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in Tags if not tag["Key"].startswith("aws:")]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}
