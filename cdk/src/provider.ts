import * as fs from 'fs';
import * as path from 'path';
import { Duration, Fn, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, IConstruct } from 'constructs';

/** What the constructs have of template.yaml; scripts/function.js writes it. */
interface FunctionSettings {
  readonly description: string;
  readonly handler: string;
  readonly timeout: number;
  readonly memorySize: number;
  readonly logRetention: number;
  readonly roleDescription: string;
  readonly maximumEventAge: number;
  readonly policies: { readonly [name: string]: unknown };
  readonly alarms: {
    readonly [id: string]: { readonly description: string; readonly namespace: string; readonly metricName: string };
  };
}

const SETTINGS: FunctionSettings = JSON.parse(fs.readFileSync(path.join(__dirname, 'function.json'), 'utf8'));

/** Where a released package has the function. */
const PACKAGED_CODE = path.join(__dirname, '..', 'assets', 'tidb-private-endpoint.zip');

/** The id of the provider that `getOrCreate` makes. */
const SHARED_ID = 'TiDBCloudPrivateEndpointProvider';

/**
 * Whatever answers CloudFormation for `Custom::TiDBCloudPrivateEndpoint`: a `PrivateEndpointProvider` of this app, or one
 * that was deployed otherwise.
 */
export interface IPrivateEndpointProvider extends IConstruct {
  /** What the endpoint's resource names as `ServiceToken`: the ARN of the function. */
  readonly serviceToken: string;
}

/**
 * Properties of a `PrivateEndpointProvider`.
 */
export interface PrivateEndpointProviderProps {
  /**
   * The function: a zip with the executable `bootstrap`, as `make package` builds it.
   *
   * @default - the zip in this package, built for x86_64
   */
  readonly code?: lambda.Code;

  /**
   * The processor that the function was built for. Anything but x86_64 needs `code` too.
   *
   * @default lambda.Architecture.X86_64
   */
  readonly architecture?: lambda.Architecture;

  /**
   * How long the function's log lines are kept.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * Who is told when an event has failed, or the function has.
   *
   * @default - nobody, and there are no alarms
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
 * The Lambda function that answers CloudFormation for `Custom::TiDBCloudPrivateEndpoint`, with its role and log group.
 *
 * One is enough for an account and region, however many stacks and endpoints it serves. `PrivateEndpoint` makes one for
 * its stack if it is given none.
 */
export class PrivateEndpointProvider extends Construct implements IPrivateEndpointProvider {
  /**
   * The provider of the stack that `scope` is in, made at the first call. Nested stacks have that of the stack that they
   * are nested in. It has the defaults of `PrivateEndpointProviderProps`.
   *
   * @param scope any construct of the stack
   */
  public static getOrCreate(scope: Construct): PrivateEndpointProvider {
    let stack = Stack.of(scope);
    while (stack.nestedStackParent) stack = stack.nestedStackParent;
    const made = stack.node.tryFindChild(SHARED_ID) as PrivateEndpointProvider | undefined;
    return made ?? new PrivateEndpointProvider(stack, SHARED_ID);
  }

  /**
   * A provider that was deployed otherwise, such as by the product's own template, which exports its service token as
   * `tidb-private-endpoint-ServiceToken`.
   *
   * @param scope the parent of the new construct
   * @param id its id
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

  /** What an endpoint's resource names as `ServiceToken`: the ARN of the function. */
  public readonly serviceToken: string;

  /** The function. */
  public readonly handler: lambda.IFunction;

  /** The function's role. Its permissions are those of the product's template.yaml. */
  public readonly role: iam.IRole;

  /** Where the function logs. */
  public readonly logGroup: logs.ILogGroup;

  /**
   * @param scope the parent of the new construct
   * @param id its id
   * @param props its properties
   */
  constructor(scope: Construct, id: string, props: PrivateEndpointProviderProps = {}) {
    super(scope, id);
    const { code, architecture } = functionPackage(this, props);

    this.logGroup = new logs.LogGroup(this, 'LogGroup', {
      retention: props.logRetention ?? SETTINGS.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // The policies are part of the role and not resources of their own, so that the permissions are still there while
    // an endpoint's Delete runs.
    this.role = new iam.Role(this, 'Role', {
      description: SETTINGS.roleDescription,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: Object.fromEntries(Object.entries(SETTINGS.policies).map(
        ([name, document]) => [name, iam.PolicyDocument.fromJson(this.resolved(document))])),
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

  /** An alarm for events that fail, and one for the function. */
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

  /** A policy document of template.yaml with tokens where that has functions of CloudFormation. */
  private resolved(value: any): any {
    if (Array.isArray(value)) return value.map((item) => this.resolved(item));
    if (typeof value !== 'object' || value === null) return value;
    if ('Fn::Sub' in value) return Fn.sub(value['Fn::Sub']);
    if ('Fn::GetAtt' in value) return this.logGroup.logGroupArn;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.resolved(inner)]));
  }
}

function faultOfServiceToken(serviceToken: string, stack: Stack): string | undefined {
  const [, region] = /^arn:[^:]+:lambda:([^:]+):[^:]+:function:.+$/.exec(serviceToken) ?? [];
  if (region === undefined) {
    return `'${serviceToken}' is not the ARN of a Lambda function. To import an export, write `
      + 'Fn.importValue(\'tidb-private-endpoint-ServiceToken\').';
  }
  if (![region, stack.region].some(Token.isUnresolved) && region !== stack.region) {
    return `The provider ${serviceToken} is in ${region}, but the stack ${stack.stackName} is in ${stack.region}. `
      + 'A provider serves its own account and region.';
  }
  return undefined;
}

/** The code to deploy, and the processor that it is for. */
function functionPackage(scope: Construct, props: PrivateEndpointProviderProps) {
  const packaged = lambda.Architecture.X86_64;
  const architecture = props.architecture ?? packaged;
  if (props.code) return { code: props.code, architecture };
  if (architecture.name !== packaged.name) {
    throw new Error(`${scope.node.path}: the function in this package is built for ${packaged.name}, not for `
      + `${architecture.name}. Build it for ${architecture.name} and give the zip: `
      + 'code: lambda.Code.fromAsset(\'tidb-private-endpoint.zip\').');
  }
  if (!fs.existsSync(PACKAGED_CODE)) {
    throw new Error(`${scope.node.path}: this package has no function in it: ${PACKAGED_CODE} is missing. Build the `
      + 'package with `make package` and `npm run package`, or give the zip: '
      + 'code: lambda.Code.fromAsset(\'tidb-private-endpoint.zip\').');
  }
  return { code: lambda.Code.fromAsset(PACKAGED_CODE), architecture };
}
