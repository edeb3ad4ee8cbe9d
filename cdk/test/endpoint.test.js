'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const { Secret } = require('aws-cdk-lib/aws-secretsmanager');
const { CfnParameter, Duration, Fn, RemovalPolicy, Tags, Token } = require('aws-cdk-lib');
const route53 = require('aws-cdk-lib/aws-route53');
const {
  App, IpAddressType, NestedStack, PrivateEndpoint, PrivateEndpointProvider,
  PrivateEndpointTarget, ReuseScope, Stack, Template, SERVICE, TYPE, US_EAST_1, ec2, lambda, path,
  stackWithVpc, vpcOf, endpointIn, endpointWith,
} = require('./world');

const SECRET = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:tidb-cloud/api-key-a1B2c3';
const source = (name) => fs.readFileSync(path.join(__dirname, '..', '..', 'src', name), 'utf8');
const group = (stack, id, groupId) => ec2.SecurityGroup.fromSecurityGroupId(stack, id, groupId);

const EVERYTHING = (stack) => ({
  subnets: { subnetGroupName: 'Data' },
  availabilityZoneIds: ['use1-az1'],
  allowedCidrs: ['10.0.0.0/16', '2001:db8::/56'],
  allowedSecurityGroups: [group(stack, 'Clients', 'sg-c')],
  port: 4001,
  privateDnsEnabled: false,
  ipAddressType: IpAddressType.DUALSTACK,
  reuseScope: ReuseScope.REGION,
  tags: { team: 'data' },
  trigger: '2026-11-23',
  serviceTimeout: Duration.minutes(20),
  removalPolicy: RemovalPolicy.RETAIN,
});

test('properties that are not specified are left to the provider', () => {
  const { Properties, DeletionPolicy } = endpointWith().resource();
  const { ServiceToken, ...rest } = Properties;
  assert.deepEqual(rest, { ServiceTimeout: '900', ServiceName: SERVICE, VpcId: 'vpc-0123456789abcdef0' });
  assert.equal(DeletionPolicy, 'Delete');
});

test('every property is passed to the resource', () => {
  const { stack, vpc } = stackWithVpc();
  new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, ...EVERYTHING(stack) });
  const { Properties, DeletionPolicy, UpdateReplacePolicy } = endpointIn(stack);
  const { ServiceToken, ...rest } = Properties;
  assert.deepEqual(rest, {
    ServiceTimeout: '1200',
    ServiceName: SERVICE,
    VpcId: 'vpc-0123456789abcdef0',
    SubnetIds: ['subnet-a2', 'subnet-b2'],
    AvailabilityZoneIds: ['use1-az1'],
    AllowedCidrs: ['10.0.0.0/16', '2001:db8::/56'],
    AllowedSecurityGroupIds: ['sg-c'],
    Port: 4001,
    PrivateDnsEnabled: false,
    IpAddressType: 'dualstack',
    ReuseScope: 'Region',
    Tags: [{ Key: 'team', Value: 'data' }],
    Trigger: '2026-11-23',
  });
  assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
});

const clusterIn = (stack) => ({
  clusterId: '10581234567890123456',
  apiKey: Secret.fromSecretCompleteArn(stack, 'ApiKey', SECRET),
});

