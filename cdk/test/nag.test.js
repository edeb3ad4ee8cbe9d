// cdk-nag, as users have it in their pipelines. What is deliberate is explained in the metadata of the resources.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const iam = require('aws-cdk-lib/aws-iam');
const { Secret } = require('aws-cdk-lib/aws-secretsmanager');
const sns = require('aws-cdk-lib/aws-sns');
const { findings } = require('./nag');
const { PrivateEndpoint, PrivateEndpointProvider, SERVICE, ec2, lambda, stackWithVpc } = require('./world');

/** The findings in a stack with what `fill` adds to it. */
function found(fill) {
  const { stack, vpc } = stackWithVpc();
  fill(stack, vpc);
  return findings(stack);
}

test('the constructs have no findings', () => {
  assert.deepEqual(found((stack, vpc) => {
    const alarmTopic = sns.Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:us-east-1:123456789012:alarms');
    const provider = new PrivateEndpointProvider(stack, 'Provider', { alarmTopic, tracing: lambda.Tracing.ACTIVE });
    const apiKey = Secret.fromSecretNameV2(stack, 'ApiKey', 'tidb-cloud/api-key');
    const clients = new ec2.SecurityGroup(stack, 'Clients', { vpc });
    const endpoint = new PrivateEndpoint(stack, 'TiDB', {
      vpc, provider, cluster: { clusterId: '10581234567890123456', apiKey },
    });
    endpoint.connections.allowDefaultPortFrom(clients);
    endpoint.checkFrom({ securityGroups: [clients] });
    new PrivateEndpoint(stack, 'Other', { vpc, serviceName: SERVICE });
  }), []);
});

test('only the wildcards that are explained are not findings', () => {
  const list = found((stack) => {
    const provider = new PrivateEndpointProvider(stack, 'Provider');
    provider.role.attachInlinePolicy(new iam.Policy(stack, 'Other', {
      statements: [new iam.PolicyStatement({ actions: ['s3:Get*'], resources: ['*'] })],
    }));
  });
  assert.ok(list.some((one) => one.includes('IAM5') && one.includes('s3:Get*')), `${list}`);
});
