'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const { Duration, Fn, RemovalPolicies, Stage } = require('aws-cdk-lib');
const { Schedule } = require('aws-cdk-lib/aws-events');
const { SnsAction } = require('aws-cdk-lib/aws-cloudwatch-actions');
const iam = require('aws-cdk-lib/aws-iam');
const { SqsDestination } = require('aws-cdk-lib/aws-lambda-destinations');
const logs = require('aws-cdk-lib/aws-logs');
const sns = require('aws-cdk-lib/aws-sns');
const sqs = require('aws-cdk-lib/aws-sqs');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const {
  App, NestedStack, PrivateEndpoint, PrivateEndpointProvider, Stack, Template, SERVICE, PLACEHOLDER, TYPE, lambda, path,
  stackWithVpc, endpointIn,
} = require('./world');

/** template.yaml as parsed by the CDK, independently of the parser that the build uses. */
function providerTemplate() {
  const stack = new Stack(new App(), 'template');
  new CfnInclude(stack, 'Template', { templateFile: path.join(__dirname, '..', '..', 'template.yaml') });
  return Template.fromStack(stack).toJSON();
}

/** Normalizes a document: documents that differ only in order, or in an action versus a list of one, become equal. */
function normal(value) {
  if (Array.isArray(value)) {
    const items = value.map(normal);
    if (items.length === 1 && typeof items[0] === 'string') return items[0];
    return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::GetAtt' in value) return [value['Fn::GetAtt']].flat().join('.').replace(/^.*LogGroup[0-9A-F]*/, 'LogGroup');
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, normal(value[key])]));
}

function only(template, type) {
  const found = Object.entries(template.findResources(type));
  assert.equal(found.length, 1, type);
  return { id: found[0][0], ...found[0][1] };
}

function provider(props, context = {}) {
  const { stack } = stackWithVpc(new App({ context }));
  const made = new PrivateEndpointProvider(stack, 'Provider', props);
  return { stack, made, template: Template.fromStack(stack) };
}

test('the role has exactly the permissions in template.yaml', () => {
  // With the CDK, the app decides about path and permissions boundary.
  const { Path, PermissionsBoundary, ...theirs } = providerTemplate().Resources.Role.Properties;
  // The CDK adds its own policy for tracing.
  theirs.Policies = theirs.Policies.filter((policy) => !('Fn::If' in policy));
  assert.ok(JSON.stringify(theirs).includes('ec2:CreateVpcEndpoint'));
  // New apps set the flag that makes the CDK merge statements.
  for (const minimizePolicies of [false, true]) {
    const { template } = provider({}, { '@aws-cdk/aws-iam:minimizePolicies': minimizePolicies });
    assert.deepEqual(normal(only(template, 'AWS::IAM::Role').Properties), normal(theirs));
    template.resourceCountIs('AWS::IAM::Policy', 0);
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0);
  }
});

test('the function has the settings in template.yaml', () => {
  const { Parameters, Resources } = providerTemplate();
  const theirs = Resources.Function.Properties;
  const { template } = provider();
  const ours = only(template, 'AWS::Lambda::Function').Properties;
  for (const name of ['Description', 'Runtime', 'Handler', 'Timeout', 'MemorySize']) {
    assert.deepEqual(ours[name], theirs[name], name);
    assert.ok(ours[name], name);
  }
  assert.equal(ours.Timeout, 900);
  assert.deepEqual(ours.Architectures, [Parameters.Architecture.Default]);
  assert.equal(ours.LoggingConfig.LogFormat, theirs.LoggingConfig.LogFormat);
  const { id, ...group } = only(template, 'AWS::Logs::LogGroup');
  assert.deepEqual(ours.LoggingConfig.LogGroup, { Ref: id });
  assert.equal(group.Properties.RetentionInDays, Parameters.LogRetentionInDays.Default);
  for (const policy of ['DeletionPolicy', 'UpdateReplacePolicy']) assert.equal(group[policy], Resources.LogGroup[policy]);
  assert.deepEqual([group.DeletionPolicy, group.Properties.LogGroupName], ['Retain', undefined]);
});