test('the provider may read the API key of a cluster, before the endpoint is created', () => {
  const { stack, vpc } = stackWithVpc();
  new PrivateEndpoint(stack, 'TiDB', { vpc, cluster: clusterIn(stack) });
  const { Properties, DependsOn } = endpointIn(stack);
  assert.deepEqual([Properties.ServiceName, Properties.ClusterId, Properties.ApiKeySecret],
    [undefined, '10581234567890123456', SECRET]);
  const [[id, policy]] = Object.entries(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
  assert.ok([DependsOn].flat().includes(id), `${DependsOn}`);
  const [statement, ...others] = policy.Properties.PolicyDocument.Statement;
  assert.deepEqual([statement.Resource, others], [SECRET, []]);
  assert.ok(statement.Action.every((action) => /^secretsmanager:(GetSecretValue|DescribeSecret)$/.test(action)));
});

test('an imported provider is granted nothing, and no provider without a cluster', () => {
  const { stack, vpc } = stackWithVpc();
  const provider = PrivateEndpointProvider.fromServiceToken(stack, 'Provider',
    'arn:aws:lambda:us-east-1:123456789012:function:provider');
  new PrivateEndpoint(stack, 'TiDB', { vpc, provider, cluster: clusterIn(stack) });
  Template.fromStack(stack).resourceCountIs('AWS::IAM::Policy', 0);
  Template.fromStack(endpointWith().stack).resourceCountIs('AWS::IAM::Policy', 0);
});

test('an endpoint has a service or a cluster', () => {
  const { stack, vpc } = stackWithVpc();
  const make = (props) => () => new PrivateEndpoint(stack, `TiDB${stack.node.children.length}`, { vpc, ...props });
  assert.throws(make({}), /Specify either serviceName or cluster/);
  assert.throws(make({ serviceName: SERVICE, cluster: clusterIn(stack) }), /Specify either serviceName or cluster/);
  const cluster = { ...clusterIn(new Stack()), clusterId: 'orders' };
  assert.throws(make({ cluster }), /'orders', which is not a cluster ID/);
});

test('the properties match those of the provider', () => {
  const table = [...source('request/property.rs').matchAll(/^pub const \w+: Property =\s+property\(\s*"(\w+)"/gm)]
    .map(([, name]) => name);
  assert.ok(table.includes('ServiceName') && table.length >= 13, `read ${table}`);
  const { stack, vpc } = stackWithVpc();
  new PrivateEndpoint(stack, 'A', { vpc, serviceName: SERVICE, ...EVERYTHING(stack) });
  new PrivateEndpoint(stack, 'B', { vpc, cluster: clusterIn(stack), securityGroups: [group(stack, 'Own', 'sg-o')] });
  const seen = new Set(Object.values(Template.fromStack(stack).findResources(TYPE))
    .flatMap((one) => Object.keys(one.Properties)));
  assert.deepEqual([...seen].sort(), ['ServiceTimeout', 'ServiceToken', ...table].sort());
});

test('the attributes match those of the provider', () => {
  const table = [...source('answer/attributes.rs').matchAll(/^ {4}pub (\w+): String/gm)]
    .map(([, name]) => name.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase()));
  assert.ok(table.includes('Host') && table.length >= 22, `read ${table}`);
  const { stack, endpoint } = endpointWith();
  // As of the CDK's own endpoints.
  const getter = (name) => (['EndpointId', 'DnsEntries', 'NetworkInterfaceIds', 'CreationTimestamp'].includes(name)
    ? `vpcEndpoint${name.replace(/^Endpoint/, '')}` : name[0].toLowerCase() + name.slice(1));
  for (const name of table) {
    const value = stack.resolve(endpoint[getter(name)]);
    const attribute = { 'Fn::GetAtt': ['TiDB693B500B', name] };
    const expected = /(Ids|Names|Entries)$/.test(name) ? { 'Fn::Split': [',', attribute] } : attribute;
    assert.deepEqual(value, expected, name);
  }
  const getters = Object.getOwnPropertyNames(PrivateEndpoint.prototype)
    .filter((name) => Object.getOwnPropertyDescriptor(PrivateEndpoint.prototype, name).get);
  assert.deepEqual(getters.sort(), table.map(getter).sort());
  assert.deepEqual([typeof endpoint.port, typeof endpoint.sharedWith], ['number', 'number']);
});

test('one subnet per zone is used from a selection', () => {
  const { Properties } = endpointWith({ subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS } }).resource();
  assert.deepEqual(Properties.SubnetIds, ['subnet-a1', 'subnet-b1']);
});

test('tags come from the property and from parent scopes', () => {
  const { stack, resource } = endpointWith({ tags: { team: 'data', z: '1' } });
  Tags.of(stack).add('cost', '7');
  assert.deepEqual(resource().Properties.Tags,
    [{ Key: 'cost', Value: '7' }, { Key: 'team', Value: 'data' }, { Key: 'z', Value: '1' }]);
});

