import { isIP } from 'net';
import {
  CfnResource, CustomResource, Duration, Fn, ITaggable, Lazy, RemovalPolicy, Stack, TagManager, TagType, Token,
} from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { IPrivateEndpointProvider, PrivateEndpointProvider } from './provider';

const RESOURCE_TYPE = 'Custom::TiDBCloudPrivateEndpoint';
const DEFAULT_PORT = 4000;
const SERVICE_NAME = /^(?:cn\.)?com\.amazonaws\.vpce\.([a-z0-9]+(?:-[a-z0-9]+){2,})\.vpce-svc-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;
/** EC2 allows 50 tags; the product keeps room for its own. */
const MAX_TAGS = 40;
const OWN_TAGS = 'tidb-private-endpoint:';

/** Where an endpoint may be that is joined instead of made. */
export enum ReuseScope {
  /** In the VPC only. */
  VPC = 'Vpc',
  /** In the VPC; if there is none, any available one of another VPC of the region. */
  REGION = 'Region',
}

/** Which addresses an endpoint has. */
export enum IpAddressType {
  /** IPv4 only. */
  IPV4 = 'ipv4',
  /** IPv4 and IPv6. */
  DUALSTACK = 'dualstack',
  /** IPv6 only. */
  IPV6 = 'ipv6',
}

/**
 * Properties of a `PrivateEndpoint`.
 */
export interface PrivateEndpointProps {
  /**
   * The VPC that the endpoint is for. It needs DNS support and DNS hostnames, unless `privateDnsEnabled` is false.
   * Another VPC is another endpoint.
   */
  readonly vpc: ec2.IVpc;

  /**
   * The endpoint service that TiDB Cloud shows under Connect > Private Endpoint, such as
   * `com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0`; of the stack's region. Another service is another endpoint.
   */
  readonly serviceName: string;

  /**
   * The subnets that get an address of the endpoint; of a selection with several in one zone, the first. Those in zones
   * where the service is not are left out, with a warning.
   *
   * @default - one subnet in every zone that the service serves
   */
  readonly subnets?: ec2.SubnetSelection;

  /**
   * Zone ids such as `use1-az1`, to narrow the zones. (Zone names such as `us-east-1a` differ between accounts.)
   *
   * @default - all zones that the service serves
   */
  readonly availabilityZoneIds?: string[];

  /**
   * The endpoint's security groups. One of them has to let your clients in on `port`: `connections` writes such rules.
   *
   * @default - a group of the product's own, which lets in who is named by `allowedCidrs`, `allowedSecurityGroups` and
   * `connections`, and the whole VPC if nobody is named
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * Who may connect, as address blocks. Not together with `securityGroups`.
   *
   * @default - see `securityGroups`
   */
  readonly allowedCidrs?: string[];

  /**
   * Who may connect, as members of security groups. Not together with `securityGroups`.
   *
   * @default - see `securityGroups`
   */
  readonly allowedSecurityGroups?: ec2.ISecurityGroup[];

  /**
   * The port that the product's own group opens, that the attributes name, and that `connections` has as default.
   *
   * @default 4000
   */
  readonly port?: number;

  /**
   * Whether TiDB Cloud's own host name resolves to the endpoint inside the VPC; TLS verification needs it.
   *
   * @default true
   */
  readonly privateDnsEnabled?: boolean;

  /**
   * Which addresses the endpoint has.
   *
   * @default - left to EC2
   */
  readonly ipAddressType?: IpAddressType;

  /**
   * Where an endpoint may be that is joined instead of made.
   *
   * @default ReuseScope.VPC
   */
  readonly reuseScope?: ReuseScope;

  /**
   * Tags for the endpoint. It also takes part in `Tags.of(…).add(…)` of the stacks and constructs that it is in.
   *
   * @default - none
   */
  readonly tags?: { [key: string]: string };

  /**
   * What answers CloudFormation: a `PrivateEndpointProvider`, or an imported service token
   * (`PrivateEndpointProvider.fromServiceToken`). Of the same account and region.
   *
   * @default PrivateEndpointProvider.getOrCreate(this)
   */
  readonly provider?: IPrivateEndpointProvider;

  /**
   * How long CloudFormation waits for one answer. The function itself works for 15 minutes at most.
   *
   * @default Duration.minutes(15)
   */
  readonly serviceTimeout?: Duration;