test('an app can have the log group deleted with the stack', () => {
  const { stack } = stackWithVpc();
  new PrivateEndpointProvider(stack, 'Provider');
  RemovalPolicies.of(stack).destroy({ applyToResourceTypes: ['AWS::Logs::LogGroup'] });
  assert.equal(only(Template.fromStack(stack), 'AWS::Logs::LogGroup').DeletionPolicy, 'Delete');
});

test('the zip file in the package is deployed', () => {
  const { stack, template } = provider();
  const { S3Key } = only(template, 'AWS::Lambda::Function').Properties.Code;
  const assembly = stack.node.root.synth();
  assert.deepEqual(fs.readFileSync(path.join(assembly.directory, `asset.${S3Key}`)), fs.readFileSync(PLACEHOLDER));
});

test('a failed invocation is retried for as long as in template.yaml', () => {
  const theirs = providerTemplate().Resources.InvokeConfig.Properties;
  const { id, ...config } = only(provider().template, 'AWS::Lambda::EventInvokeConfig');
  assert.equal(config.Properties.MaximumEventAgeInSeconds, theirs.MaximumEventAgeInSeconds);
  assert.ok(!('MaximumRetryAttempts' in config.Properties));
});

/** The alarms of a provider, with the names in template.yaml, and those of the template. */
function alarms(props) {
  const { stack } = stackWithVpc();
  const alarmTopic = sns.Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:us-east-1:123456789012:alarms');
  new PrivateEndpointProvider(stack, 'Provider', { alarmTopic, ...props });
  const template = Template.fromStack(stack);
  const func = only(template, 'AWS::Lambda::Function').id;
  const theirs = Object.entries(providerTemplate().Resources)
    .filter(([id, { Type }]) => Type === 'AWS::CloudWatch::Alarm' && id !== 'CheckAlarm')
    .map(([, { Properties }]) => ({
      ...Properties, AlarmActions: [alarmTopic.topicArn], OKActions: [alarmTopic.topicArn], Dimensions: [{ Name: 'FunctionName', Value: { Ref: func } }],
    }));
  const ours = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
  return { ours: normal(ours), theirs: normal(theirs), template, func };
}

test('with a topic, the alarms match template.yaml; without one, there are none', () => {
  const { ours, theirs } = alarms({});
  assert.deepEqual(ours, theirs.filter((one) => ['Failures', 'Errors'].includes(one.MetricName)));
  assert.equal(ours.length, 2);
  provider({ statusSchedule: Schedule.rate(Duration.days(1)) }).template.resourceCountIs('AWS::CloudWatch::Alarm', 0);
});

test('with a schedule of the status, the function is asked as in template.yaml, and there are all alarms', () => {
  const { ours, theirs, template, func } = alarms({ statusSchedule: Schedule.rate(Duration.days(1)) });
  assert.deepEqual(ours, theirs);
  const { id, Properties } = only(template, 'AWS::Events::Rule');
  const expected = providerTemplate().Resources.StatusRule.Properties;
  assert.deepEqual([Properties.Description, Properties.ScheduleExpression], [expected.Description, 'rate(1 day)']);
  const [target] = Properties.Targets;
  assert.deepEqual(JSON.parse(target.Input), JSON.parse(expected.Targets[0].Input));
  assert.deepEqual(target.Arn, { 'Fn::GetAtt': [func, 'Arn'] });
  assert.deepEqual(only(template, 'AWS::Lambda::Permission').Properties.SourceArn, { 'Fn::GetAtt': [id, 'Arn'] });
  provider().template.resourceCountIs('AWS::Events::Rule', 0);
});

