'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Duration } = require('aws-cdk-lib');
const iam = require('aws-cdk-lib/aws-iam');
const kms = require('aws-cdk-lib/aws-kms');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const {
  App, ConnectionCheck, ConnectionCheckProvider, OnFailure, Stack, Template, ec2, endpointWith, lambda, path, stackWithVpc,
  PLACEHOLDER,
} = require('./world');

const TYPE = 'Custom::TiDBCloudConnectionCheck';

const groupIn = (stack) => ec2.SecurityGroup.fromSecurityGroupId(stack, 'Clients', 'sg-0123456789abcdef0');

/** A stack whose endpoint is checked. */
function checked(props = {}) {
  const { stack, endpoint } = endpointWith();
  const check = endpoint.checkFrom({ subnets: { subnetGroupName: 'Apps' }, securityGroups: [groupIn(stack)], ...props });
  const template = Template.fromStack(stack);
  const byHandler = (handler) => {
    const found = Object.entries(template.findResources('AWS::Lambda::Function'))
      .filter(([id, one]) => id.includes('Check') && one.Properties.Handler === handler);
    assert.equal(found.length, 1, handler);
    return { id: found[0][0], ...found[0][1] };
  };
  return { stack, check, template, checking: byHandler('check'), answering: byHandler('bootstrap') };
}

function only(template, type, matches = () => true) {
  const found = Object.entries(template.findResources(type)).filter(([id, one]) => matches(id, one));
  assert.equal(found.length, 1, type);
  return { id: found[0][0], ...found[0][1] };
}

/** template.yaml as parsed by the CDK, independently of the parser that the build uses. */
function theirs() {
  const stack = new Stack(new App(), 'template');
  new CfnInclude(stack, 'Template', { templateFile: path.join(__dirname, '..', '..', 'template.yaml') });
  return Template.fromStack(stack).toJSON().Resources;
}

const arn = (id) => ({ 'Fn::GetAtt': [id, 'Arn'] });

/** Documents that differ in order only become equal. */
const sorted = (value) => JSON.stringify(value, (_, item) => (Array.isArray(item) ? [...item].sort() : item));

test('the resource checks the endpoint', () => {
  const { template, checking, check } = checked({
    timeout: Duration.minutes(5), onFailure: OnFailure.WARN, trigger: '2',
  });
  const endpoint = only(template, 'Custom::TiDBCloudPrivateEndpoint').id;
  assert.deepEqual(only(template, TYPE).Properties, {
    ServiceToken: arn(checking.id),
    ServiceTimeout: '960',
    Host: { 'Fn::GetAtt': [endpoint, 'Host'] },
    Port: { 'Fn::GetAtt': [endpoint, 'Port'] },
    TimeoutSeconds: 300,
    OnFailure: 'Warn',
    Trigger: '2',
  });
  assert.ok(check.report.includes('Token'));
});

test('the check function is in the subnets, with the security groups, and has the settings in template.yaml', () => {
  const { checking, answering } = checked();
  assert.deepEqual(checking.Properties.VpcConfig, {
    SecurityGroupIds: ['sg-0123456789abcdef0'], SubnetIds: ['subnet-a1', 'subnet-b1'],
  });
  const { CheckFunction, Function: provider } = theirs();
  for (const name of ['Description', 'Runtime', 'Handler', 'Timeout', 'MemorySize']) {
    assert.deepEqual(checking.Properties[name], CheckFunction.Properties[name], name);
  }
  assert.ok(!('VpcConfig' in answering.Properties), 'the function that answers is outside of the VPC');
  assert.equal(answering.Properties.Handler, provider.Properties.Handler);
  assert.deepEqual(answering.Properties.Environment.Variables, { CHECK_FUNCTION_ARN: arn(checking.id) });
});

test('every end of the check reaches the function that answers', () => {
  const { template, checking, answering } = checked();
  const { Properties, DependsOn } = only(template, 'AWS::Lambda::EventInvokeConfig', (id) => id.includes('Check'));
  const config = theirs().CheckInvokeConfig.Properties;
  const destination = { Destination: arn(answering.id) };
  assert.deepEqual(Properties, {
    FunctionName: { Ref: checking.id },
    Qualifier: config.Qualifier,
    MaximumRetryAttempts: config.MaximumRetryAttempts,
    MaximumEventAgeInSeconds: config.MaximumEventAgeInSeconds,
    DestinationConfig: { OnSuccess: destination, OnFailure: destination },
  });
  const policy = only(template, 'AWS::IAM::Policy', (id) => id.includes('Check')).id;
  assert.deepEqual(DependsOn, [policy]);
  const invokeConfig = only(template, 'AWS::Lambda::EventInvokeConfig', (id) => id.includes('Check')).id;
  assert.ok(only(template, TYPE).DependsOn.includes(invokeConfig), 'the check waits for its way back');
});

test('the roles have the permissions in template.yaml, and the function that answers has none but its log', () => {
  const { template, checking, answering } = checked();
  const { CheckRole, CheckRolePolicy } = theirs();
  const role = template.findResources('AWS::IAM::Role')[checking.Properties.Role['Fn::GetAtt'][0]].Properties;
  const statements = (policies) => policies.map((one) => one.PolicyDocument.Statement[0]);
  const plain = (one) => ({ Effect: one.Effect, Action: one.Action, ...one.Resource === '*' ? { Resource: '*' } : {} });
  assert.equal(sorted(statements(role.Policies).map(plain)), sorted(statements(CheckRole.Properties.Policies).map(plain)));
  assert.ok(!('ManagedPolicyArns' in role));
  const ours = only(template, 'AWS::IAM::Policy', (id) => id.includes('Check')).Properties;
  assert.deepEqual(ours.Roles, [{ Ref: checking.Properties.Role['Fn::GetAtt'][0] }]);
  const [invoke, deny] = ours.PolicyDocument.Statement;
  assert.deepEqual([invoke.Action, invoke.Resource], ['lambda:InvokeFunction', arn(answering.id)]);
  const [, theirDeny] = CheckRolePolicy.Properties.PolicyDocument.Statement;
  assert.equal(sorted(deny.Action), sorted(theirDeny.Action));
  assert.deepEqual(deny.Condition, { ArnEquals: { 'lambda:SourceFunctionArn': arn(checking.id) } });
  const other = template.findResources('AWS::IAM::Role')[answering.Properties.Role['Fn::GetAtt'][0]].Properties;
  assert.deepEqual(other.Policies.map((one) => one.PolicyName), ['Logs']);
  assert.ok(!('ManagedPolicyArns' in other));
});