  /**
   * What happens when the resource leaves the stack. With `RETAIN` CloudFormation tells the function nothing, so that
   * the stack's reference stays on the endpoint and keeps it until somebody takes that tag off by hand.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A private way from a VPC to TiDB Cloud: an AWS PrivateLink endpoint, made if it is missing, shared by every stack that
 * asks for it, and deleted when the last of them is gone.
 *
 * Its attributes are texts, known when CloudFormation has made the resource; what does not apply is empty.
 */
export class PrivateEndpoint extends Construct implements ec2.IConnectable, ITaggable {
  /**
   * Who may reach the endpoint; the default port is `port`.
   *
   * With `securityGroups`, rules are written into those groups. Without, peers of the default port are named to the
   * product as `allowedCidrs` and `allowedSecurityGroups` are: it writes each rule once, however many stacks ask for it.
   * The first peer that is named closes an endpoint that no other stack shares to the rest of the VPC.
   */
  public readonly connections: ec2.Connections;

  /** The tags of the endpoint. */
  public readonly tags: TagManager;

  /** The provider that answers CloudFormation for this endpoint. */
  public readonly provider: IPrivateEndpointProvider;

  private readonly resource: CustomResource;
  private readonly allowedCidrs: string[];
  private readonly allowedSecurityGroupIds: string[];

  /**
   * @param scope the parent of the new construct
   * @param id its id
   * @param props its properties
   */
  constructor(scope: Construct, id: string, props: PrivateEndpointProps) {
    super(scope, id);
    this.provider = props.provider ?? PrivateEndpointProvider.getOrCreate(this);
    const faults = [...faultsOf(props, Stack.of(this)), ...faultsBetween(Stack.of(this), this.provider)];
    if (faults.length > 0) throw new Error(`${this.node.path}: ${faults.join(' ')}`);

    const groups = props.securityGroups ?? [];
    this.allowedCidrs = [...props.allowedCidrs ?? []];
    this.allowedSecurityGroupIds = (props.allowedSecurityGroups ?? []).map((group) => group.securityGroupId);
    this.tags = new TagManager(TagType.STANDARD, RESOURCE_TYPE, props.tags && Object.entries(props.tags).map(
      ([key, value]) => ({ key, value })));
    this.node.addValidation({ validate: () => this.faultsOfTags() });

    this.resource = new CustomResource(this, 'Resource', {
      resourceType: RESOURCE_TYPE,
      serviceToken: this.provider.serviceToken,
      serviceTimeout: props.serviceTimeout ?? Duration.minutes(15),
      removalPolicy: props.removalPolicy,
      properties: {
        ServiceName: props.serviceName,
        VpcId: props.vpc.vpcId,
        // As for the native interface endpoint of the CDK: EC2 takes one subnet in each zone.
        SubnetIds: props.subnets && props.vpc.selectSubnets({ ...props.subnets, onePerAz: true }).subnetIds,
        AvailabilityZoneIds: notEmpty(props.availabilityZoneIds),
        SecurityGroupIds: notEmpty(groups.map((group) => group.securityGroupId)),
        AllowedCidrs: Lazy.list({ produce: () => this.allowedCidrs }, { omitEmpty: true }),
        AllowedSecurityGroupIds: Lazy.list({ produce: () => this.allowedSecurityGroupIds }, { omitEmpty: true }),
        Port: props.port,
        PrivateDnsEnabled: props.privateDnsEnabled,
        IpAddressType: props.ipAddressType,
        ReuseScope: props.reuseScope,
        Tags: Lazy.any({ produce: () => this.renderedTags() }, { omitEmptyArray: true }),
      },
    });

    // The product chooses among the subnets that are there. So all that the app makes have to be there before, and have
    // to stay until the endpoint is out of them.
    if (!props.subnets) this.resource.node.addDependency(...subnetsMadeWith(props.vpc));

    const defaultPort = ec2.Port.tcp(props.port ?? DEFAULT_PORT);
    this.connections = new ec2.Connections({
      securityGroups: groups.length > 0 ? groups : [this.ownGroup(defaultPort)],
      defaultPort,
    });
  }

  /** The endpoint's id, `vpce-…`; also what TiDB Cloud's "Authorized Networks" rule wants. */
  public get endpointId(): string { return this.resource.getAttString('EndpointId'); }

  /** The regional endpoint DNS name that AWS gave. */
  public get dnsName(): string { return this.resource.getAttString('DnsName'); }

  /** The service's own name, `gatewayNN-privatelink.REGION.prod.aws.tidbcloud.com`, when private DNS is on. */
  public get privateDnsName(): string { return this.resource.getAttString('PrivateDnsName'); }

  /** The name to connect to: `privateDnsName` if there is one, else `dnsName` (TLS verification needs the former). */
  public get host(): string { return this.resource.getAttString('Host'); }