test('tags that the provider rejects are errors', () => {
  const tagged = (...keys) => () => {
    const { stack } = endpointWith();
    for (const key of keys) Tags.of(stack).add(key, 'x');
    stack.node.root.synth();
  };
  assert.throws(tagged('tidb-private-endpoint:owned'), /\[Stack\/TiDB\] The tag key 'tidb-private-endpoint:owned' has a reserved prefix/);
  assert.throws(tagged('AWS:x'), /The tag key 'AWS:x' has a reserved prefix/);
  assert.throws(tagged('x'.repeat(128)), /does not have 1 to 127 characters/);
  const long = endpointWith({ tags: { team: 'x'.repeat(256) } });
  assert.throws(() => long.stack.node.root.synth(), /The value of the tag 'team' has more than 255 characters/);
  tagged('😀'.repeat(127), 'awsome', 'tidb-private-endpoint')();
  const many = Array.from({ length: 41 }, (_, index) => `k${index}`);
  assert.throws(tagged(...many), /has 41 tags, but at most 40/);
  tagged(...many.slice(1))();
});

// Access.

test('with securityGroups, rules are added to those security groups', () => {
  const { stack, vpc } = stackWithVpc();
  const mine = new ec2.SecurityGroup(stack, 'Mine', { vpc });
  const clients = new ec2.SecurityGroup(stack, 'Clients', { vpc, allowAllOutbound: false });
  const tidb = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, securityGroups: [mine] });
  clients.connections.allowToDefaultPort(tidb);
  const { Properties } = endpointIn(stack);
  assert.deepEqual(Properties.SecurityGroupIds, [stack.resolve(mine.securityGroupId)]);
  assert.equal(Properties.AllowedSecurityGroupIds, undefined);
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
    GroupId: stack.resolve(mine.securityGroupId), SourceSecurityGroupId: stack.resolve(clients.securityGroupId),
    FromPort: 4000, ToPort: 4000, IpProtocol: 'tcp',
  });
  template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
    GroupId: stack.resolve(clients.securityGroupId), DestinationSecurityGroupId: stack.resolve(mine.securityGroupId),
  });
});

test('without securityGroups, each peer is passed to the provider once', () => {
  const { stack, vpc, endpoint, resource } = endpointWith({ allowedCidrs: ['10.9.0.0/16'], port: 4001 });
  const clients = new ec2.SecurityGroup(stack, 'Clients', { vpc, allowAllOutbound: false });
  endpoint.connections.allowDefaultPortFrom(clients);
  clients.connections.allowToDefaultPort(endpoint);
  endpoint.connections.allowDefaultPortFrom(ec2.Peer.ipv4('10.9.0.0/16'));
  endpoint.connections.allowFrom(ec2.Peer.ipv4(vpc.vpcCidrBlock), ec2.Port.tcp(4001));
  endpoint.connections.allowDefaultPortFrom(ec2.Peer.ipv6('2001:db8::/56'));
  const { Properties } = resource();
  assert.deepEqual(Properties.AllowedCidrs, ['10.9.0.0/16', '10.0.0.0/16', '2001:db8::/56']);
  assert.deepEqual(Properties.AllowedSecurityGroupIds, [stack.resolve(clients.securityGroupId)]);
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
  template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
    GroupId: stack.resolve(clients.securityGroupId), FromPort: 4001, ToPort: 4001,
    DestinationSecurityGroupId: { 'Fn::GetAtt': ['TiDB693B500B', 'OwnSecurityGroupId'] },
  });
});

test('without securityGroups, rules that the provider does not manage become resources of the stack', () => {
  const { endpoint, stack } = endpointWith();
  endpoint.connections.allowDefaultPortFrom(ec2.Peer.prefixList('pl-1'));
  endpoint.connections.allowFromAnyIpv4(ec2.Port.tcp(443));
  const rules = Object.values(Template.fromStack(stack).findResources('AWS::EC2::SecurityGroupIngress'));
  assert.deepEqual(rules.map(({ Properties }) => [Properties.SourcePrefixListId, Properties.CidrIp, Properties.FromPort]),
    [['pl-1', undefined, 4000], [undefined, '0.0.0.0/0', 443]]);
  // Never a security group of another team or of a foreign endpoint: that one is empty, and EC2 rejects the rule.
  for (const { Properties } of rules) {
    assert.deepEqual(Properties.GroupId, { 'Fn::GetAtt': ['TiDB693B500B', 'OwnSecurityGroupId'] });
  }
  assert.equal(endpointIn(stack).Properties.AllowedCidrs, undefined);
});

