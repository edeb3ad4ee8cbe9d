// Synthesizes a stack whose nested stack has a client of the endpoint: node nested.js OUT VPC SUBNET SERVICE
'use strict';

const { App, CfnOutput, NestedStack, Stack } = require('aws-cdk-lib');
const ec2 = require('aws-cdk-lib/aws-ec2');
const ssm = require('aws-cdk-lib/aws-ssm');
const { PrivateEndpoint } = require('../../cdk/build/package');

const [outdir, vpcId, subnetId, serviceName] = process.argv.slice(2);
const stack = new Stack(new App({ outdir }), 'nesting');
const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
  vpcId, availabilityZones: ['us-east-1b'], privateSubnetIds: [subnetId],
});
const tidb = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName });
const nested = new NestedStack(stack, 'Nested');
const clients = new ec2.SecurityGroup(nested, 'Clients', { vpc });
new ssm.StringParameter(nested, 'Address', { parameterName: '/nesting/address', stringValue: tidb.socketAddress });
tidb.connections.allowDefaultPortFrom(clients);
new CfnOutput(stack, 'EndpointId', { value: tidb.vpcEndpointId });
new CfnOutput(stack, 'Clients', { value: clients.securityGroupId });
stack.node.root.synth();
