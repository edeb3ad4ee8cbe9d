import {
  CfnResource, CustomResource, Duration, Fn, ITaggable, Lazy, RemovalPolicy, Resource, Stack, TagManager, TagType, Token,
} from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { CheckFromProps, ConnectionCheck, ConnectionCheckProvider } from './check';
import { faultsBetween, faultsOf, faultsOfTags } from './faults';
import { ownGroup } from './own-group';
import { IPrivateEndpointProvider, PrivateEndpointProvider } from './provider';
import { PrivateEndpointZone } from './zone';

const RESOURCE_TYPE = 'Custom::TiDBCloudPrivateEndpoint';
const DEFAULT_PORT = 4000;

/** Where the provider looks for an existing endpoint to reuse. */
export enum ReuseScope {
  /** Only in the VPC. */
  VPC = 'Vpc',
  /** In the VPC first. If it has no endpoint, any available endpoint in another VPC of the Region is reused. */
  REGION = 'Region',
}

/** The IP address type of an endpoint. */
export enum IpAddressType {
  /** IPv4 only. */
  IPV4 = 'ipv4',
  /** IPv4 and IPv6. */
  DUALSTACK = 'dualstack',
  /** IPv6 only. */
  IPV6 = 'ipv6',
}

/**
 * A TiDB Cloud cluster (instance), and the API key with which the provider asks TiDB Cloud about it.
 */
export interface Cluster {
  /** The ID of the cluster, such as `10581234567890123456`. */
  readonly clusterId: string;

  /**
   * The secret with an API key of TiDB Cloud, as JSON with the fields `PublicKey` and `PrivateKey`. A
   * `PrivateEndpointProvider` of this app is granted to read it; a provider that was deployed separately needs the
   * parameter `ApiKeySecretArn`.
   */
  readonly apiKey: secretsmanager.ISecret;
}

/**
 * Properties of a `PrivateEndpoint`.
 */
export interface PrivateEndpointProps {
  /**
   * The VPC from which clients connect. DNS support and DNS hostnames must be enabled, unless `privateDnsEnabled` is
   * false. Changing the VPC replaces the endpoint.
   */
  readonly vpc: ec2.IVpc;

  /**
   * The endpoint service name that TiDB Cloud shows under Connect > Private Endpoint, such as
   * `com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0`. The service must be in the Region of the stack. Changing
   * the service replaces the endpoint.
   *
   * @default - the service of `cluster`
   */
  readonly serviceName?: string;

  /**
   * The cluster to connect to, instead of `serviceName`. The provider asks TiDB Cloud's API for its endpoint service,
   * zones, and user prefix at every create and update. A cluster with another service replaces the endpoint.
   *
   * @default - `serviceName` is required
   */
  readonly cluster?: Cluster;

  /**
   * The subnets in which to create the endpoint's network interfaces. If the selection contains several subnets in a
   * zone, the first one is used. Subnets in zones that the service does not support are ignored, with a warning.
   *
   * @default - one subnet in every zone that the service supports; with `cluster`, in the zones of the cluster if the
   * VPC has subnets there
   */
  readonly subnets?: ec2.SubnetSelection;

  /**
   * The IDs of the Availability Zones to use, such as `use1-az1`. Zone names such as `us-east-1a` are not accepted,
   * because they differ between accounts.
   *
   * @default - all zones that the service supports; with `cluster`, those of the cluster
   */
  readonly availabilityZoneIds?: string[];

  /**
   * The security groups of the endpoint. At least one of them must allow TCP `port` from your clients. You can add such
   * rules with `connections`.
   *
   * @default - the provider creates a security group that allows the clients that you specify with `allowedCidrs`,
   * `allowedSecurityGroups`, and `connections`, or the entire VPC if you specify none
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * The CIDR blocks from which to allow connections. Cannot be combined with `securityGroups`.
   *
   * @default - see `securityGroups`
   */
  readonly allowedCidrs?: string[];

  /**
   * The security groups from which to allow connections. Cannot be combined with `securityGroups`.
   *
   * @default - see `securityGroups`
   */
  readonly allowedSecurityGroups?: ec2.ISecurityGroup[];

  /**
   * The port that clients connect to. The provider's security group allows this port, the attributes contain it, and it
   * is the default port of `connections`.
   *
   * @default 4000
   */
  readonly port?: number;

  /**
   * Whether TiDB Cloud's host name resolves to the endpoint inside the VPC. TLS verification requires it.
   *
   * @default true
   */
  readonly privateDnsEnabled?: boolean;