test('nothing is added to a list that is known only at deployment', () => {
  const { stack, vpc } = stackWithVpc();
  const list = new CfnParameter(stack, 'Cidrs', { type: 'CommaDelimitedList' }).valueAsList;
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, allowedCidrs: list });
  endpoint.connections.allowDefaultPortFrom(ec2.Peer.ipv4('10.1.0.0/16'));
  assert.deepEqual(endpointIn(stack).Properties.AllowedCidrs, { Ref: 'Cidrs' });
  Template.fromStack(stack).hasResourceProperties('AWS::EC2::SecurityGroupIngress', { CidrIp: '10.1.0.0/16' });
});

test('a client in a stack that uses the endpoint causes no circular dependency', () => {
  const app = new App();
  const { stack, vpc } = stackWithVpc(app, 'Platform');
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  const orders = new Stack(app, 'Orders', { env: US_EAST_1 });
  const clients = new ec2.SecurityGroup(orders, 'Clients', { vpc: vpcOf(orders), description: endpoint.host });
  clients.connections.allowToDefaultPort(endpoint);
  app.synth();
  assert.equal(endpointIn(stack).Properties.AllowedSecurityGroupIds, undefined);
  Template.fromStack(orders).hasResourceProperties('AWS::EC2::SecurityGroupIngress',
    { SourceSecurityGroupId: orders.resolve(clients.securityGroupId), FromPort: 4000 });
});

/** A stack with a nested stack that has a function that uses the endpoint. */
function withNestedClient(allowAllOutbound, connect) {
  const { stack, vpc } = stackWithVpc();
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  const nested = new NestedStack(new NestedStack(stack, 'Middle'), 'Nested');
  const client = new lambda.Function(nested, 'Client', {
    runtime: lambda.Runtime.NODEJS_20_X,
    handler: 'index.handler',
    code: lambda.Code.fromInline('exports.handler = async () => {};'),
    vpc,
    allowAllOutbound,
    environment: { HOST: endpoint.host },
  });
  connect(endpoint, client);
  // Rejects circular dependencies.
  return { stack, nested, template: Template.fromStack(stack), inner: Template.fromStack(nested) };
}

test('a client in a nested stack that uses the endpoint causes no circular dependency', () => {
  for (const allowAllOutbound of [true, false]) {
    const { stack, template } = withNestedClient(allowAllOutbound,
      (endpoint, client) => endpoint.connections.allowDefaultPortFrom(client));
    assert.equal(endpointIn(stack).Properties.AllowedSecurityGroupIds, undefined);
    const [rule] = Object.values(template.findResources('AWS::EC2::SecurityGroupIngress'));
    assert.deepEqual(rule.Properties.GroupId, { 'Fn::GetAtt': ['TiDB693B500B', 'OwnSecurityGroupId'] });
    assert.match(rule.Properties.SourceSecurityGroupId['Fn::GetAtt'][1], /^Outputs\..*ClientSecurityGroup.*GroupId$/);
    template.resourceCountIs('AWS::EC2::SecurityGroupEgress', allowAllOutbound ? 0 : 1);
  }
});

test('a client in a nested stack can also allow itself', () => {
  const { stack, inner } = withNestedClient(false, (endpoint, client) => client.connections.allowToDefaultPort(endpoint));
  assert.equal(endpointIn(stack).Properties.AllowedSecurityGroupIds, undefined);
  inner.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
  inner.resourceCountIs('AWS::EC2::SecurityGroupEgress', 1);
});

