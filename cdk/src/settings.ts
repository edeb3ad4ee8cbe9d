// What the constructs of this package have in common. Not part of its interface.
import * as fs from 'fs';
import * as path from 'path';
import { Fn } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** The settings from template.yaml, as written by scripts/function.js. */
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

/** What template.yaml says. */
export const SETTINGS: FunctionSettings = JSON.parse(fs.readFileSync(path.join(__dirname, 'function.json'), 'utf8'));

/** The function in a released package. */
const PACKAGED_CODE = path.join(__dirname, '..', 'assets', 'tidb-private-endpoint.zip');

/** Policies from template.yaml, in which tokens replace the intrinsic functions. */
export function resolvedPolicies(policies: { readonly [name: string]: unknown }, logGroup: logs.ILogGroup) {
  const resolved = (value: any): any => {
    if (Array.isArray(value)) return value.map(resolved);
    if (typeof value !== 'object' || value === null) return value;
    if ('Fn::Sub' in value) return Fn.sub(value['Fn::Sub']);
    if ('Fn::GetAtt' in value) return logGroup.logGroupArn;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
  };
  return Object.fromEntries(Object.entries(policies).map(
    ([name, document]) => [name, iam.PolicyDocument.fromJson(resolved(document))]));
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