test('the alarms and metrics can be used', () => {
  const { stack } = stackWithVpc();
  const alarmTopic = sns.Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:us-east-1:123456789012:alarms');
  const ours = new PrivateEndpointProvider(stack, 'Provider', { alarmTopic });
  const other = sns.Topic.fromTopicArn(stack, 'Other', 'arn:aws:sns:us-east-1:123456789012:others');
  for (const alarm of [ours.failureAlarm, ours.errorAlarm]) alarm.addAlarmAction(new SnsAction(other));
  const actions = { AlarmActions: [alarmTopic.topicArn, other.topicArn] };
  Template.fromStack(stack).allResourcesProperties('AWS::CloudWatch::Alarm', actions);
  const shown = (metric) => [metric.namespace, metric.metricName, metric.statistic, metric.dimensions.Outcome];
  assert.deepEqual([
    ours.metricFailures(), ours.metricEvents('created', { statistic: 'SampleCount' }), ours.metricDuration(),
    ours.metricEc2Calls(), ours.metricErrors(),
  ].map(shown), [
    ['TiDBPrivateEndpoint', 'Failures', 'Sum', undefined],
    ['TiDBPrivateEndpoint', 'Events', 'SampleCount', 'created'],
    ['TiDBPrivateEndpoint', 'Duration', 'Average', undefined],
    ['TiDBPrivateEndpoint', 'Ec2Calls', 'Sum', undefined],
    ['AWS/Lambda', 'Errors', 'Sum', undefined],
  ]);
  assert.deepEqual(stack.resolve(ours.metricFailures().dimensions.FunctionName), { Ref: stack.getLogicalId(ours.handler.node.defaultChild) });
  const { made } = provider();
  assert.deepEqual([made.failureAlarm, made.errorAlarm], [undefined, undefined]);
});

