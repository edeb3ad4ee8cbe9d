// What the constructs of this package have in common. Not part of its interface.
import * as fs from 'fs';
import * as path from 'path';
import { CfnResource, Fn, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct, IConstruct } from 'constructs';

/** What values of a property, or items of it, look like. */
interface Form {
  /** A regular expression that also allows a blank value. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The properties of an alarm, with the names and values of CloudFormation. */
interface AlarmSettings {
  readonly AlarmDescription: string;
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: string;
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly ComparisonOperator: cloudwatch.ComparisonOperator;
  readonly Threshold: number;
  readonly TreatMissingData: cloudwatch.TreatMissingData;
}

/** The settings from template.yaml and the linter schema, as written by scripts/function.js. */
interface FunctionSettings {
  readonly description: string;
  readonly handler: string;
  readonly timeout: number;
  readonly memorySize: number;
  readonly logRetention: number;
  readonly roleDescription: string;
  readonly maximumEventAge: number;
  readonly policies: { readonly [name: string]: unknown };
  /** The alarms of the provider, by logical ID. */
  readonly alarms: { readonly [id: string]: AlarmSettings };
  /** The rule that asks the provider for the status. */
  readonly status: { readonly description: string; readonly input: unknown };
  /** Of the endpoint, by property. */
  readonly forms: { readonly [property: string]: Form };
  /** Of the check, by property. */
  readonly checkForms: { readonly [property: string]: Form };
  readonly tags: {
    readonly max: number;
    readonly keyPattern: string;
    readonly maxKeyLength: number;
    readonly maxValueLength: number;
  };
  /** The check function. */
  readonly check: {
    readonly description: string;
    readonly handler: string;
    readonly timeout: number;
    readonly memorySize: number;
    readonly roleDescription: string;
    readonly maximumEventAge: number;
    readonly maximumRetryAttempts: number;
    readonly policies: { readonly [name: string]: unknown };
    /** A statement without its condition. */
    readonly deny: { readonly [name: string]: unknown };
  };
}

/** What template.yaml and the linter schema say. */
export const SETTINGS: FunctionSettings = JSON.parse(fs.readFileSync(path.join(__dirname, 'function.json'), 'utf8'));

/** The function in a released package. */
const PACKAGED_CODE = path.join(__dirname, '..', 'assets', 'tidb-private-endpoint.zip');

/**
 * A log group for a function. As in template.yaml, it outlives the stack, because the reason why the first deployment failed
 * is in it. CloudFormation chooses its name, so it is not in the way when the stack is created again.
 */
export function retainedLogGroup(
  scope: Construct, id: string, retention?: logs.RetentionDays, encryptionKey?: kms.IKey): logs.LogGroup {
  return new logs.LogGroup(scope, id, {
    retention: retention ?? SETTINGS.logRetention,
    encryptionKey,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

/** Policy documents from template.yaml, in which tokens replace the intrinsic functions. */
export function resolvedPolicies(
  policies: { readonly [name: string]: unknown }, logGroup: logs.ILogGroup): { [name: string]: any } {
  const resolved = (value: any): any => {
    if (Array.isArray(value)) return value.map(resolved);
    if (typeof value !== 'object' || value === null) return value;
    if ('Fn::Sub' in value) return Fn.sub(value['Fn::Sub']);
    if ('Fn::GetAtt' in value) return logGroup.logGroupArn;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
  };
  return resolved(policies);
}

/** The same as inline policies of a role. */
export function inlinePolicies(policies: { readonly [name: string]: unknown }, logGroup: logs.ILogGroup) {
  return Object.fromEntries(Object.entries(resolvedPolicies(policies, logGroup)).map(
    ([name, document]) => [name, iam.PolicyDocument.fromJson(document)]));
}

/** Wildcards in a policy, as cdk-nag names them, and why they are there. */
export interface Wildcards {
  readonly of: string | { readonly regex: string };
  readonly reason: string;
}

/** Explains to cdk-nag why a role or policy has wildcards. Others remain findings. */
export function explain(construct: IConstruct | undefined, ...wildcards: Wildcards[]) {
  const resource = construct?.node.defaultChild;
  if (resource && CfnResource.isCfnResource(resource)) {
    resource.addMetadata('cdk_nag', {
      rules_to_suppress: wildcards.map(({ of, reason }) => ({ id: 'AwsSolutions-IAM5', reason, applies_to: [of] })),
    });
  }
}

/** The code to deploy and its architecture. */
export function functionPackage(
  scope: Construct, props: { readonly code?: lambda.Code; readonly architecture?: lambda.Architecture }) {
  const packaged = lambda.Architecture.X86_64;
  const architecture = props.architecture ?? packaged;
  if (props.code) return { code: props.code, architecture };
  if (architecture.name !== packaged.name) {
    throw new Error(`${scope.node.path}: the function in this package is built for ${packaged.name}, not for `
      + `${architecture.name}. Build it for ${architecture.name} and specify the zip file: `
      + 'code: lambda.Code.fromAsset(\'tidb-private-endpoint.zip\').');
  }
  if (!fs.existsSync(PACKAGED_CODE)) {
    throw new Error(`${scope.node.path}: this package does not contain the function: ${PACKAGED_CODE} is missing. Build `
      + 'the package with `make package` and `npm run package`, or specify the zip file: '
      + 'code: lambda.Code.fromAsset(\'tidb-private-endpoint.zip\').');
  }
  return { code: lambda.Code.fromAsset(PACKAGED_CODE), architecture };
}
