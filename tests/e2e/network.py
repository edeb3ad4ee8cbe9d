"""Creates the VPCs, subnets, security groups, route tables, and peering connections in templates in the simulated EC2.

ministack would create them in its own EC2, where the function could not find them, and where resources that are in use can
be deleted; and it has no peering connections in templates. It also ignores the VPCs of hosted zones and functions in
templates, which are kept here.
"""

import os
import time

import boto3
from botocore.exceptions import ClientError
from ministack.services import lambda_svc, route53

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

    def make_table(VpcId, **tags):
        table = ec2.create_route_table(VpcId=VpcId, **tagged("route-table", **tags))["RouteTable"]["RouteTableId"]
        return table, {"RouteTableId": table}

    def make_peering(VpcId, PeerVpcId, **tags):
        made = ec2.create_vpc_peering_connection(VpcId=VpcId, PeerVpcId=PeerVpcId, **tagged("vpc-peering-connection", **tags))
        peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        # Within an account, CloudFormation accepts it.
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        return peering, {"Id": peering}

    def make_route(RouteTableId, DestinationCidrBlock, VpcPeeringConnectionId):
        ec2.create_route(RouteTableId=RouteTableId, DestinationCidrBlock=DestinationCidrBlock,
                         VpcPeeringConnectionId=VpcPeeringConnectionId)
        return f"{RouteTableId}|{DestinationCidrBlock}", {"CidrBlock": DestinationCidrBlock}

    def delete_route(route):
        table, block = route.split("|")
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock=block)

    def associate(RouteTableId, SubnetId):
        association = ec2.associate_route_table(RouteTableId=RouteTableId, SubnetId=SubnetId)["AssociationId"]
        return association, {"Id": association}

    zones, functions = handlers["AWS::Route53::HostedZone"], handlers["AWS::Lambda::Function"]

    def make_zone(logical_id, properties, stack):
        zone, attributes = zones["create"](logical_id, properties, stack)
        route53._zones[zone].update(private="VPCs" in properties, vpcs=properties.get("VPCs", []))
        return zone, attributes

    def make_function(logical_id, properties, stack):
        function, attributes = functions["create"](logical_id, properties, stack)
        lambda_svc._functions[function]["config"]["VpcConfig"] = properties.get("VpcConfig", {})
        return function, attributes

    handlers.update({
        "AWS::Route53::HostedZone": {**zones, "create": make_zone},
        "AWS::Lambda::Function": {**functions, "create": make_function},
        "AWS::EC2::RouteTable": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_table(**properties),
            "delete": lambda table, properties: ec2.delete_route_table(RouteTableId=table),
        },
        "AWS::EC2::SubnetRouteTableAssociation": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: associate(**properties),
            "delete": lambda association, properties: ec2.disassociate_route_table(AssociationId=association),
        },
        "AWS::EC2::VPCPeeringConnection": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_peering(**properties),
            "delete": lambda peering, properties: ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering),
        },
        "AWS::EC2::Route": {
            "update": not_played,
            "create": lambda logical_id, properties, stack: make_route(**properties),
            "delete": lambda route, properties: delete_route(route),
        },
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