test('the metrics are those in the documentation', () => {
  const docs = fs.readFileSync(path.join(__dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
  const [, table] = /## Monitoring\n(.*?)\n## /s.exec(docs);
  const { made } = provider();
  for (const [, name] of table.matchAll(/^\| `(\w+)` \|/gm)) assert.equal(made[`metric${name}`]('x').metricName, name);
});

test('a role of the app gets the permissions before the function is used, and keeps them until it is deleted', () => {
  const { stack } = stackWithVpc();
  const role = new iam.Role(stack, 'Own', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
  const made = new PrivateEndpointProvider(stack, 'Provider', { role });
  const template = Template.fromStack(stack);
  assert.equal(made.role, role);
  const policy = only(template, 'AWS::IAM::Policy');
  const theirs = providerTemplate().Resources.Role.Properties.Policies.filter((one) => !('Fn::If' in one));
  assert.deepEqual(normal(policy.Properties.PolicyDocument.Statement),
    normal(theirs.flatMap((one) => one.PolicyDocument.Statement)));
  assert.ok(only(template, 'AWS::Lambda::Function').DependsOn.includes(policy.id));
  assert.equal(only(template, 'AWS::IAM::Role').Properties.Policies, undefined);
});

test('an imported role gets them, too', () => {
  const { stack } = stackWithVpc();
  const role = iam.Role.fromRoleName(stack, 'Own', 'tidb');
  new PrivateEndpointProvider(stack, 'Provider', { role });
  const template = Template.fromStack(stack);
  const policy = only(template, 'AWS::IAM::Policy');
  assert.deepEqual(policy.Properties.Roles, ['tidb']);
  assert.ok(only(template, 'AWS::Lambda::Function').DependsOn.includes(policy.id));
});

test('an existing role is not changed if it cannot be', () => {
  const { stack } = stackWithVpc();
  const arn = 'arn:aws:iam::123456789012:role/platform/tidb';
  const role = iam.Role.fromRoleArn(stack, 'Own', arn, { mutable: false });
  new PrivateEndpointProvider(stack, 'Provider', { role });
  const template = Template.fromStack(stack);
  assert.equal(only(template, 'AWS::Lambda::Function').Properties.Role, arn);
  for (const type of ['AWS::IAM::Role', 'AWS::IAM::Policy']) template.resourceCountIs(type, 0);
});

test('what a platform team requires can be specified', () => {
  const { stack } = stackWithVpc();
  const queue = new sqs.Queue(stack, 'Dead');
  const logGroup = logs.LogGroup.fromLogGroupName(stack, 'Logs', 'platform/tidb');
  const made = new PrivateEndpointProvider(stack, 'Provider', {
    logGroup,
    onFailure: new SqsDestination(queue),
    applicationLogLevel: lambda.ApplicationLogLevel.DEBUG,
    permissionsBoundary: iam.ManagedPolicy.fromManagedPolicyName(stack, 'Boundary', 'developers'),
    reservedConcurrentExecutions: 5,
  });
  assert.equal(made.logGroup, logGroup);
  const template = Template.fromStack(stack);
  const { Properties } = only(template, 'AWS::Lambda::Function');
  assert.equal(Properties.ReservedConcurrentExecutions, 5);
  assert.deepEqual(Properties.LoggingConfig, { LogFormat: 'JSON', LogGroup: 'platform/tidb', ApplicationLogLevel: 'DEBUG' });
  template.resourceCountIs('AWS::Logs::LogGroup', 0);
  assert.match(JSON.stringify(only(template, 'AWS::IAM::Role').Properties.PermissionsBoundary), /policy\/developers/);
  assert.deepEqual(only(template, 'AWS::Lambda::EventInvokeConfig').Properties.DestinationConfig,
    { OnFailure: { Destination: stack.resolve(queue.queueArn) } });
  assert.throws(() => provider({ logGroup, logRetention: 7 }), /logRetention applies only to the log group that the provider creates/);
  assert.throws(() => provider({ role: made.role, permissionsBoundary: iam.ManagedPolicy.fromAwsManagedPolicyName('x') }),
    /permissionsBoundary applies only to the role that the provider creates/);
});

test('the function is traced only on request', () => {
  const mode = (props) => only(provider(props).template, 'AWS::Lambda::Function').Properties.TracingConfig?.Mode;
  // PassThrough is Lambda's default.
  assert.equal(mode({}) ?? 'PassThrough', providerTemplate().Parameters.Tracing.Default);
  assert.equal(mode({ tracing: lambda.Tracing.ACTIVE }), 'Active');
  const granted = only(provider({ tracing: lambda.Tracing.ACTIVE }).template, 'AWS::IAM::Policy').Properties.PolicyDocument;
  const theirs = providerTemplate().Resources.Role.Properties.Policies.find((policy) => 'Fn::If' in policy)['Fn::If'][1];
  assert.deepEqual(normal(granted), normal(theirs.PolicyDocument));
});

test('code, architecture, and log retention can be specified', () => {
  const { template } = provider({
    code: lambda.Code.fromAsset(PLACEHOLDER), architecture: lambda.Architecture.ARM_64, logRetention: 7,
  });
  template.hasResourceProperties('AWS::Lambda::Function', { Architectures: ['arm64'] });
  template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
});

test('another architecture requires other code', () => {
  assert.throws(() => provider({ architecture: lambda.Architecture.ARM_64 }),
    /^Error: Stack\/Provider: the function in this package is built for x86_64, not for arm64\. .*code: lambda\.Code/);
});

test('a package without the function is reported', () => {
  const zip = path.join(__dirname, '..', 'build', 'package', 'assets', 'tidb-private-endpoint.zip');
  fs.renameSync(zip, `${zip}.away`);
  try {
    assert.throws(() => provider(), /does not contain the function: .*tidb-private-endpoint\.zip is missing\. Build .*`make package`/);
    provider({ code: lambda.Code.fromAsset(PLACEHOLDER) });
  } finally {
    fs.renameSync(`${zip}.away`, zip);
  }
});

test('the endpoints of a stack and its nested stacks use one provider', () => {
  const { stack, vpc } = stackWithVpc();
  const nested = new NestedStack(stack, 'Nested');
  const inner = new NestedStack(nested, 'Inner');
  const endpoints = [
    new PrivateEndpoint(inner, 'A', { vpc, serviceName: SERVICE }),
    new PrivateEndpoint(nested, 'B', { vpc, serviceName: SERVICE }),
    new PrivateEndpoint(stack, 'C', { vpc, serviceName: SERVICE }),
    new PrivateEndpoint(stack, 'D', { vpc, serviceName: SERVICE }),
  ];
  assert.equal(new Set(endpoints.map((one) => one.provider)).size, 1);
  const { id } = only(Template.fromStack(stack), 'AWS::Lambda::Function');
  for (const one of [inner, nested]) Template.fromStack(one).resourceCountIs('AWS::Lambda::Function', 0);
  for (const { Properties } of Object.values(Template.fromStack(stack).findResources(TYPE))) {
    assert.deepEqual(Properties.ServiceToken, { 'Fn::GetAtt': [id, 'Arn'] });
  }
  const parameters = Template.fromStack(nested).findParameters('*');
  const { Properties } = endpointIn(nested);
  assert.ok(parameters[Properties.ServiceToken.Ref], 'the nested stack has a parameter for the token');
});

test('each stack has its own provider, in an app and in a stage', () => {
  const app = new App();
  const stage = new Stage(app, 'Stage');
  const stacks = [[app, 'One'], [app, 'Two'], [stage, 'Three']].map(([scope, id]) => {
    const { stack, vpc } = stackWithVpc(scope, id);
    new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
    return stack;
  });
  for (const stack of stacks) Template.fromStack(stack).resourceCountIs('AWS::Lambda::Function', 1);
});

test('other stacks of the app can use a provider', () => {
  const app = new App();
  const { stack: platform } = stackWithVpc(app, 'Platform');
  const shared = new PrivateEndpointProvider(platform, 'Provider');
  const { stack, vpc } = stackWithVpc(app, 'Orders');
  new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, provider: shared });
  assert.match(endpointIn(stack).Properties.ServiceToken['Fn::ImportValue'], /^Platform:ExportsOutputFnGetAttProviderFunction/);
  Template.fromStack(stack).resourceCountIs('AWS::Lambda::Function', 0);
});

test('a service token can be imported', () => {
  const { stack, vpc } = stackWithVpc();
  const imported = PrivateEndpointProvider.fromServiceToken(stack, 'Provider', Fn.importValue('tidb-private-endpoint-ServiceToken'));
  new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, provider: imported });
  assert.deepEqual(endpointIn(stack).Properties.ServiceToken, { 'Fn::ImportValue': 'tidb-private-endpoint-ServiceToken' });
  const template = Template.fromStack(stack).toJSON();
  assert.deepEqual(Object.values(template.Resources).map((one) => one.Type), [TYPE]);
});