test('a known security group is passed to the provider from any stack, and one of a nested endpoint\'s parent', () => {
  const { stack, vpc } = stackWithVpc();
  const nested = new NestedStack(stack, 'Nested');
  const outer = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  outer.connections.allowDefaultPortFrom(group(nested, 'Known', 'sg-k'));
  const inner = new PrivateEndpoint(nested, 'TiDB', { vpc, serviceName: SERVICE });
  inner.connections.allowDefaultPortFrom(new ec2.SecurityGroup(stack, 'Clients', { vpc }));
  assert.deepEqual(endpointIn(stack).Properties.AllowedSecurityGroupIds, ['sg-k']);
  assert.equal(endpointIn(nested).Properties.AllowedSecurityGroupIds.length, 1);
});

test('an endpoint of another app can be imported', () => {
  const { stack, vpc } = stackWithVpc();
  const known = { vpcEndpointId: 'vpce-0123456789abcdef0', host: 'gateway01.example.com' };
  const endpoint = PrivateEndpoint.fromPrivateEndpointAttributes(stack, 'TiDB', known);
  assert.deepEqual([endpoint.vpcEndpointId, endpoint.host, endpoint.port, endpoint.portAsString(), endpoint.socketAddress],
    [known.vpcEndpointId, known.host, 4000, '4000', 'gateway01.example.com:4000']);
  assert.equal(endpoint.vpcEndpointRef.vpcEndpointId, known.vpcEndpointId);
  const clients = new ec2.SecurityGroup(stack, 'Clients', { vpc, allowAllOutbound: false });
  // Without a security group, this adds nothing.
  clients.connections.allowToDefaultPort(endpoint);
  const other = PrivateEndpoint.fromPrivateEndpointAttributes(stack, 'Other',
    { ...known, port: Token.asNumber(Fn.importValue('port')), securityGroups: [group(stack, 'Theirs', 'sg-t')] });
  clients.connections.allowToDefaultPort(other);
  assert.deepEqual(stack.resolve(other.portAsString()), { 'Fn::ImportValue': 'port' });
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', { GroupId: 'sg-t' });
  template.resourceCountIs('AWS::EC2::SecurityGroupEgress', 1);
  template.resourceCountIs(TYPE, 0);
});

test('an alias record can have it as its target', () => {
  const { stack, vpc, endpoint } = endpointWith();
  const zone = new route53.PrivateHostedZone(stack, 'Zone', { zoneName: 'db.internal', vpc });
  new route53.ARecord(stack, 'Record', { zone, target: route53.RecordTarget.fromAlias(new PrivateEndpointTarget(endpoint)) });
  const attribute = (name) => ({ 'Fn::GetAtt': ['TiDB693B500B', name] });
  Template.fromStack(stack).hasResourceProperties('AWS::Route53::RecordSet', {
    AliasTarget: { HostedZoneId: attribute('HostedZoneId'), DNSName: attribute('DnsName') },
  });
});

test('removal policies and escape hatches work as with other resources', () => {
  const { endpoint, resource } = endpointWith();
  endpoint.applyRemovalPolicy(RemovalPolicy.RETAIN);
  endpoint.node.defaultChild.addPropertyOverride('Trigger', '7');
  assert.deepEqual([resource().DeletionPolicy, resource().Properties.Trigger], ['Retain', '7']);
});

test('a VPC, an endpoint, and a function that uses it can be in one stack', () => {
  const stack = new Stack(new App(), 'Stack');
  const vpc = new ec2.Vpc(stack, 'Vpc');
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  const client = new lambda.Function(stack, 'Client', {
    runtime: lambda.Runtime.NODEJS_20_X,
    handler: 'index.handler',
    code: lambda.Code.fromInline('exports.handler = async () => {};'),
    vpc,
    allowAllOutbound: false,
    environment: { HOST: endpoint.host, PORT: endpoint.portAsString() },
  });
  client.connections.allowToDefaultPort(endpoint);
  const template = Template.fromStack(stack); // rejects circular dependencies
  const subnets = Object.keys(template.findResources('AWS::EC2::Subnet'));
  assert.ok(subnets.length > 1);
  // Without this dependency, the provider could list the subnets before they exist, and CloudFormation would try to delete
  // them while the endpoint still uses them.
  assert.deepEqual(endpointIn(stack).DependsOn.sort(), subnets.sort());
  template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', { FromPort: 4000, ToPort: 4000 });
});

