import { CustomResource, Duration, Fn, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct, IConstruct } from 'constructs';
import { faultsBetween, faultsOfCheck } from './faults';
import { imported } from './imported';
import { SETTINGS, explain, functionPackage, inlinePolicies, retainedLogGroup } from './settings';

const RESOURCE_TYPE = 'Custom::TiDBCloudConnectionCheck';

/** What happens when a connection check does not reach the database. */
export enum OnFailure {
  /** The resource fails, and with it the deployment. */
  FAIL = 'Fail',
  /** The resource succeeds. `reachable` and `report` say what is wrong. */
  WARN = 'Warn',
}

/**
 * A provider of `Custom::TiDBCloudConnectionCheck`: a `ConnectionCheckProvider` of this app, or one that was deployed
 * separately.
 */
export interface IConnectionCheckProvider extends IConstruct {
  /** The ARN of the check function, which is the `ServiceToken` of the check resource. */
  readonly serviceToken: string;
}

/**
 * Properties of a `ConnectionCheckProvider`.
 */
export interface ConnectionCheckProviderProps {
  /** The VPC from which to check connections. */
  readonly vpc: ec2.IVpc;

  /**
   * The subnets from which to check connections, such as those of your applications. They need no internet access.
   *
   * @default - the private subnets of the VPC
   */
  readonly subnets?: ec2.SubnetSelection;

  /**
   * The security groups from which to check connections, such as those of your applications. They must allow outbound
   * traffic to the endpoint. They cannot be deleted for 20 to 45 minutes after this provider.
   */
  readonly securityGroups: ec2.ISecurityGroup[];

  /**
   * Whether to check connections over IPv6 too. All subnets must be dual-stack subnets.
   *
   * @default false
   */
  readonly ipv6?: boolean;

  /**
   * The code of the functions: a zip file with the executable `bootstrap`, as built by `make package`.
   *
   * @default - the zip file in this package, built for x86_64
   */
  readonly code?: lambda.Code;

  /**
   * The instruction set architecture that the functions were built for. Architectures other than x86_64 also require
   * `code`.
   *
   * @default lambda.Architecture.X86_64
   */
  readonly architecture?: lambda.Architecture;

  /**
   * How long to keep the logs of the functions. The log groups outlive the stack.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * The KMS key that encrypts the logs of the functions. Its key policy must allow CloudWatch Logs to use it.
   *
   * @default - CloudWatch Logs encrypts them with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * The permissions boundary of the roles of the functions.
   *
   * @default - none
   */
  readonly permissionsBoundary?: iam.IManagedPolicy;
}

/**
 * The provider of `Custom::TiDBCloudConnectionCheck`: a Lambda function in your subnets that checks, and one outside of
 * the VPC that answers CloudFormation, which a private subnet cannot reach.
 *
 * Lambda keeps the network interfaces of the first function for 20 to 45 minutes after it is deleted. Until then, its
 * subnets and security groups cannot be deleted. Put it into a stack that stays.
 */
export class ConnectionCheckProvider extends Construct implements IConnectionCheckProvider {
  /**
   * Imports a provider that was deployed separately, for example with template.yaml and `CheckSubnetIds`. The stack of that
   * template exports its service token as `PREFIX-CheckServiceToken`, by default `tidb-private-endpoint-CheckServiceToken`.
   *
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param serviceToken the ARN of the check function, such as `Fn.importValue('tidb-private-endpoint-CheckServiceToken')`
   */
  public static fromServiceToken(scope: Construct, id: string, serviceToken: string): IConnectionCheckProvider {
    return imported(scope, id, serviceToken, 'tidb-private-endpoint-CheckServiceToken');
  }

  /** The ARN of the check function, which is the `ServiceToken` of the check resource. */
  public readonly serviceToken: string;

  /** The function that checks. */
  public readonly handler: lambda.IFunction;

  /** The log group of the function that checks. */
  public readonly logGroup: logs.ILogGroup;