test('an invalid service token is rejected', () => {
  const { stack } = stackWithVpc();
  const of = (token) => () => PrivateEndpointProvider.fromServiceToken(stack, 'Provider', token);
  assert.throws(of('tidb-private-endpoint-ServiceToken'), /is not the ARN of a Lambda function.*Fn\.importValue\('tidb-private-endpoint-ServiceToken'\)/);
  assert.throws(of('arn:aws:lambda:eu-west-1:123456789012:function:f'), /is in eu-west-1, but the stack Stack is in us-east-1/);
  assert.throws(of('arn:aws:lambda:us-east-1:999999999999:function:f'),
    /is in 999999999999, but the stack Stack is in 123456789012/);
  of('arn:aws:lambda:us-east-1:123456789012:function:f')();
});

test('a provider in another account or region is rejected', () => {
  const app = new App();
  const far = new PrivateEndpointProvider(
    new Stack(app, 'Far', { env: { account: '999999999999', region: 'eu-west-1' } }), 'Provider');
  const { stack, vpc } = stackWithVpc(app, 'Near');
  assert.throws(() => new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, provider: far }),
    /The provider is in the account 999999999999, .*The provider is in the region eu-west-1, but the stack Near is in us-east-1/);
});

test('the permissions are inline policies of the role, and the endpoint depends on the function', () => {
  const { stack, vpc } = stackWithVpc();
  new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  const template = Template.fromStack(stack);
  const func = only(template, 'AWS::Lambda::Function');
  const role = only(template, 'AWS::IAM::Role');
  assert.deepEqual(endpointIn(stack).Properties.ServiceToken, { 'Fn::GetAtt': [func.id, 'Arn'] });
  assert.deepEqual(func.Properties.Role, { 'Fn::GetAtt': [role.id, 'Arn'] });
  assert.deepEqual(role.Properties.Policies.map((one) => one.PolicyName), ['Logs', 'Endpoints']);
});