  /**
   * The IP address type of the endpoint.
   *
   * @default - chosen by EC2
   */
  readonly ipAddressType?: IpAddressType;

  /**
   * Where to look for an existing endpoint to reuse.
   *
   * @default ReuseScope.VPC
   */
  readonly reuseScope?: ReuseScope;

  /**
   * Tags for the endpoint and, at creation, for the security group that the provider creates. Tags that you add to a
   * parent construct or stack with `Tags.of(…).add(…)` also apply. Both get a `Name` tag unless you specify one.
   *
   * @default - none
   */
  readonly tags?: { [key: string]: string };

  /**
   * Any string. It has no effect, but a change makes CloudFormation send an update, for example to create an endpoint
   * again that someone deleted in the console.
   *
   * @default - none
   */
  readonly trigger?: string;

  /**
   * The provider: a `PrivateEndpointProvider`, or an imported service token
   * (`PrivateEndpointProvider.fromServiceToken`). It must be in the same account and Region. The provider of a deployed
   * resource cannot be changed; to use another provider, change the construct ID as well.
   *
   * @default PrivateEndpointProvider.getOrCreate(this)
   */
  readonly provider?: IPrivateEndpointProvider;

  /**
   * How long CloudFormation waits for a response. The provider itself runs for at most 15 minutes.
   *
   * @default Duration.minutes(15)
   */
  readonly serviceTimeout?: Duration;

  /**
   * What happens when the resource is removed from the stack. With `RETAIN`, CloudFormation does not notify the
   * provider. The resource's reference then stays on the endpoint and keeps it. To release it, ask the provider
   * function for its Status and run the Release command that it prints. Never remove the tag manually.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A private endpoint for TiDB Cloud: a `PrivateEndpoint`, or one that another app created.
 */
export interface IPrivateEndpoint extends ec2.IInterfaceVpcEndpoint {
  /** The host name to connect to. */
  readonly host: string;

  /** The port to connect to. */
  readonly port: number;

  /** `HOST:PORT`. */
  readonly socketAddress: string;

  /** TiDB Cloud's private host name. Not known of an imported endpoint unless it was specified. */
  readonly privateDnsName: string;

  /** The DNS name that AWS assigned to the endpoint. Not known of an imported endpoint unless it was specified. */
  readonly dnsName: string;

  /**
   * The Route 53 hosted zone of `dnsName`, for alias records. Not known of an imported endpoint unless it was specified.
   */
  readonly hostedZoneId: string;

  /** Returns the port as a string, for example for an environment variable. */
  portAsString(): string;
}

/**
 * A reference to a VPC endpoint, in the form that recent versions of aws-cdk-lib expect.
 */
export interface VpcEndpointReference {
  /** The ID of the endpoint. */
  readonly vpcEndpointId: string;
}

/**
 * Attributes of an endpoint that another app created, for `PrivateEndpoint.fromPrivateEndpointAttributes`.
 */
export interface PrivateEndpointAttributes {
  /** The ID of the endpoint: `!Ref` or `EndpointId` of the resource. */
  readonly vpcEndpointId: string;

  /** The host name to connect to: `Host` of the resource. */
  readonly host: string;

  /**
   * The port to connect to.
   *
   * @default 4000
   */
  readonly port?: number;

  /**
   * TiDB Cloud's private host name: `PrivateDnsName` of the resource. A `PrivateEndpointZone` needs it.
   *
   * @default - not known
   */
  readonly privateDnsName?: string;

  /**
   * The DNS name that AWS assigned to the endpoint: `DnsName` of the resource. Alias records need it.
   *
   * @default - not known
   */
  readonly dnsName?: string;

  /**
   * The Route 53 hosted zone of `dnsName`: `HostedZoneId` of the resource. Alias records need it.
   *
   * @default - not known
   */
  readonly hostedZoneId?: string;

  /**
   * The security groups of the endpoint, to which `connections` adds rules. Specify the one that the provider manages
   * (`OwnSecurityGroupId`) only for rules that no other stack adds, because EC2 rejects a duplicate.
   *
   * @default - `connections` adds no rules to the endpoint, nor rules of other security groups for it
   */
  readonly securityGroups?: ec2.ISecurityGroup[];
}

abstract class PrivateEndpointBase extends Resource implements IPrivateEndpoint {
  /** The ID of the endpoint, `vpce-…`. TiDB Cloud's Authorized Networks rules also use it. */
  public abstract readonly vpcEndpointId: string;