  /**
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param props the properties of the construct
   */
  constructor(scope: Construct, id: string, props: ConnectionCheckProviderProps) {
    super(scope, id);
    if (props.securityGroups.length === 0) {
      throw new Error(`${this.node.path}: securityGroups is empty. Specify those of the clients whose connection to check.`);
    }
    const { check } = SETTINGS;
    const common = {
      runtime: lambda.Runtime.PROVIDED_AL2023,
      ...functionPackage(this, props),
      loggingFormat: lambda.LoggingFormat.JSON,
    };
    // Inline policies, so that the permissions exist for as long as the functions.
    const role = (name: string, description: string, policies: { readonly [name: string]: unknown }, group: logs.ILogGroup) =>
      new iam.Role(this, name, {
        description,
        assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
        permissionsBoundary: props.permissionsBoundary,
        inlinePolicies: inlinePolicies(policies, group),
      });

    this.logGroup = retainedLogGroup(this, 'LogGroup', props.logRetention, props.logEncryptionKey);
    const checkRole = role('Role', check.roleDescription, check.policies, this.logGroup);
    explain(checkRole, {
      of: 'Resource::*',
      reason: 'Lambda requires these permissions for all resources, to connect the function to the subnets. The code of the '
        + 'function is denied to use them.',
    });
    const handler = new lambda.Function(this, 'Function', {
      ...common,
      description: check.description,
      handler: check.handler,
      timeout: Duration.seconds(check.timeout),
      memorySize: check.memorySize,
      role: checkRole,
      logGroup: this.logGroup,
      vpc: props.vpc,
      vpcSubnets: props.subnets,
      securityGroups: props.securityGroups,
      ipv6AllowedForDualStack: props.ipv6,
    });
    this.handler = handler;

    const answerLogs = retainedLogGroup(this, 'AnswerLogGroup', props.logRetention, props.logEncryptionKey);
    const answering = new lambda.Function(this, 'AnswerFunction', {
      ...common,
      description: 'Answers CloudFormation for the function that checks connections',
      handler: SETTINGS.handler,
      timeout: Duration.seconds(SETTINGS.timeout),
      memorySize: SETTINGS.memorySize,
      // It calls no AWS service.
      role: role('AnswerRole', 'Permissions of the function that answers for the connection check',
        { Logs: SETTINGS.policies.Logs }, answerLogs),
      logGroup: answerLogs,
      environment: { CHECK_FUNCTION_ARN: handler.functionArn },
    });

    // Separate from the role, because it names both functions, and the one that answers names the other.
    const way = new iam.Policy(this, 'RolePolicy', {
      roles: [checkRole],
      document: iam.PolicyDocument.fromJson({
        Version: '2012-10-17',
        Statement: [
          { Sid: 'ReportToProvider', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: answering.functionArn },
          { ...check.deny, Condition: { ArnEquals: { 'lambda:SourceFunctionArn': handler.functionArn } } },
        ],
      }),
    });
    const destination = { destination: answering.functionArn };
    const config = new lambda.CfnEventInvokeConfig(this, 'InvokeConfig', {
      functionName: handler.functionName,
      qualifier: '$LATEST',
      maximumRetryAttempts: check.maximumRetryAttempts,
      maximumEventAgeInSeconds: check.maximumEventAge,
      destinationConfig: { onSuccess: destination, onFailure: destination },
    });
    // Lambda checks that the function may invoke its destinations when they are set.
    config.node.addDependency(way);
    this.serviceToken = handler.functionArn;
  }
}

/**
 * Properties of a connection check with `PrivateEndpoint.checkFrom`.
 */
export interface CheckFromProps {
  /**
   * The subnets from which to check the connection, such as those of your applications. They need no internet
   * access.
   *
   * @default - the private subnets of the VPC
   */
  readonly subnets?: ec2.SubnetSelection;

  /**
   * The security groups from which to check the connection, such as those of your applications. They must allow outbound
   * traffic to the endpoint.
   */
  readonly securityGroups: ec2.ISecurityGroup[];

