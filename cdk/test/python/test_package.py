"""Tests of the Python package as users install it, from the wheel."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import aws_cdk
import cdk_tidb_private_endpoint as library
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parent.parent / "README.md"
EXAMPLE = HERE.parent.parent.parent / "examples" / "cdk-python" / "app.py"
SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"
VPC = "vpc-0123456789abcdef0"


def synthesize(program):
    """Runs a program and returns its templates by stack name."""
    with tempfile.TemporaryDirectory() as out:
        context = json.dumps({"vpcId": VPC, "serviceName": SERVICE})
        subprocess.run([sys.executable, "-c", program], check=True,
                       env={**os.environ, "CDK_OUTDIR": out, "CDK_CONTEXT_JSON": context})
        return {file.name.removesuffix(".template.json"): json.loads(file.read_text())
                for file in pathlib.Path(out).glob("*.template.json")}


class Package(unittest.TestCase):
    def test_the_example_has_the_same_templates_as_the_typescript_example(self):
        seen = synthesize(EXAMPLE.read_text())
        for name in ("orders", "billing"):
            expected = json.loads((HERE.parent / "snapshot" / f"{name}.template.json").read_text())
            self.assertEqual(seen[name], expected)

    def test_the_program_in_the_readme_synthesizes(self):
        program = re.search(r"^```python\n(.*?)^```$", README.read_text(), re.M | re.S).group(1)
        endpoint, = (one["Properties"] for one in synthesize(program)["orders"]["Resources"].values()
                     if one["Type"] == "Custom::TiDBCloudPrivateEndpoint")
        self.assertEqual(len(endpoint["AllowedSecurityGroupIds"]), 1)

    def test_every_property_and_enum_has_a_python_name(self):
        app = aws_cdk.App()
        stack = aws_cdk.Stack(app, "Stack", env=aws_cdk.Environment(account="123456789012", region="us-east-1"))
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id=VPC, availability_zones=["us-east-1a"],
                                          private_subnet_ids=["subnet-1"])
        clients = ec2.SecurityGroup(stack, "Clients", vpc=vpc, allow_all_outbound=False)
        endpoint = library.PrivateEndpoint(
            stack, "TiDB", vpc=vpc, service_name=SERVICE, subnets=ec2.SubnetSelection(one_per_az=True),
            availability_zone_ids=["use1-az1"], allowed_cidrs=["10.0.0.0/16"], port=4001, private_dns_enabled=True,
            ip_address_type=library.IpAddressType.IPV4, reuse_scope=library.ReuseScope.REGION, tags={"a": "b"},
            trigger="1", service_timeout=aws_cdk.Duration.minutes(20), removal_policy=aws_cdk.RemovalPolicy.RETAIN,
            provider=library.PrivateEndpointProvider.from_service_token(
                stack, "Provider", aws_cdk.Fn.import_value("tidb-private-endpoint-ServiceToken")))
        endpoint.connections.allow_default_port_from(clients)
        aws_cdk.CfnOutput(stack, "Zones", value=aws_cdk.Fn.join(" ", endpoint.availability_zone_ids))
        template = Template.from_stack(stack)
        template.has_resource("Custom::TiDBCloudPrivateEndpoint", {"DeletionPolicy": "Retain", "Properties": {
            "ServiceToken": {"Fn::ImportValue": "tidb-private-endpoint-ServiceToken"}, "ServiceTimeout": "1200",
            "ServiceName": SERVICE, "VpcId": VPC, "SubnetIds": ["subnet-1"], "AvailabilityZoneIds": ["use1-az1"],
            "AllowedCidrs": ["10.0.0.0/16"], "AllowedSecurityGroupIds": [stack.resolve(clients.security_group_id)],
            "Port": 4001, "PrivateDnsEnabled": True, "IpAddressType": "ipv4", "ReuseScope": "Region",
            "Tags": [{"Key": "a", "Value": "b"}], "Trigger": "1"}})

    def test_a_cluster_has_python_names(self):
        stack = aws_cdk.Stack(aws_cdk.App(), "Stack")
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id=VPC, availability_zones=["us-east-1a"])
        arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:tidb-cloud/api-key-a1B2c3"
        key = secretsmanager.Secret.from_secret_complete_arn(stack, "ApiKey", arn)
        provider = library.PrivateEndpointProvider.from_service_token(stack, "Provider", aws_cdk.Fn.import_value("token"))
        library.PrivateEndpoint(stack, "TiDB", vpc=vpc, provider=provider,
                                cluster=library.Cluster(cluster_id="10581234567890123456", api_key=key))
        Template.from_stack(stack).has_resource_properties("Custom::TiDBCloudPrivateEndpoint", {
            "ClusterId": "10581234567890123456", "ApiKeySecret": arn})

    def test_endpoints_and_providers_can_be_used_as_the_cdk_expects(self):
        stack = aws_cdk.Stack(aws_cdk.App(), "Stack")
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id=VPC, availability_zones=["us-east-1a"])
        imported = library.PrivateEndpoint.from_private_endpoint_attributes(
            stack, "Imported", vpc_endpoint_id="vpce-0123456789abcdef0", host="tidb.internal")
        self.assertEqual((imported.socket_address, imported.port_as_string()), ("tidb.internal:4000", "4000"))
        provider = library.PrivateEndpointProvider(
            stack, "Provider", alarm_topic=sns.Topic(stack, "Topic"), reserved_concurrent_executions=5,
            application_log_level=lambda_.ApplicationLogLevel.WARN)
        provider.failure_alarm.add_ok_action(actions.SnsAction(sns.Topic(stack, "Fine")))
        self.assertEqual(provider.metric_events("joined").metric_name, "Events")
        endpoint = library.PrivateEndpoint(stack, "TiDB", vpc=vpc, service_name=SERVICE, provider=provider)
        zone = route53.PrivateHostedZone(stack, "Zone", zone_name="db.internal", vpc=vpc)
        route53.ARecord(stack, "Record", zone=zone,
                        target=route53.RecordTarget.from_alias(library.PrivateEndpointTarget(endpoint)))
        template = Template.from_stack(stack)
        dns_name = stack.resolve(endpoint.dns_name)
        template.has_resource_properties("AWS::Route53::RecordSet", {"AliasTarget": {"DNSName": dns_name}})

    def test_every_attribute_has_a_python_name(self):
        source = (HERE.parent.parent / "src" / "endpoint.ts").read_text()
        names = re.findall(r"public get (\w+)\(\)", source)
        self.assertGreaterEqual(len(names), 22)
        for name in names:
            snake = re.sub("([A-Z])", lambda letter: "_" + letter.group().lower(), name)
            self.assertIsInstance(getattr(library.PrivateEndpoint, snake), property, snake)

    def test_errors_are_reported(self):
        stack = aws_cdk.Stack(aws_cdk.App(), "Stack")
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id=VPC, availability_zones=["us-east-1a"])
        with self.assertRaisesRegex(RuntimeError, "Stack/TiDB: serviceName is 'x', which is not an endpoint service name"):
            library.PrivateEndpoint(stack, "TiDB", vpc=vpc, service_name="x")


if __name__ == "__main__":
    unittest.main()