  /**
   * The host name to connect to: `privateDnsName` if there is one, otherwise `dnsName`. TLS verification requires the
   * former.
   */
  public abstract readonly host: string;

  /** The port to connect to. For an environment variable, use `portAsString`. */
  public abstract readonly port: number;

  public abstract readonly privateDnsName: string;
  public abstract readonly dnsName: string;
  public abstract readonly hostedZoneId: string;

  /**
   * Controls which clients can connect. The default port is `port`.
   *
   * With `securityGroups`, rules are added to those security groups. Otherwise, peers that you allow on the default
   * port are added to `allowedCidrs` and `allowedSecurityGroups`, and the provider creates each rule only once, no
   * matter how many stacks request it. As soon as you allow such a peer, the rest of the VPC can no longer connect, unless
   * other stacks share the endpoint. Rules for clients in nested stacks, and those for other ports, are resources of the
   * stack.
   */
  public abstract readonly connections: ec2.Connections;

  /** `HOST:PORT`. */
  public get socketAddress(): string { return `${this.host}:${this.portAsString()}`; }

  /** The ID of the endpoint, as recent versions of aws-cdk-lib refer to it. */
  public get vpcEndpointRef(): VpcEndpointReference { return { vpcEndpointId: this.vpcEndpointId }; }

  /** Returns the port as a string, for example for an environment variable. */
  public portAsString(): string {
    return Token.isUnresolved(this.port) ? Token.asString(this.port) : `${this.port}`;
  }
}

/**
 * Private connectivity from a VPC to TiDB Cloud: an AWS PrivateLink endpoint that is created on demand, shared by all
 * stacks that use it, and deleted together with its last user.
 *
 * Its attributes are tokens that resolve at deployment. Those that do not apply are empty.
 */
export class PrivateEndpoint extends PrivateEndpointBase implements ITaggable {
  /**
   * Refers to an endpoint that another app created.
   *
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param attrs what is known of the endpoint
   */
  public static fromPrivateEndpointAttributes(
    scope: Construct, id: string, attrs: PrivateEndpointAttributes): IPrivateEndpoint {
    class Import extends PrivateEndpointBase {
      public readonly vpcEndpointId = attrs.vpcEndpointId;
      public readonly host = attrs.host;
      public readonly port = attrs.port ?? DEFAULT_PORT;

      public get privateDnsName(): string { return this.known('privateDnsName'); }
      public get dnsName(): string { return this.known('dnsName'); }
      public get hostedZoneId(): string { return this.known('hostedZoneId'); }

      public readonly connections = new ec2.Connections({
        securityGroups: attrs.securityGroups,
        defaultPort: ec2.Port.tcp(this.port),
      });

      private known(name: 'privateDnsName' | 'dnsName' | 'hostedZoneId'): string {
        const value = attrs[name];
        if (value === undefined) {
          throw new Error(`${this.node.path}: ${name} is not known of this imported endpoint. Specify it in `
            + 'fromPrivateEndpointAttributes.');
        }
        return value;
      }
    }
    return new Import(scope, id);
  }

  public readonly connections: ec2.Connections;

  /** The tags of the endpoint. */
  public readonly tags: TagManager;

  /** The provider of this endpoint. */
  public readonly provider: IPrivateEndpointProvider;

  private readonly resource: CustomResource;
  private readonly vpc: ec2.IVpc;
  private readonly mayBeElsewhere: boolean;

