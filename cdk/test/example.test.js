'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { before, test } = require('node:test');
const { SOURCE, compile, synthesize } = require('../scripts/example');
const { findingsIn } = require('./nag');

const SNAPSHOT = path.join(__dirname, 'snapshot');
const ASSEMBLY = path.join(__dirname, '..', 'build', 'assembly');

/** What the fragments in the README assume. */
const ASSUMED = `
import { Duration, Fn, RemovalPolicies, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as destinations from 'aws-cdk-lib/aws-lambda-destinations';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { PrivateEndpoint, PrivateEndpointProvider, PrivateEndpointTarget } from 'cdk-tidb-private-endpoint';
declare const stack: Stack, platform: Stack, vpc: ec2.IVpc, spokeVpc: ec2.IVpc, serviceName: string, tidb: PrivateEndpoint;
declare const provider: PrivateEndpointProvider, encryptionKey: kms.IKey, queue: sqs.IQueue, topic: sns.ITopic;
declare const zone: route53.IHostedZone, clients: ec2.ISecurityGroup, orders: lambda.Function, dashboard: cloudwatch.Dashboard;
`;

before(() => {
  const readme = fs.readFileSync(path.join(__dirname, '..', 'README.md'), 'utf8');
  const [, program] = /^```ts\n(.*?)^```$/ms.exec(readme);
  const fragments = [...readme.matchAll(/^```ts fragment\n(.*?)^```$/gms)].map(([, text]) => `{\n${text}}\n`);
  assert.ok(fragments.length > 5);
  compile({ example: fs.readFileSync(SOURCE), readme: program, fragments: ASSUMED + fragments.join('') });
});

// test/python/test_package.py compares the Python example with the same snapshot.
test('the templates of the TypeScript example match the snapshot, and cdk-nag has no findings', () => {
  synthesize('example', ASSEMBLY);
  for (const name of ['orders', 'billing']) {
    const seen = fs.readFileSync(path.join(ASSEMBLY, `${name}.template.json`), 'utf8');
    const file = path.join(SNAPSHOT, `${name}.template.json`);
    if (process.env.UPDATE_SNAPSHOT) fs.writeFileSync(file, seen);
    assert.deepEqual(JSON.parse(seen), JSON.parse(fs.readFileSync(file, 'utf8')),
      'if the change is intended, run `UPDATE_SNAPSHOT=1 npm test` and review the diff');
    assert.deepEqual(findingsIn(file), []);
  }
});

test('the TypeScript program in the README synthesizes', () => {
  const out = synthesize('readme', `${ASSEMBLY}-readme`);
  assert.match(fs.readFileSync(path.join(out, 'orders.template.json'), 'utf8'), /"AllowedSecurityGroupIds"/);
});
