// Shared helpers for the tests.
'use strict';

const path = require('node:path');
const { App, NestedStack, Stack } = require('aws-cdk-lib');
const { Template } = require('aws-cdk-lib/assertions');
const ec2 = require('aws-cdk-lib/aws-ec2');
const lambda = require('aws-cdk-lib/aws-lambda');
const library = require('../build/package');

const TYPE = 'Custom::TiDBCloudPrivateEndpoint';
const SERVICE = 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0';
const US_EAST_1 = { account: '123456789012', region: 'us-east-1' };
const PLACEHOLDER = path.join(__dirname, 'placeholder.zip');

/** A stack with an imported VPC. */
function stackWithVpc(scope = new App(), id = 'Stack', props = { env: US_EAST_1 }) {
  const stack = new Stack(scope, id, props);
  return { stack, vpc: vpcOf(stack) };
}

function vpcOf(stack) {
  return ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    vpcCidrBlock: '10.0.0.0/16',
    availabilityZones: ['us-east-1a', 'us-east-1b'],
    privateSubnetIds: ['subnet-a1', 'subnet-b1', 'subnet-a2', 'subnet-b2'],
    privateSubnetNames: ['Apps', 'Data'],
  });
}

/** The only endpoint resource in the template of a stack. */
function endpointIn(stack) {
  const found = Object.values(Template.fromStack(stack).findResources(TYPE));
  if (found.length !== 1) throw new Error(`${found.length} endpoints in ${stack.node.path}`);
  return found[0];
}

/** A stack with an endpoint that has these properties. */
function endpointWith(props = {}, env = US_EAST_1) {
  const { stack, vpc } = stackWithVpc(new App(), 'Stack', { env });
  const endpoint = new library.PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, ...props });
  return { stack, vpc, endpoint, resource: () => endpointIn(stack) };
}

module.exports = {
  ...library, App, NestedStack, Stack, Template, ec2, lambda, path,
  TYPE, SERVICE, US_EAST_1, PLACEHOLDER, stackWithVpc, vpcOf, endpointIn, endpointWith,
};