test('with subnets specified, the endpoint depends only on these', () => {
  const stack = new Stack(new App(), 'Stack');
  const vpc = new ec2.Vpc(stack, 'Vpc');
  new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, subnets: { subnetType: ec2.SubnetType.PUBLIC } });
  const { Properties, DependsOn } = endpointIn(stack);
  assert.deepEqual(Properties.SubnetIds, vpc.publicSubnets.map((one) => stack.resolve(one.subnetId)));
  assert.equal(DependsOn, undefined);
});

// Validation at synthesis.

test('all errors are reported at once', () => {
  assert.throws(() => endpointWith({ serviceName: 'vpce-0123456789abcdef0', port: 70000, allowedCidrs: ['everywhere'] }),
    /^Error: Stack\/TiDB: serviceName is .* the ID of an endpoint, not .*\. allowedCidrs contains 'everywhere'.* port is 70000,/);
});

for (const [name, props, expected] of [
  ['securityGroups with allowedCidrs', (stack) => ({ securityGroups: [group(stack, 'A', 'sg-a')], allowedCidrs: ['10.0.0.0/8'] }),
    /allowedCidrs applies only to the security group that the provider creates/],
  ['securityGroups with allowedSecurityGroups', (stack) => ({
    securityGroups: [group(stack, 'A', 'sg-a')], allowedSecurityGroups: [group(stack, 'B', 'sg-b')] }),
  /allowedSecurityGroups applies only to .* With securityGroups, add the rule to your own security group/],
  ['a host name', () => ({ serviceName: 'gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com' }), /is a host name, not an endpoint service name/],
  ['an AWS service', () => ({ serviceName: 'com.amazonaws.us-east-1.s3' }), /Copy the service name that TiDB Cloud shows/],
  ['a truncated service name', () => ({ serviceName: SERVICE.slice(0, -1) }),
    /is not an endpoint service name\. .* such as com\.amazonaws\.vpce/],
  ['a service in another region', () => ({ serviceName: SERVICE.replace('us-east-1', 'eu-west-1') }),
    /is in eu-west-1, but the stack Stack is in us-east-1/],
  ['a zone name', () => ({ availabilityZoneIds: ['us-east-1a'] }), /'us-east-1a', which is not a zone ID\. Specify IDs such as use1-az1/],
  ['an address without a prefix length', () => ({ allowedCidrs: ['10.0.0.0'] }), /'10\.0\.0\.0', which is not a CIDR block/],
  ['a prefix length that is too long', () => ({ allowedCidrs: ['10.0.0.0/33'] }), /which is not a CIDR block/],
  ['an address with a leading zero', () => ({ allowedCidrs: ['010.0.0.0/8'] }), /which is not a CIDR block/],
  ['host bits', () => ({ allowedCidrs: ['10.0.0.1/8'] }),
    /'10\.0\.0\.1\/8', which is not the first address of the block\. Set the last 24 bits of the address to zero/],
  ['host bits of an IPv6 block', () => ({ allowedCidrs: ['2001:db8::1:0:0/56'] }), /Set the last 72 bits/],
  ['host bits in an embedded IPv4 address', () => ({ allowedCidrs: ['::ffff:10.0.0.1/104'] }), /Set the last 24 bits/],
  ['an empty service name', () => ({ serviceName: '' }), /serviceName is '', which is not an endpoint service name/],
  ['port 0', () => ({ port: 0 }), /port is 0/],
  ['a fractional port', () => ({ port: 4000.5 }), /port is 4000\.5/],
]) {
  test(`${name}: rejected`, () => {
    const { stack, vpc } = stackWithVpc();
    assert.throws(() => new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, ...props(stack) }), expected);
  });
}

