import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, IConstruct } from 'constructs';
import { imported } from './imported';
import { SETTINGS, Wildcards, explain, functionPackage, inlinePolicies, resolvedPolicies, retainedLogGroup } from './settings';

/** Why the role has wildcards; template.yaml explains each statement. */
const WILDCARDS: Wildcards[] = [
  {
    of: 'Resource::*',
    reason: 'Most Describe actions do not support resource-level permissions. The hosted zone that EC2 associates with the '
      + 'VPC for private DNS belongs to AWS, and its ID is not known in advance.',
  },
  {
    of: { regex: '/^Resource::arn:.*:ec2:.*$/g' },
    reason: 'The IDs of endpoints and security groups are not known in advance. Conditions limit changes to those with the '
      + "provider's owned tag, and on other endpoints to reference tags.",
  },
  {
    of: { regex: '/^Resource::arn:.*:cloudformation:.*$/g' },
    reason: 'The provider asks about the stack of any event that comes late, or that deletes a resource whose Create did not '
      + 'respond, and only for the status and the physical ID of its resource.',
  },
];
const TRACING: Wildcards = { of: 'Resource::*', reason: 'The actions of X-Ray do not support resource-level permissions.' };

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
   * The role of the function, which Lambda must be able to assume. The permissions in template.yaml are added to it, unless
   * it is an imported role that cannot be changed; such a role must already have them.
   *
   * @default - the provider creates a role
   */
  readonly role?: iam.IRole;

  /**
   * The permissions boundary of the role that the provider creates. Cannot be combined with `role`.
   *
   * @default - none
   */
  readonly permissionsBoundary?: iam.IManagedPolicy;

  /**
   * The log group of the function, for example one with a KMS key.
   *
   * @default - the provider creates a log group that outlives the stack, because the reason why the first deployment failed
   * is in it. CloudFormation chooses its name
   */
  readonly logGroup?: logs.ILogGroup;

  /**
   * How long to keep the function's logs. Cannot be combined with `logGroup`.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * The lowest level of log lines to write. Metrics are written at every level.
   *
   * @default lambda.ApplicationLogLevel.INFO
   */
  readonly applicationLogLevel?: lambda.ApplicationLogLevel;

  /**
   * How many events the function may handle at the same time. Others wait for up to an hour, and so do their stacks.
   *
   * @default - no limit, and nothing is reserved
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * Where Lambda sends the record of an event that the function could not handle even when Lambda tried again. The record
   * contains the event with its signed response URL, so restrict who can read it.
   *
   * @default - such an event is dropped, and its stack waits until it times out
   */
  readonly onFailure?: lambda.IDestination;

  /**
   * The SNS topic to notify when an event or the function fails, and when that is over, with `failureAlarm` and
   * `errorAlarm`.
   *
   * @default - no alarms are created
   */
  readonly alarmTopic?: sns.ITopic;

  /**
   * How often the function looks for references of stacks that no longer exist, and for endpoints that nobody uses, such as
   * `events.Schedule.rate(Duration.days(1))`. The results are metrics, such as `metric('StaleReferences')`, with alarms if
   * there is an `alarmTopic`.
   *
   * @default - it does not look
   */
  readonly statusSchedule?: events.Schedule;

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
 * One provider is enough for all stacks and endpoints in an account and Region. If you do not specify a provider,
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
    return imported(scope, id, serviceToken, 'tidb-private-endpoint-ServiceToken');
  }

  /** The ARN of the function, which is the `ServiceToken` of the endpoint resource. */
  public readonly serviceToken: string;

  /** The function. */
  public readonly handler: lambda.IFunction;

  /**
   * The function's role. It has the permissions that template.yaml grants. For the API key of a cluster, `grantRead` of the
   * secret also allows `secretsmanager:DescribeSecret`.
   */
  public readonly role: iam.IRole;

  /** The log group of the function. */
  public readonly logGroup: logs.ILogGroup;

  /** With `alarmTopic`: the alarm for failed events. */
  public readonly failureAlarm?: cloudwatch.Alarm;

  /**
   * With `alarmTopic`: the alarm for failed invocations: the function crashed, could not deliver a response, or received
   * an event that it cannot respond to.
   */
  public readonly errorAlarm?: cloudwatch.Alarm;

  /** With `alarmTopic` and `statusSchedule`: the alarm for references of stacks that no longer exist. */
  public readonly staleReferencesAlarm?: cloudwatch.Alarm;

  /** With `alarmTopic` and `statusSchedule`: the alarm for endpoints that nobody uses. */
  public readonly orphansAlarm?: cloudwatch.Alarm;

  /** With `alarmTopic` and `statusSchedule`: the alarm for an endpoint that has room for few more stacks. */
  public readonly referenceSlotsAlarm?: cloudwatch.Alarm;

  /**
   * @param scope the parent of the construct
   * @param id the ID of the construct
   * @param props the properties of the construct
   */
  constructor(scope: Construct, id: string, props: PrivateEndpointProviderProps = {}) {
    super(scope, id);
    const { code, architecture } = functionPackage(this, props);
    if (props.role && props.permissionsBoundary) {
      throw new Error(`${this.node.path}: permissionsBoundary applies only to the role that the provider creates. Set the `
        + 'boundary of role instead.');
    }
    if (props.logGroup && props.logRetention !== undefined) {
      throw new Error(`${this.node.path}: logRetention applies only to the log group that the provider creates. Set the `
        + 'retention of logGroup instead.');
    }

    this.logGroup = props.logGroup ?? retainedLogGroup(this, 'LogGroup', props.logRetention);
    // The policies are inline policies of the role instead of separate resources, so that the permissions still exist
    // while an endpoint's Delete request runs.
    this.role = props.role ?? new iam.Role(this, 'Role', {
      description: SETTINGS.roleDescription,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      permissionsBoundary: props.permissionsBoundary,
      inlinePolicies: inlinePolicies(SETTINGS.policies, this.logGroup),
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
      onFailure: props.onFailure,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: props.applicationLogLevel,
      logGroup: this.logGroup,
    });
    if (props.role) {
      // The function, and thus the endpoint, depends on the role and its policy.
      for (const { Statement } of Object.values(resolvedPolicies(SETTINGS.policies, this.logGroup))) {
        for (const statement of Statement) props.role.addToPrincipalPolicy(iam.PolicyStatement.fromJson(statement));
      }
    } else {
      explain(this.role, ...WILDCARDS);
      if (props.tracing) explain(this.role.node.tryFindChild('DefaultPolicy'), TRACING);
    }
    this.serviceToken = this.handler.functionArn;
    if (props.alarmTopic) {
      const action = new actions.SnsAction(props.alarmTopic);
      this.failureAlarm = this.alarm('EventAlarm', action);
      this.errorAlarm = this.alarm('FunctionAlarm', action);
      if (props.statusSchedule) {
        this.staleReferencesAlarm = this.alarm('StaleReferencesAlarm', action);
        this.orphansAlarm = this.alarm('OrphansAlarm', action);
        this.referenceSlotsAlarm = this.alarm('ReferenceSlotsAlarm', action);
      }
    }
    if (props.statusSchedule) {
      new events.Rule(this, 'StatusRule', {
        description: SETTINGS.status.description,
        schedule: props.statusSchedule,
        targets: [new targets.LambdaFunction(this.handler, { event: events.RuleTargetInput.fromObject(SETTINGS.status.input) })],
      });
    }
  }

  /**
   * A metric of the function in the namespace `TiDBPrivateEndpoint`.
   *
   * @param metricName the name of the metric
   * @param props the statistic, the period, and others; the default is the sum in 5 minutes
   */
  public metric(metricName: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metricIn(SETTINGS.alarms.EventAlarm.Namespace, metricName, props);
  }

  /**
   * The number of failed events.
   *
   * @param props the statistic, the period, and others; the default is the sum in 5 minutes
   */
  public metricFailures(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Failures', props);
  }

  /**
   * The number of events with an outcome.
   *
   * @param outcome the outcome, such as `created`, `joined`, or `refused`
   * @param props the statistic, the period, and others; the default is the sum in 5 minutes
   */
  public metricEvents(outcome: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Events', { ...props, dimensionsMap: { Outcome: outcome, ...props?.dimensionsMap } });
  }

  /**
   * The milliseconds from the arrival of an event until CloudFormation accepted the response.
   *
   * @param props the statistic, the period, and others; the default is the average in 5 minutes
   */
  public metricDuration(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Duration', { statistic: cloudwatch.Stats.AVERAGE, ...props });
  }

  /**
   * The number of calls to EC2, whose rate EC2 limits for each account.
   *
   * @param props the statistic, the period, and others; the default is the sum in 5 minutes
   */
  public metricEc2Calls(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Ec2Calls', props);
  }

  /**
   * The number of invocations in which the function crashed, could not deliver a response, or received an event that it
   * cannot respond to.
   *
   * @param props the statistic, the period, and others; the default is the sum in 5 minutes
   */
  public metricErrors(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.handler.metricErrors(props);
  }

  private metricIn(namespace: string, metricName: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace,
      metricName,
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(5),
      ...props,
      dimensionsMap: { FunctionName: this.handler.functionName, ...props?.dimensionsMap },
    }).attachTo(this);
  }

  /** Creates the alarm that template.yaml has under this logical ID. */
  private alarm(id: string, action: cloudwatch.IAlarmAction): cloudwatch.Alarm {
    const its = SETTINGS.alarms[id];
    const alarm = new cloudwatch.Alarm(this, id, {
      alarmDescription: its.AlarmDescription,
      metric: this.metricIn(its.Namespace, its.MetricName, {
        statistic: its.Statistic,
        period: Duration.seconds(its.Period),
      }),
      threshold: its.Threshold,
      evaluationPeriods: its.EvaluationPeriods,
      comparisonOperator: its.ComparisonOperator,
      treatMissingData: its.TreatMissingData,
    });
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    return alarm;
  }
}
