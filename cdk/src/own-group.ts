import { Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

/** What a `PrivateEndpoint` asks the provider to allow. */
export interface Allowed {
  readonly port: ec2.Port;
  readonly cidrs: string[];
  readonly securityGroupIds: string[];
}

/**
 * The security group that the provider creates if none is specified. Not part of the interface of this package.
 *
 * EC2 rejects a duplicate rule, and this security group is shared with the other stacks that use the endpoint and with the
 * provider, which adds rules itself. A rule for the default port is therefore not a resource of the stack: it is added to
 * what the provider is asked to allow, because the provider can tell existing rules from missing ones.
 */
export function ownGroup(scope: Construct, securityGroupId: string, allowed: Allowed): ec2.ISecurityGroup {
  const group = ec2.SecurityGroup.fromSecurityGroupId(scope, 'SecurityGroup', securityGroupId);
  const addResource = group.addIngressRule.bind(group);
  group.addIngressRule = (peer, port, description, remoteRule) => {
    const { cidrIp, cidrIpv6, sourceSecurityGroupId, ...rest } = peer.toIngressRuleConfig();
    const block = cidrIp ?? cidrIpv6;
    const [list, item] = block ? [allowed.cidrs, block] : [allowed.securityGroupIds, sourceSecurityGroupId];
    const nameable = item && Object.keys(rest).length === 0 && !Token.isUnresolved(list);
    if (`${port}` !== `${allowed.port}` || !nameable || dependsOn(scope, peer, item, remoteRule)) {
      addResource(peer, port, description, remoteRule);
    } else if (!list.includes(item)) {
      list.push(item);
    }
  };
  return group;
}

/**
 * Whether the stack of the peer may use the endpoint, so that the endpoint must not wait for what that stack creates. The
 * rule can wait for both.
 */
function dependsOn(scope: Construct, peer: ec2.IPeer, item: string, remoteRule?: boolean): boolean {
  if (!Construct.isConstruct(peer) || !Token.isUnresolved(item)) return false;
  const [here, there] = [Stack.of(scope), Stack.of(peer)];
  // The CDK puts a remote rule into the peer's stack, which then depends on this one.
  return here !== there && (remoteRule || isNestedIn(here, there));
}

function isNestedIn(outer: Stack, stack: Stack): boolean {
  const parent = stack.nestedStackParent;
  return parent !== undefined && (parent === outer || isNestedIn(outer, parent));
}