test('a VPC without DNS hostnames is rejected, unless private DNS is off', () => {
  const stack = new Stack(new App(), 'Stack');
  const vpc = new ec2.Vpc(stack, 'Vpc', { enableDnsHostnames: false });
  const make = (privateDnsEnabled) => () => new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, privateDnsEnabled });
  assert.throws(make(), /privateDnsEnabled requires DNS support and DNS hostnames, but the VPC turns them off/);
  stack.node.tryRemoveChild('TiDB');
  make(false)();
});

test('values that are unknown at synthesis are not checked', () => {
  const { stack, vpc } = stackWithVpc();
  const parameter = (id, type = 'String') => new CfnParameter(stack, id, { type });
  const endpoint = new PrivateEndpoint(stack, 'TiDB', {
    vpc,
    serviceName: parameter('Service').valueAsString,
    availabilityZoneIds: parameter('Zones', 'CommaDelimitedList').valueAsList,
    allowedCidrs: [parameter('Cidr').valueAsString],
    port: parameter('Port', 'Number').valueAsNumber,
  });
  const { Properties } = endpointIn(stack);
  assert.deepEqual(Properties.ServiceName, { Ref: 'Service' });
  assert.deepEqual(Properties.AvailabilityZoneIds, { Ref: 'Zones' });
  assert.deepEqual(Properties.AllowedCidrs, [{ Ref: 'Cidr' }]);
  assert.deepEqual(Properties.Port, { Ref: 'Port' });
  assert.ok(endpoint.connections.defaultPort);
});

test('a stack without a region accepts a service in any region', () => {
  const { Properties } = endpointWith({ serviceName: SERVICE.replace('us-east-1', 'eu-west-1') }, {}).resource();
  assert.match(Properties.ServiceName, /eu-west-1/);
});

test('a service in a China region is accepted', () => {
  const name = 'cn.com.amazonaws.vpce.cn-north-1.vpce-svc-0123456789abcdef0';
  assert.equal(endpointWith({ serviceName: name }, {}).resource().Properties.ServiceName, name);
});

test('empty lists are omitted', () => {
  const { Properties } = endpointWith({ securityGroups: [], allowedCidrs: [], availabilityZoneIds: [], tags: {} }).resource();
  assert.deepEqual(Object.keys(Properties).sort(), ['ServiceName', 'ServiceTimeout', 'ServiceToken', 'VpcId']);
});

test('attributes can be used as strings', () => {
  const { stack, endpoint } = endpointWith();
  const [host, port] = ['Host', 'Port'].map((name) => ({ 'Fn::GetAtt': ['TiDB693B500B', name] }));
  assert.deepEqual(stack.resolve(endpoint.socketAddress), { 'Fn::Join': ['', [host, ':', port]] });
  assert.deepEqual(stack.resolve(endpoint.portAsString()), port);
});

/** `tests/e2e/lint_check.py` and the function's own tests judge the same blocks and tags. */
test('CIDR blocks and tags are judged as the provider judges them', () => {
  const { [TYPE]: { valid, accepted, refused } } = JSON.parse(
    fs.readFileSync(path.join(__dirname, '..', '..', 'tests', 'properties.json'), 'utf8'));
  assert.equal(valid.ServiceName, SERVICE);
  const judge = ({ AllowedCidrs, Tags: tags }) => {
    const { stack } = endpointWith({
      allowedCidrs: AllowedCidrs, tags: tags && Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])),
    });
    stack.node.root.synth();
  };
  const only = (change, allows) => Object.entries(change).every(([name, value]) => allows(name, value));
  const blocks = (name, value) => name === 'AllowedCidrs' && Array.isArray(value) && !value.includes('');
  const tags = (name, value) => name === 'Tags' && Array.isArray(value) && new Set(value.map((one) => one.Key)).size === value.length
    && value.every((one) => typeof one === 'object' && Object.keys(one).length === 2);
  const ours = (cases) => cases.filter((change) => only(change, (...one) => blocks(...one) || tags(...one)));
  for (const change of ours(accepted)) judge(change);
  assert.ok(ours(refused).length > 10);
  for (const change of ours(refused)) assert.throws(() => judge(change), JSON.stringify(change));
});