  /**
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param props the properties of the construct
   */
  constructor(scope: Construct, id: string, props: PrivateEndpointProps) {
    super(scope, id);
    this.provider = props.provider ?? PrivateEndpointProvider.getOrCreate(this);
    const faults = [...faultsOf(props, Stack.of(this)), ...faultsBetween(Stack.of(this), this.provider)];
    if (faults.length > 0) throw new Error(`${this.node.path}: ${faults.join(' ')}`);

    this.vpc = props.vpc;
    this.mayBeElsewhere = props.reuseScope === ReuseScope.REGION;
    const groups = props.securityGroups ?? [];
    const allowed = {
      port: ec2.Port.tcp(props.port ?? DEFAULT_PORT),
      cidrs: [...props.allowedCidrs ?? []],
      securityGroupIds: (props.allowedSecurityGroups ?? []).map((group) => group.securityGroupId),
    };
    this.tags = new TagManager(TagType.STANDARD, RESOURCE_TYPE, props.tags && Object.entries(props.tags).map(
      ([key, value]) => ({ key, value })));
    this.node.addValidation({ validate: () => faultsOfTags(this.tags.tagValues()) });

    this.resource = new CustomResource(this, 'Resource', {
      resourceType: RESOURCE_TYPE,
      serviceToken: this.provider.serviceToken,
      serviceTimeout: props.serviceTimeout ?? Duration.minutes(15),
      removalPolicy: props.removalPolicy,
      properties: {
        ServiceName: props.serviceName,
        ClusterId: props.cluster?.clusterId,
        ApiKeySecret: props.cluster?.apiKey.secretArn,
        VpcId: props.vpc.vpcId,
        // EC2 accepts only one subnet in each zone. The CDK's InterfaceVpcEndpoint does the same.
        SubnetIds: props.subnets && props.vpc.selectSubnets({ ...props.subnets, onePerAz: true }).subnetIds,
        AvailabilityZoneIds: notEmpty(props.availabilityZoneIds),
        SecurityGroupIds: notEmpty(groups.map((group) => group.securityGroupId)),
        AllowedCidrs: Lazy.list({ produce: () => allowed.cidrs }, { omitEmpty: true }),
        AllowedSecurityGroupIds: Lazy.list({ produce: () => allowed.securityGroupIds }, { omitEmpty: true }),
        Port: props.port,
        PrivateDnsEnabled: props.privateDnsEnabled,
        IpAddressType: props.ipAddressType,
        ReuseScope: props.reuseScope,
        Tags: Lazy.any({ produce: () => this.renderedTags() }, { omitEmptyArray: true }),
        Trigger: props.trigger,
      },
    });
    // What `applyRemovalPolicy` and escape hatches change.
    this.node.defaultChild = this.resource.node.defaultChild;

    // The permission must exist before the provider reads the secret. A Delete does not read it.
    if (props.cluster && this.provider instanceof PrivateEndpointProvider) {
      props.cluster.apiKey.grantRead(this.provider.role).applyBefore(this.resource);
    }

    // The provider selects from the existing subnets. All subnets that the app creates must therefore exist before the
    // endpoint, and must not be deleted before it.
    if (!props.subnets) this.resource.node.addDependency(...subnetsMadeWith(props.vpc));

    this.connections = new ec2.Connections({
      securityGroups: groups.length > 0 ? groups : [ownGroup(this, this.ownSecurityGroupId, allowed)],
      defaultPort: allowed.port,
    });
  }

  public get vpcEndpointId(): string { return this.resource.getAttString('EndpointId'); }

  /** The regional DNS name of the endpoint, assigned by AWS. */
  public get dnsName(): string { return this.resource.getAttString('DnsName'); }

  /** The service's private DNS name, `gatewayNN-privatelink.REGION.prod.aws.tidbcloud.com`, if private DNS is on. */
  public get privateDnsName(): string { return this.resource.getAttString('PrivateDnsName'); }

  public get host(): string { return this.resource.getAttString('Host'); }

  public get port(): number { return this.number('Port'); }

  /** The zonal DNS names of the endpoint. */
  public get zonalDnsNames(): string[] { return this.list('ZonalDnsNames'); }

  /** All DNS names of the endpoint as `HOSTED-ZONE-ID:NAME`, in the format of `AWS::EC2::VPCEndpoint`. */
  public get vpcEndpointDnsEntries(): string[] { return this.list('DnsEntries'); }

  /** The ID of the hosted zone of `dnsName`, for alias records. */
  public get hostedZoneId(): string { return this.resource.getAttString('HostedZoneId'); }

  /** The ID of the VPC that contains the endpoint. */
  public get vpcId(): string { return this.resource.getAttString('VpcId'); }

  /** The name of the endpoint service. */
  public get serviceName(): string { return this.resource.getAttString('ServiceName'); }

  /** The IDs of the endpoint's subnets. */
  public get subnetIds(): string[] { return this.list('SubnetIds'); }

  /** The IDs of the Availability Zones of those subnets that are in this resource's VPC. */
  public get availabilityZoneIds(): string[] { return this.list('AvailabilityZoneIds'); }

  /** The IDs of the endpoint's network interfaces. */
  public get vpcEndpointNetworkInterfaceIds(): string[] { return this.list('NetworkInterfaceIds'); }

  /** The IDs of the security groups of those interfaces. */
  public get securityGroupIds(): string[] { return this.list('SecurityGroupIds'); }