test('checks can share a provider', () => {
  const { stack, vpc, endpoint } = endpointWith();
  const provider = new ConnectionCheckProvider(stack, 'Provider', {
    vpc, securityGroups: [groupIn(stack)], ipv6: true, code: lambda.Code.fromAsset(PLACEHOLDER), logRetention: 7,
    architecture: lambda.Architecture.ARM_64,
  });
  for (const id of ['A', 'B']) {
    new ConnectionCheck(stack, id, { provider, host: endpoint.host, endpointAddresses: ['10.0.1.25'] });
  }
  const template = Template.fromStack(stack);
  template.resourceCountIs(TYPE, 2);
  template.hasResourceProperties(TYPE, { EndpointAddresses: ['10.0.1.25'] });
  template.hasResourceProperties('AWS::Lambda::Function', { VpcConfig: { Ipv6AllowedForDualStack: true } });
  template.resourcePropertiesCountIs('AWS::Lambda::Function', { Architectures: ['arm64'] }, 2);
  const groups = template.findResources('AWS::Logs::LogGroup', { Properties: { RetentionInDays: 7 } });
  assert.deepEqual(Object.values(groups).map((one) => one.DeletionPolicy), ['Retain', 'Retain']);
});

test('errors are reported at synthesis', () => {
  const { stack, endpoint } = endpointWith();
  assert.throws(() => endpoint.checkFrom({ securityGroups: [] }), /securityGroups is empty/);
  const other = endpointWith();
  assert.throws(() => other.endpoint.checkFrom({ securityGroups: [groupIn(other.stack)], timeout: Duration.minutes(15) }),
    /timeout is 900 seconds. Specify 1 to 840 seconds/);
  const { vpc } = other;
  const provider = new ConnectionCheckProvider(other.stack, 'Provider', { vpc, securityGroups: [groupIn(endpointWith().stack)] });
  const wrong = { host: '10.0.1.25', port: 0, endpointAddresses: ['10.0.1.25', '10.0.1'] };
  assert.throws(() => new ConnectionCheck(other.stack, 'Wrong', { provider, ...wrong }),
    /Stack\/Wrong: host is '10\.0\.1\.25', which is not a host name.* port is 0, .*endpointAddresses contains '10\.0\.1', which/);
  assert.ok(stack);
});

test('a check can use a provider that was deployed separately', () => {
  const stack = new Stack(new App(), 'orders', { env: { account: '123456789012', region: 'us-east-1' } });
  const token = 'arn:aws:lambda:us-east-1:123456789012:function:check';
  const provider = ConnectionCheckProvider.fromServiceToken(stack, 'Provider', token);
  new ConnectionCheck(stack, 'Check', { provider, host: 'localhost' });
  assert.equal(only(Template.fromStack(stack), TYPE).Properties.ServiceToken, token);
  assert.throws(() => ConnectionCheckProvider.fromServiceToken(stack, 'Elsewhere', token.replace('us-east-1', 'eu-west-1')),
    /Elsewhere: The provider .* is in eu-west-1, but the stack orders is in us-east-1/);
  assert.throws(() => ConnectionCheckProvider.fromServiceToken(stack, 'Name', 'tidb-private-endpoint-CheckServiceToken'),
    /Name: .* is not the ARN of a Lambda function.*Fn\.importValue\('tidb-private-endpoint-CheckServiceToken'\)/);
});

test('a provider in another account or region is rejected', () => {
  const app = new App();
  const far = new Stack(app, 'Far', { env: { account: '999999999999', region: 'eu-west-1' } });
  const token = 'arn:aws:lambda:eu-west-1:999999999999:function:check';
  const provider = ConnectionCheckProvider.fromServiceToken(far, 'Provider', token);
  const near = new Stack(app, 'Near', { env: { account: '123456789012', region: 'us-east-1' } });
  assert.throws(() => new ConnectionCheck(near, 'Check', { provider, host: 'localhost' }),
    /Near\/Check: The provider is in the account 999999999999, .* in the region eu-west-1, but the stack Near is in us-east-1/);
});

test('the roles of the check have the permissions boundary, and its log groups the key', () => {
  const { stack, vpc } = stackWithVpc();
  new ConnectionCheckProvider(stack, 'Provider', {
    vpc,
    securityGroups: [groupIn(stack)],
    code: lambda.Code.fromAsset(PLACEHOLDER),
    permissionsBoundary: iam.ManagedPolicy.fromManagedPolicyName(stack, 'Boundary', 'boundary'),
    logEncryptionKey: kms.Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d'),
  });
  const template = Template.fromStack(stack);
  const all = (type, name) => Object.values(template.findResources(type)).map((one) => one.Properties[name] !== undefined);
  assert.deepEqual(all('AWS::IAM::Role', 'PermissionsBoundary'), [true, true]);
  assert.deepEqual(all('AWS::Logs::LogGroup', 'KmsKeyId'), [true, true]);
});