  /** The port to connect to, as a text, such as an environment variable takes. */
  public get port(): string { return this.resource.getAttString('Port'); }

  /** The DNS names of the single zones. */
  public get zonalDnsNames(): string[] { return this.list('ZonalDnsNames'); }

  /** All DNS names as the native resource writes them, `zone:name`. */
  public get dnsEntries(): string[] { return this.list('DnsEntries'); }

  /** The hosted zone of `dnsName`, for alias records. */
  public get hostedZoneId(): string { return this.resource.getAttString('HostedZoneId'); }

  /** The VPC that the endpoint is in. */
  public get vpcId(): string { return this.resource.getAttString('VpcId'); }

  /** The endpoint service. */
  public get serviceName(): string { return this.resource.getAttString('ServiceName'); }

  /** The endpoint's subnets. */
  public get subnetIds(): string[] { return this.list('SubnetIds'); }

  /** The zones of those subnets that are in the VPC, as ids. */
  public get availabilityZoneIds(): string[] { return this.list('AvailabilityZoneIds'); }

  /** The endpoint's network interfaces. */
  public get networkInterfaceIds(): string[] { return this.list('NetworkInterfaceIds'); }

  /** The groups of those interfaces. */
  public get securityGroupIds(): string[] { return this.list('SecurityGroupIds'); }

  /** `ipv4`, `dualstack` or `ipv6`. */
  public get ipAddressType(): string { return this.resource.getAttString('IpAddressType'); }

  /** When the endpoint was made. */
  public get creationTimestamp(): string { return this.resource.getAttString('CreationTimestamp'); }

  /** `true` when the endpoint was not made for this resource. */
  public get reused(): string { return this.resource.getAttString('Reused'); }

  /** `Owned` (made by this product, in any stack) or `Foreign`. */
  public get ownership(): string { return this.resource.getAttString('Ownership'); }

  /** How many other references the endpoint carries. */
  public get sharedWith(): string { return this.resource.getAttString('SharedWith'); }

  /** What works but will surprise, one sentence each; empty when all is well. */
  public get warnings(): string { return this.resource.getAttString('Warnings'); }

  /** For Java, TLS verification on; user name and password are yours to add. */
  public get jdbcUrl(): string { return this.resource.getAttString('JdbcUrl'); }

  /** For the `mysql` client, TLS verification on; put your user name behind it. */
  public get mysqlCommand(): string { return this.resource.getAttString('MysqlCommand'); }

  private list(attribute: string): string[] {
    return Fn.split(',', this.resource.getAttString(attribute));
  }

  /**
   * The group that the endpoint has when it is given none.
   *
   * EC2 refuses a rule that a group has already, and the group is shared: with the other stacks that use the endpoint,
   * and with the rules that the product writes itself. So a rule for the default port must not be a resource of this
   * stack's own, but goes to the product, which tells apart what is there from what is missing.
   */
  private ownGroup(defaultPort: ec2.Port): ec2.ISecurityGroup {
    const group = ec2.SecurityGroup.fromSecurityGroupId(this, 'SecurityGroup', Fn.select(0, this.securityGroupIds));
    const addResource = group.addIngressRule.bind(group);
    group.addIngressRule = (peer, port, description, remoteRule) => {
      const { cidrIp, cidrIpv6, sourceSecurityGroupId, ...rest } = peer.toIngressRuleConfig();
      // A rule that the CDK wants in the peer's stack cannot be here: that stack depends on this one.
      const elsewhere = remoteRule && Construct.isConstruct(peer) && Stack.of(peer) !== Stack.of(this);
      const block = cidrIp ?? cidrIpv6;
      const [list, item] = block ? [this.allowedCidrs, block] : [this.allowedSecurityGroupIds, sourceSecurityGroupId];
      const nameable = item && Object.keys(rest).length === 0 && !Token.isUnresolved(list);
      if (`${port}` !== `${defaultPort}` || elsewhere || !nameable) {
        addResource(peer, port, description, remoteRule);
      } else if (!list.includes(item)) {
        list.push(item);
      }
    };
    return group;
  }

  private renderedTags() {
    const byKey = Object.entries(this.tags.tagValues()).sort(([a], [b]) => (a < b ? -1 : 1));
    return byKey.map(([Key, Value]) => ({ Key, Value }));
  }