  /**
   * How long the check tries again, at most 14 minutes.
   *
   * @default Duration.minutes(2)
   */
  readonly timeout?: Duration;

  /**
   * What happens when the database is not reached.
   *
   * @default OnFailure.FAIL
   */
  readonly onFailure?: OnFailure;

  /**
   * Any string. Change it to check again.
   *
   * @default - none
   */
  readonly trigger?: string;
}

/**
 * Properties of a `ConnectionCheck`.
 */
export interface ConnectionCheckProps {
  /** The provider, which determines from where the connection is checked. */
  readonly provider: IConnectionCheckProvider;

  /** The host name to connect to: `host` of a `PrivateEndpoint`. */
  readonly host: string;

  /**
   * The port to connect to: `port` of a `PrivateEndpoint`.
   *
   * @default 4000
   */
  readonly port?: number;

  /**
   * The IP addresses of the endpoint's network interfaces. The name must resolve to no others.
   *
   * @default - not compared
   */
  readonly endpointAddresses?: string[];

  /**
   * How long the check tries again, at most 14 minutes.
   *
   * @default Duration.minutes(2)
   */
  readonly timeout?: Duration;

  /**
   * What happens when the database is not reached.
   *
   * @default OnFailure.FAIL
   */
  readonly onFailure?: OnFailure;

  /**
   * Any string. Change it to check again.
   *
   * @default - none
   */
  readonly trigger?: string;
}

/**
 * A check that a client in the VPC reaches TiDB Cloud: the name resolves to the endpoint, each address accepts
 * connections, a MySQL server greets, and its certificate is valid for the name. It does not log in.
 *
 * Constructs that depend on it are deployed only after the database has answered.
 */
export class ConnectionCheck extends Construct {
  private readonly resource: CustomResource;

  /**
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param props the properties of the construct
   */
  constructor(scope: Construct, id: string, props: ConnectionCheckProps) {
    super(scope, id);
    const faults = [...faultsOfCheck(props), ...faultsBetween(Stack.of(this), props.provider)];
    if (faults.length > 0) throw new Error(`${this.node.path}: ${faults.join(' ')}`);
    this.resource = new CustomResource(this, 'Resource', {
      resourceType: RESOURCE_TYPE,
      serviceToken: props.provider.serviceToken,
      serviceTimeout: Duration.minutes(16),
      properties: {
        Host: props.host,
        Port: props.port,
        EndpointAddresses: props.endpointAddresses?.length ? props.endpointAddresses : undefined,
        TimeoutSeconds: props.timeout?.toSeconds(),
        OnFailure: props.onFailure,
        Trigger: props.trigger,
      },
    });
    // Without its destinations, the check function's report would reach nobody.
    this.resource.node.addDependency(props.provider);
  }

  /** The string `true` if everything is in order; `false` only with `OnFailure.WARN` or in a rollback. */
  public get reachable(): string { return this.resource.getAttString('Reachable'); }

  /** The result in words. */
  public get report(): string { return this.resource.getAttString('Report'); }

  /** The IP addresses that the name resolves to. */
  public get addresses(): string[] { return Fn.split(',', this.resource.getAttString('Addresses')); }

  /** The longest time that an address took to accept the connection, in milliseconds. */
  public get connectMilliseconds(): number { return Token.asNumber(this.resource.getAtt('ConnectMilliseconds')); }

  /** `TLSv1.3` or `TLSv1.2`. */
  public get tlsVersion(): string { return this.resource.getAttString('TlsVersion'); }

  /** The issuer of the certificate. */
  public get certificateIssuer(): string { return this.resource.getAttString('CertificateIssuer'); }

  /** When the certificate expires, in UTC. */
  public get certificateExpires(): string { return this.resource.getAttString('CertificateExpires'); }

  /** The version in the server's greeting. */
  public get serverVersion(): string { return this.resource.getAttString('ServerVersion'); }
}
