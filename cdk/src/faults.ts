// What the constructs check at synthesis. Not part of the interface of this package. The forms of values are those of the
// linter schema, which is generated from the provider's own table. Tokens are not checked here; the provider checks their
// values.
import { isIP } from 'net';
import { Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { IConstruct } from 'constructs';
import type { ConnectionCheckProps } from './check';
import type { PrivateEndpointProps } from './endpoint';
import { SETTINGS } from './settings';

const { forms, checkForms, tags } = SETTINGS;

/** Whether a value has the form of a property, or of an item of it. The schema also allows blank values. */
function fits(property: string, value: string, its = forms): boolean {
  return value !== '' && new RegExp(its[property].pattern!).test(value);
}

const isKnown = (value: unknown): boolean => value !== undefined && !Token.isUnresolved(value);

const known = (list: string[] = []) => (Token.isUnresolved(list) ? [] : list.filter((item) => !Token.isUnresolved(item)));

/** The errors in the properties. */
export function faultsOf(props: PrivateEndpointProps, stack: Stack): string[] {
  const faults: string[] = [];
  const { serviceName, cluster, port } = props;
  if ((serviceName === undefined) === (cluster === undefined)) {
    faults.push('Specify either serviceName or cluster.');
  }
  if (isKnown(serviceName)) faults.push(...faultsOfServiceName(serviceName!, stack));
  if (cluster && isKnown(cluster.clusterId) && !fits('ClusterId', cluster.clusterId)) {
    faults.push(`cluster.clusterId is '${cluster.clusterId}', which is not a cluster ID. Specify an ID such as `
      + '10581234567890123456.');
  }
  for (const zone of known(props.availabilityZoneIds)) {
    if (!fits('AvailabilityZoneIds', zone)) {
      faults.push(`availabilityZoneIds contains '${zone}', which is not a zone ID. Specify IDs such as use1-az1, because `
        + 'zone names such as us-east-1a differ between accounts.');
    }
  }
  for (const block of known(props.allowedCidrs)) faults.push(...faultsOfBlock(block));
  for (const name of ['allowedCidrs', 'allowedSecurityGroups'] as const) {
    if (props[name]?.length && props.securityGroups?.length) {
      faults.push(`${name} applies only to the security group that the provider creates. With securityGroups, add the `
        + 'rule to your own security group instead, for example with connections.allowDefaultPortFrom.');
    }
  }
  faults.push(...faultsOfPort(port));
  // These settings are known only if this app creates the VPC.
  const { dnsSupportEnabled, dnsHostnamesEnabled } = props.vpc as Partial<ec2.Vpc>;
  if (props.privateDnsEnabled !== false && (dnsSupportEnabled === false || dnsHostnamesEnabled === false)) {
    faults.push('privateDnsEnabled requires DNS support and DNS hostnames, but the VPC turns them off with '
      + 'enableDnsSupport or enableDnsHostnames. Turn both on, or set privateDnsEnabled to false.');
  }
  return faults;
}

/** The errors in the properties of a connection check. */
export function faultsOfCheck({ host, port, endpointAddresses, timeout }: ConnectionCheckProps): string[] {
  const faults: string[] = [];
  if (isKnown(host) && !fits('Host', host, checkForms)) {
    faults.push(`host is '${host}', which is not a host name. Specify host of a PrivateEndpoint.`);
  }
  faults.push(...faultsOfPort(port));
  for (const address of known(endpointAddresses)) {
    if (isIP(address) === 0) faults.push(`endpointAddresses contains '${address}', which is not an IP address.`);
  }
  const { minimum, maximum } = checkForms.TimeoutSeconds;
  const seconds = timeout?.toSeconds();
  if (seconds !== undefined && !(seconds >= minimum! && seconds <= maximum!)) {
    faults.push(`timeout is ${seconds} seconds. Specify ${minimum} to ${maximum} seconds.`);
  }
  return faults;
}

function faultsOfPort(port?: number): string[] {
  const { minimum, maximum } = forms.Port;
  return !isKnown(port) || (Number.isInteger(port) && port! >= minimum! && port! <= maximum!) ? []
    : [`port is ${port}, which is not a port number. Specify an integer from ${minimum} to ${maximum}.`];
}

function faultsOfServiceName(name: string, stack: Stack): string[] {
  if (!fits('ServiceName', name)) {
    let kind = '';
    if (/^vpce-[0-9a-f]+$/.test(name)) kind = 'the ID of an endpoint, ';
    if (name.endsWith('.tidbcloud.com')) kind = 'a host name, ';
    return [`serviceName is '${name}', which is ${kind}not an endpoint service name. Copy the service name that `
      + 'TiDB Cloud shows under Connect > Private Endpoint, such as '
      + 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0.'];
  }
  // com.amazonaws.vpce.REGION.vpce-svc-…
  const region = name.split('.').at(-2);
  if (!Token.isUnresolved(stack.region) && stack.region !== region) {
    return [`The service ${name} is in ${region}, but the stack ${stack.stackName} is in ${stack.region}. TiDB Cloud `
      + `does not offer cross-Region private endpoints. Deploy the stack in ${region}, or use a service in `
      + `${stack.region}.`];
  }
  return [];
}

/** The account and Region are known only for a provider of this app. */
export function faultsBetween(stack: Stack, provider: IConstruct): string[] {
  const its = Stack.of(provider);
  return (['account', 'region'] as const)
    .filter((what) => ![stack[what], its[what]].some(Token.isUnresolved) && stack[what] !== its[what])
    .map((what) => `The provider is in the ${what} ${its[what]}, but the stack ${stack.stackName} is in `
      + `${stack[what]}. Use a provider in the account and Region of the stack.`);
}

/** What is wrong with the ARN of a provider that was deployed separately. */
export function faultOfServiceToken(serviceToken: string, stack: Stack, exportName: string): string | undefined {
  if (Token.isUnresolved(serviceToken)) return undefined;
  const [, region, account] = /^arn:[^:]+:lambda:([^:]+):([^:]+):function:.+$/.exec(serviceToken) ?? [];
  if (region === undefined) {
    return `'${serviceToken}' is not the ARN of a Lambda function. To import an exported value, use `
      + `Fn.importValue('${exportName}').`;
  }
  for (const [its, ours] of [[account, stack.account], [region, stack.region]]) {
    if (![its, ours].some(Token.isUnresolved) && its !== ours) {
      return `The provider ${serviceToken} is in ${its}, but the stack ${stack.stackName} is in ${ours}. `
        + 'Use a provider in the account and Region of the stack.';
    }
  }
  return undefined;
}

/** The errors in the tags, which are complete only at the end of the synthesis. */
export function faultsOfTags(values: { readonly [key: string]: string }): string[] {
  const entries = Object.entries(values);
  const faults = entries.flatMap(([key, value]) => {
    if (!new RegExp(tags.keyPattern).test(key)) {
      return [`The tag key '${key}' has a reserved prefix. Remove the tag, or use another key.`];
    }
    // EC2 counts characters, not UTF-16 units.
    if (key === '' || [...key].length > tags.maxKeyLength) {
      return [`The tag key '${key}' does not have 1 to ${tags.maxKeyLength} characters. Use a shorter key.`];
    }
    if ([...value].length > tags.maxValueLength) {
      return [`The value of the tag '${key}' has more than ${tags.maxValueLength} characters. Use a shorter value.`];
    }
    return [];
  });
  if (entries.length > tags.max) {
    faults.push(`The endpoint has ${entries.length} tags, but at most ${tags.max} are allowed, because the provider adds a `
      + 'tag for every stack that uses the endpoint. Remove some tags.');
  }
  return faults;
}

function faultsOfBlock(block: string): string[] {
  const [address, bits] = block.split('/');
  const size = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  if (!fits('AllowedCidrs', block) || size === 0 || Number(bits) > size) {
    return [`allowedCidrs contains '${block}', which is not a CIDR block. Specify a block such as 10.0.0.0/16 or `
      + '2001:db8::/56.'];
  }
  const hostBits = BigInt(size) - BigInt(bits);
  if (numberOf(address) % (1n << hostBits) !== 0n) {
    return [`allowedCidrs contains '${block}', which is not the first address of the block. Set the last ${hostBits} bits `
      + 'of the address to zero.'];
  }
  return [];
}

/** A valid IP address as a number. */
function numberOf(address: string): bigint {
  if (isIP(address) === 4) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  // URLs have the canonical form, in hexadecimal only.
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
    .map((half) => half.split(':').filter(Boolean));
  const groups = [...head, ...Array(8 - head.length - (tail ?? []).length).fill('0'), ...tail ?? []];
  return groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}
