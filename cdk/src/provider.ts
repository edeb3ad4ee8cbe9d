import { Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, IConstruct } from 'constructs';
import { SETTINGS, functionPackage, resolvedPolicies } from './settings';

/** The construct ID of the provider that `getOrCreate` creates. */
const SHARED_ID = 'TiDBCloudPrivateEndpointProvider';

/**
 * A provider of `Custom::TiDBCloudPrivateEndpoint`: a `PrivateEndpointProvider` of this app, or one that was deployed
 * separately.
 */
export interface IPrivateEndpointProvider extends IConstruct {
  /** The ARN of the function, which is the `ServiceToken` of the endpoint resource. */
  readonly serviceToken: string;
}

/**
 * Properties of a `PrivateEndpointProvider`.
 */
export interface PrivateEndpointProviderProps {
  /**
   * The code of the function: a zip file with the executable `bootstrap`, as built by `make package`.
   *
   * @default - the zip file in this package, built for x86_64
   */
  readonly code?: lambda.Code;

  /**
   * The instruction set architecture that the function was built for. Architectures other than x86_64 also require
   * `code`.
   *
   * @default lambda.Architecture.X86_64
   */
  readonly architecture?: lambda.Architecture;

  /**
   * How long to keep the function's logs.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * The SNS topic to notify when an event or the function fails.
   *
   * @default - no alarms are created
   */
  readonly alarmTopic?: sns.ITopic;

  /**
   * Whether X-Ray traces the function.
   *
   * @default lambda.Tracing.DISABLED
   */
  readonly tracing?: lambda.Tracing;
}

/**
 * The provider of `Custom::TiDBCloudPrivateEndpoint`: a Lambda function with its role and log group.
 *
 * One provider is enough for all stacks and endpoints in an account and region. If you do not specify a provider,
 * `PrivateEndpoint` creates one for its stack.
 */
export class PrivateEndpointProvider extends Construct implements IPrivateEndpointProvider {
  /**
   * Returns the default provider of the stack that contains `scope`, and creates it at the first call. Nested stacks
   * use the provider of their parent stack. The provider has the defaults of `PrivateEndpointProviderProps`.
   *
   * @param scope any construct in the stack
   */
  public static getOrCreate(scope: Construct): PrivateEndpointProvider {
    let stack = Stack.of(scope);
    while (stack.nestedStackParent) stack = stack.nestedStackParent;
    const made = stack.node.tryFindChild(SHARED_ID) as PrivateEndpointProvider | undefined;
    return made ?? new PrivateEndpointProvider(stack, SHARED_ID);
  }

  /**
   * Imports a provider that was deployed separately, for example with template.yaml. The stack of that template exports
   * its service token as `PREFIX-ServiceToken`, by default `tidb-private-endpoint-ServiceToken`.
   *
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param serviceToken the ARN of the function, such as `Fn.importValue('tidb-private-endpoint-ServiceToken')`
   */
  public static fromServiceToken(scope: Construct, id: string, serviceToken: string): IPrivateEndpointProvider {
    const fault = Token.isUnresolved(serviceToken) ? undefined : faultOfServiceToken(serviceToken, Stack.of(scope));
    if (fault) throw new Error(`${scope.node.path}/${id}: ${fault}`);
    class Import extends Construct implements IPrivateEndpointProvider {
      public readonly serviceToken = serviceToken;
    }
    return new Import(scope, id);
  }

  /** The ARN of the function, which is the `ServiceToken` of the endpoint resource. */
  public readonly serviceToken: string;

  /** The function. */
  public readonly handler: lambda.IFunction;

  /** The function's role. It has the permissions that template.yaml grants. */
  public readonly role: iam.IRole;

  /** The log group of the function. */
  public readonly logGroup: logs.ILogGroup;

  /**
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param props the properties of the construct
   */
  constructor(scope: Construct, id: string, props: PrivateEndpointProviderProps = {}) {
    super(scope, id);
    const { code, architecture } = functionPackage(this, props);

    this.logGroup = new logs.LogGroup(this, 'LogGroup', {
      retention: props.logRetention ?? SETTINGS.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // The policies are inline policies of the role instead of separate resources, so that the permissions still exist
    // while an endpoint's Delete request runs.
    this.role = new iam.Role(this, 'Role', {
      description: SETTINGS.roleDescription,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: resolvedPolicies(SETTINGS.policies, this.logGroup),
    });
    this.handler = new lambda.Function(this, 'Function', {
      description: SETTINGS.description,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: SETTINGS.handler,
      code,
      architecture,
      timeout: Duration.seconds(SETTINGS.timeout),
      memorySize: SETTINGS.memorySize,
      role: this.role,
      tracing: props.tracing,
      maxEventAge: Duration.seconds(SETTINGS.maximumEventAge),
      loggingFormat: lambda.LoggingFormat.JSON,
      logGroup: this.logGroup,
    });
    this.serviceToken = this.handler.functionArn;
    if (props.alarmTopic) this.alarm(new actions.SnsAction(props.alarmTopic));
  }

  /** Creates an alarm for failed events and one for failed invocations of the function. */
  private alarm(action: cloudwatch.IAlarmAction) {
    for (const [id, { description, namespace, metricName }] of Object.entries(SETTINGS.alarms)) {
      const metric = new cloudwatch.Metric({
        namespace,
        metricName,
        dimensionsMap: { FunctionName: this.handler.functionName },
        statistic: cloudwatch.Stats.SUM,
        period: Duration.minutes(5),
      });
      new cloudwatch.Alarm(this, id, {
        alarmDescription: description,
        metric,
        threshold: 0,
        evaluationPeriods: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      }).addAlarmAction(action);
    }
  }
}

function faultOfServiceToken(serviceToken: string, stack: Stack): string | undefined {
  const [, region] = /^arn:[^:]+:lambda:([^:]+):[^:]+:function:.+$/.exec(serviceToken) ?? [];
  if (region === undefined) {
    return `'${serviceToken}' is not the ARN of a Lambda function. To import an exported value, use `
      + 'Fn.importValue(\'tidb-private-endpoint-ServiceToken\').';
  }
  if (![region, stack.region].some(Token.isUnresolved) && region !== stack.region) {
    return `The provider ${serviceToken} is in ${region}, but the stack ${stack.stackName} is in ${stack.region}. `
      + 'Use a provider in the account and region of the stack.';
  }
  return undefined;
}