  /** The ID of the security group that the provider manages. Empty if the endpoint does not have it. */
  public get ownSecurityGroupId(): string { return this.resource.getAttString('OwnSecurityGroupId'); }

  /** `ipv4`, `dualstack`, or `ipv6`. */
  public get ipAddressType(): string { return this.resource.getAttString('IpAddressType'); }

  /** The time when the endpoint was created. */
  public get vpcEndpointCreationTimestamp(): string { return this.resource.getAttString('CreationTimestamp'); }

  /** The string `true` if the endpoint was not created for this resource, otherwise `false`. */
  public get reused(): string { return this.resource.getAttString('Reused'); }

  /** `Owned` if the provider created the endpoint, in any stack; otherwise `Foreign`. */
  public get ownership(): string { return this.resource.getAttString('Ownership'); }

  /** The number of other references on the endpoint. */
  public get sharedWith(): number { return this.number('SharedWith'); }

  /** Findings that do not prevent the endpoint from working, one sentence each. Empty if there are none. */
  public get warnings(): string { return this.resource.getAttString('Warnings'); }

  /** With `cluster`: what all user names of the cluster begin with. */
  public get userPrefix(): string { return this.resource.getAttString('UserPrefix'); }

  /** With `cluster`: the name of the cluster's first user, `PREFIX.root`. */
  public get userName(): string { return this.resource.getAttString('UserName'); }

  /** The JDBC URL, with TLS verification. Add your password, and your user name unless `userName` is in it. */
  public get jdbcUrl(): string { return this.resource.getAttString('JdbcUrl'); }

  /** The command for the `mysql` client, with TLS verification. Append your user name unless `userName` is in it. */
  public get mysqlCommand(): string { return this.resource.getAttString('MysqlCommand'); }

  /** The command for the `mariadb` client, with TLS verification. Append your user name unless `userName` is in it. */
  public get mariaDbCommand(): string { return this.resource.getAttString('MariaDbCommand'); }

  /**
   * Adds a check that succeeds only if a client in these subnets gets a response from the database through the endpoint.
   * Creates a provider for the check, whose functions belong to this construct. To share one, or to put it into a stack
   * that stays, create a `ConnectionCheckProvider` and a `ConnectionCheck`.
   *
   * @param props from where and how to check
   */
  public checkFrom(props: CheckFromProps): ConnectionCheck {
    const { subnets, securityGroups, ...rest } = props;
    const provider = new ConnectionCheckProvider(this, 'CheckProvider', { vpc: this.vpc, subnets, securityGroups });
    return new ConnectionCheck(this, 'Check', { provider, host: this.host, port: this.port, ...rest });
  }

  /**
   * Makes TiDB Cloud's private host name lead to the endpoint in another VPC: creates a private hosted zone with exactly
   * that name, and an alias record. The other VPC also needs a route to the endpoint.
   *
   * @param spokeVpc a VPC that does not contain the endpoint; with `ReuseScope.REGION`, also the VPC of this resource
   */
  public addPrivateZone(spokeVpc: ec2.IVpc): PrivateEndpointZone {
    if (spokeVpc === this.vpc && !this.mayBeElsewhere) {
      throw new Error(`${this.node.path}: The endpoint is in ${spokeVpc.node.path}, where private DNS already makes the name `
        + 'lead to it. Specify another VPC, or reuseScope: ReuseScope.REGION if the endpoint is in another one.');
    }
    return new PrivateEndpointZone(this, `Zone${spokeVpc.node.addr.slice(-8)}`, { endpoint: this, vpc: spokeVpc });
  }

  private list(attribute: string): string[] {
    return Fn.split(',', this.resource.getAttString(attribute));
  }

  private number(attribute: string): number {
    return Token.asNumber(this.resource.getAtt(attribute));
  }

  private renderedTags() {
    const byKey = Object.entries(this.tags.tagValues()).sort(([a], [b]) => (a < b ? -1 : 1));
    return byKey.map(([Key, Value]) => ({ Key, Value }));
  }
}

/** The subnets of a VPC that this app creates, without their related resources such as NAT gateways. */
function subnetsMadeWith(vpc: ec2.IVpc): CfnResource[] {
  return [...vpc.publicSubnets, ...vpc.privateSubnets, ...vpc.isolatedSubnets]
    .flatMap((subnet) => subnet.node.findAll())
    .filter((child): child is CfnResource => CfnResource.isCfnResource(child) && child.cfnResourceType === 'AWS::EC2::Subnet');
}

function notEmpty<T>(list: T[] | undefined): T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}
