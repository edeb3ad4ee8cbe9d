'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const {
  PrivateEndpoint, PrivateEndpointTarget, PrivateEndpointZone, ReuseScope, Template, SERVICE, ec2, stackWithVpc,
} = require('./world');

const only = (template, type) => {
  const found = Object.values(template.findResources(type));
  assert.equal(found.length, 1, `${found.length} resources of type ${type}`);
  return found[0].Properties;
};

test('a private zone has exactly the private host name, and an alias for the endpoint', () => {
  const { stack, vpc } = stackWithVpc();
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE, reuseScope: ReuseScope.REGION });
  const { hostedZoneId } = endpoint.addPrivateZone(vpc);
  const template = Template.fromStack(stack);
  const [resource] = Object.keys(template.findResources('Custom::TiDBCloudPrivateEndpoint'));
  const attribute = (name) => ({ 'Fn::GetAtt': [resource, name] });
  const zone = only(template, 'AWS::Route53::HostedZone');
  assert.deepEqual(zone.Name, attribute('PrivateDnsName'));
  assert.deepEqual(zone.VPCs, [{ VPCId: 'vpc-0123456789abcdef0', VPCRegion: 'us-east-1' }]);
  assert.deepEqual(only(template, 'AWS::Route53::RecordSet'), {
    HostedZoneId: stack.resolve(hostedZoneId),
    Name: attribute('PrivateDnsName'),
    Type: 'A',
    AliasTarget: { DNSName: attribute('DnsName'), HostedZoneId: attribute('HostedZoneId'), EvaluateTargetHealth: false },
  });
});

test('several spokes get a zone each', () => {
  const { stack, vpc } = stackWithVpc();
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  for (const id of ['A', 'B']) {
    endpoint.addPrivateZone(ec2.Vpc.fromVpcAttributes(stack, id, { vpcId: `vpc-${id}`, availabilityZones: ['us-east-1a'] }));
  }
  const zones = Object.values(Template.fromStack(stack).findResources('AWS::Route53::HostedZone'));
  assert.deepEqual(zones.map((zone) => zone.Properties.VPCs[0].VPCId).sort(), ['vpc-A', 'vpc-B']);
});

test('a zone in the VPC of the endpoint itself is refused', () => {
  const { stack, vpc } = stackWithVpc();
  const endpoint = new PrivateEndpoint(stack, 'TiDB', { vpc, serviceName: SERVICE });
  assert.throws(() => endpoint.addPrivateZone(vpc), /Stack\/TiDB: The endpoint is in Stack\/Vpc/);
});

test('an imported endpoint can be the target of an alias, if its names are known', () => {
  const { stack, vpc } = stackWithVpc();
  const imported = (id, more) => PrivateEndpoint.fromPrivateEndpointAttributes(stack, id, {
    vpcEndpointId: 'vpce-0123456789abcdef0', host: 'gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com', ...more,
  });
  const known = imported('Known', {
    privateDnsName: 'gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com',
    dnsName: 'vpce-0123456789abcdef0-abcd1234.vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com',
    hostedZoneId: 'Z7HUB22UULQXV',
  });
  new PrivateEndpointZone(stack, 'Zone', { endpoint: known, vpc });
  assert.deepEqual(only(Template.fromStack(stack), 'AWS::Route53::RecordSet').AliasTarget, {
    DNSName: 'vpce-0123456789abcdef0-abcd1234.vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com',
    HostedZoneId: 'Z7HUB22UULQXV',
    EvaluateTargetHealth: false,
  });
  assert.throws(() => new PrivateEndpointTarget(imported('Unknown', {})).bind({}),
    /Unknown: dnsName is not known of this imported endpoint. Specify it in fromPrivateEndpointAttributes/);
});