  private faultsOfTags(): string[] {
    const keys = Object.keys(this.tags.tagValues());
    const reserved = keys.filter((key) => /^aws:/i.test(key) || key.startsWith(OWN_TAGS));
    return [
      ...reserved.map((key) => `The tag '${key}' has a prefix that is reserved.`),
      ...keys.length > MAX_TAGS
        ? [`The endpoint has ${keys.length} tags; at most ${MAX_TAGS} leave room for the references of the stacks.`] : [],
    ];
  }
}

/** The subnets of a VPC that this app makes, without what belongs to them, such as NAT gateways. */
function subnetsMadeWith(vpc: ec2.IVpc): CfnResource[] {
  return [...vpc.publicSubnets, ...vpc.privateSubnets, ...vpc.isolatedSubnets]
    .flatMap((subnet) => subnet.node.findAll())
    .filter((child): child is CfnResource => CfnResource.isCfnResource(child) && child.cfnResourceType === 'AWS::EC2::Subnet');
}

function notEmpty<T>(list: T[] | undefined): T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}

/** What is wrong with the properties, a sentence each. Tokens get the benefit of the doubt: the function sees their values. */
function faultsOf(props: PrivateEndpointProps, stack: Stack): string[] {
  const faults: string[] = [];
  const known = (list: string[] = []) => (Token.isUnresolved(list) ? [] : list.filter((item) => !Token.isUnresolved(item)));
  if (!Token.isUnresolved(props.serviceName)) faults.push(...faultsOfServiceName(props.serviceName, stack));
  for (const zone of known(props.availabilityZoneIds)) {
    if (!/^[a-z0-9-]+-az\d+$/.test(zone)) {
      faults.push(`availabilityZoneIds has '${zone}', which is not a zone id such as use1-az1 (zone names such as `
        + 'us-east-1a differ between accounts).');
    }
  }
  for (const block of known(props.allowedCidrs)) {
    if (!isBlock(block)) {
      faults.push(`allowedCidrs has '${block}', which is not a CIDR block such as 10.0.0.0/16 or 2001:db8::/56.`);
    }
  }
  for (const name of ['allowedCidrs', 'allowedSecurityGroups'] as const) {
    if (props[name]?.length && props.securityGroups?.length) {
      faults.push(`${name} applies only to the group that the product makes itself; with securityGroups, write the rule `
        + 'in your own group, for example with connections.allowDefaultPortFrom.');
    }
  }
  const { port } = props;
  if (port !== undefined && !Token.isUnresolved(port) && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    faults.push(`port is ${port}, which is not a port from 1 to 65535.`);
  }
  // Only a VPC of this app tells.
  const { dnsSupportEnabled, dnsHostnamesEnabled } = props.vpc as Partial<ec2.Vpc>;
  if (props.privateDnsEnabled !== false && (dnsSupportEnabled === false || dnsHostnamesEnabled === false)) {
    faults.push('privateDnsEnabled needs DNS support and DNS hostnames of the VPC; do not turn them off there with '
      + 'enableDnsSupport or enableDnsHostnames.');
  }
  return faults;
}

function faultsOfServiceName(name: string, stack: Stack): string[] {
  const [, region] = SERVICE_NAME.exec(name) ?? [];
  if (region === undefined) {
    let hint = 'copy the service name that TiDB Cloud shows under Connect > Private Endpoint';
    if (/^vpce-[0-9a-f]+$/.test(name)) hint = 'it is the id of an endpoint';
    if (name.endsWith('.tidbcloud.com')) hint = 'it is a host name';
    return [`serviceName is '${name}', which is not an endpoint service name such as `
      + `com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0; ${hint}.`];
  }
  if (!Token.isUnresolved(stack.region) && stack.region !== region) {
    return [`The service ${name} is in ${region}, but the stack ${stack.stackName} is in ${stack.region}. An endpoint `
      + 'reaches services of its own region only.'];
  }
  return [];
}

/** Only a provider of this app has a place that is known. */
function faultsBetween(stack: Stack, provider: IPrivateEndpointProvider): string[] {
  const its = Stack.of(provider);
  return (['account', 'region'] as const)
    .filter((what) => ![stack[what], its[what]].some(Token.isUnresolved) && stack[what] !== its[what])
    .map((what) => `The provider is in the ${what} ${its[what]}, but the stack ${stack.stackName} is in `
      + `${stack[what]}. A provider serves its own account and region.`);
}

function isBlock(text: string): boolean {
  const [address, bits, ...rest] = text.split('/');
  const version = isIP(address);
  return rest.length === 0 && version !== 0 && /^\d{1,3}$/.test(bits ?? '') && Number(bits) <= (version === 4 ? 32 : 128);
}
