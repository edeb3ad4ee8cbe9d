// Synthesizes a stack with a connection check of a local gateway: node checked.js OUT VPC SUBNET GROUP PORT
'use strict';

const { App, CfnOutput, Duration, Stack } = require('aws-cdk-lib');
const ec2 = require('aws-cdk-lib/aws-ec2');
const { ConnectionCheck, ConnectionCheckProvider } = require('../../cdk/build/package');

const [outdir, vpcId, subnetId, groupId, port] = process.argv.slice(2);
const stack = new Stack(new App({ outdir }), 'checked-cdk');
const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
  vpcId, availabilityZones: ['us-east-1a'], isolatedSubnetIds: [subnetId],
});
const provider = new ConnectionCheckProvider(stack, 'Provider', {
  vpc,
  subnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
  securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', groupId)],
});
const check = new ConnectionCheck(stack, 'Check', { provider, host: 'localhost', port: Number(port), timeout: Duration.seconds(1) });
new CfnOutput(stack, 'Reachable', { value: check.reachable });
new CfnOutput(stack, 'Report', { value: check.report });
stack.node.root.synth();
