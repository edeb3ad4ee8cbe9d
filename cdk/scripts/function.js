// Writes lib/function.json: the parts of ../template.yaml that the constructs need. This way, the function's settings,
// and above all the permissions of its role, are defined in only one place.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const yaml = require('yaml');

const TEMPLATE = path.join(__dirname, '..', '..', 'template.yaml');
const TARGET = path.join(__dirname, '..', 'lib', 'function.json');

/** Converts the short forms of intrinsic functions in template.yaml to their long forms. */
const customTags = ['And', 'Condition', 'Equals', 'GetAtt', 'If', 'Join', 'Not', 'Or', 'Ref', 'Select', 'Split', 'Sub'].flatMap((name) => {
  const long = (value) => (name === 'Ref' ? { Ref: value } : { [`Fn::${name}`]: value });
  return [
    { tag: `!${name}`, resolve: (text) => long(name === 'GetAtt' ? text.split(/\.(.*)/s, 2) : text) },
    { tag: `!${name}`, collection: 'seq', resolve: (items) => long(items.toJSON()) },
  ];
});

/** The alarm properties that src/provider.ts sets. */
const ALARM = {
  AlarmActions: [{ Ref: 'AlarmTopicArn' }],
  Dimensions: [{ Name: 'FunctionName', Value: { Ref: 'Function' } }],
  Statistic: 'Sum',
  Period: 300,
  EvaluationPeriods: 1,
  ComparisonOperator: 'GreaterThanThreshold',
  Threshold: 0,
  TreatMissingData: 'notBreaching',
};

/** What StatusSchedule adds, which is not part of the constructs. */
const STATUS = ['StatusRule', 'StatusPermission', 'StaleReferencesAlarm', 'OrphansAlarm', 'ReferenceSlotsAlarm'];

/** Fails the build if the template contains something that the constructs do not support. */
function expect(holds, what) {
  if (!holds) throw new Error(`template.yaml: ${what}. Update cdk/scripts/function.js and cdk/src.`);
}

/** Rejects everything that the constructs do not create, so that nothing in the template is silently dropped. */
function onlyKeys(object, keys, where) {
  const others = Object.keys(object).filter((key) => !keys.includes(key));
  expect(others.length === 0, `${where} contains ${others.join(', ')}, which the constructs do not support`);
}

/** Rejects intrinsic functions in the role's policies that src/settings.ts does not resolve. */
function onlyKnownFunctions(value) {
  if (Array.isArray(value)) value.forEach(onlyKnownFunctions);
  else if (value && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      const known = key === 'Fn::Sub' ? typeof inner === 'string'
        : key === 'Fn::GetAtt' && ['LogGroup,Arn', 'CheckLogGroup,Arn'].includes(`${inner}`);
      expect(known || !(key.startsWith('Fn::') || key === 'Ref'),
        `the role contains ${key} ${JSON.stringify(inner)}, which the constructs do not support`);
      onlyKnownFunctions(inner);
    }
  }
}

/** The properties in which the alarms differ. All others are the same for every alarm, here and in src/provider.ts. */
function alarm(properties, where) {
  const { AlarmDescription, Namespace, MetricName, ...rest } = properties;
  expect(isDeepStrictEqual(rest, ALARM), `${where} differs from the other alarms in more than metric and description`);
  return { description: AlarmDescription, namespace: Namespace, metricName: MetricName };
}

/** The settings of the check function. Its schedule is not part of the constructs. */
function check(Resources) {
  const func = Resources.CheckFunction.Properties;
  const role = Resources.CheckRole.Properties;
  const config = Resources.CheckInvokeConfig.Properties;
  const policy = Resources.CheckRolePolicy.Properties;
  onlyKeys(func, ['Description', 'Runtime', 'Handler', 'CodeUri', 'Architectures', 'Timeout', 'MemorySize', 'Role',
    'VpcConfig', 'LoggingConfig'], 'CheckFunction');
  onlyKeys(func.VpcConfig, ['SubnetIds', 'SecurityGroupIds', 'Ipv6AllowedForDualStack'], 'CheckFunction.VpcConfig');
  onlyKeys(role, ['Description', 'AssumeRolePolicyDocument', 'Policies'], 'CheckRole');
  onlyKeys(config, ['FunctionName', 'Qualifier', 'MaximumRetryAttempts', 'MaximumEventAgeInSeconds', 'DestinationConfig'],
    'CheckInvokeConfig');
  expect(policy.PolicyDocument.Statement.length === 2, 'CheckRolePolicy has more than two statements');
  onlyKnownFunctions(role.Policies);
  const { Condition, ...deny } = policy.PolicyDocument.Statement[1];
  expect(deny.Effect === 'Deny' && Condition.ArnEquals, 'the second statement of CheckRolePolicy is not the denial');
  return {
    description: func.Description,
    handler: func.Handler,
    timeout: func.Timeout,
    memorySize: func.MemorySize,
    roleDescription: role.Description,
    maximumEventAge: config.MaximumEventAgeInSeconds,
    maximumRetryAttempts: config.MaximumRetryAttempts,
    policies: Object.fromEntries(role.Policies.map((one) => [one.PolicyName, one.PolicyDocument])),
    deny,
  };
}

function read() {
  const { Parameters, Resources } = yaml.parse(fs.readFileSync(TEMPLATE, 'utf8'), { customTags });
  onlyKeys(Resources, ['Function', 'LogGroup', 'Role', 'EventAlarm', 'FunctionAlarm', 'Endpoint', 'CheckFunction',
    'CheckLogGroup', 'CheckRole', 'CheckRolePolicy', 'CheckInvokeConfig', 'CheckRule', 'CheckPermission', 'CheckAlarm',
    ...STATUS], 'Resources');
  const func = Resources.Function.Properties;
  const role = Resources.Role.Properties;
  onlyKeys(func, ['Description', 'Runtime', 'Handler', 'CodeUri', 'Architectures', 'Timeout', 'MemorySize', 'Role',
    'Tracing', 'EventInvokeConfig', 'LoggingConfig', 'Environment'], 'Function');
  // Constructs of the check have a function of their own that answers.
  onlyKeys(func.Environment.Variables, ['CHECK_FUNCTION_ARN'], 'Function.Environment');
  expect(func.Runtime === 'provided.al2023', 'the runtime is not provided.al2023');
  expect(Parameters.Architecture.Default === 'x86_64', 'the default architecture is not x86_64');
  expect(Parameters.Tracing.Default === 'PassThrough', 'the function is traced by default');
  onlyKeys(func.EventInvokeConfig, ['MaximumEventAgeInSeconds'], 'Function.EventInvokeConfig');
  onlyKeys(func.LoggingConfig, ['LogFormat', 'LogGroup'], 'Function.LoggingConfig');
  expect(func.LoggingConfig.LogFormat === 'JSON', 'the log format is not JSON');
  onlyKeys(Resources.LogGroup.Properties, ['LogGroupName', 'RetentionInDays'], 'LogGroup');
  onlyKeys(role, ['Description', 'AssumeRolePolicyDocument', 'Policies'], 'Role');
  expect(JSON.stringify(role.AssumeRolePolicyDocument.Statement.map((one) => one.Principal))
    === '[{"Service":"lambda.amazonaws.com"}]', 'a principal other than Lambda can assume the role');
  // The CDK adds these policies itself, with tracing and with `cluster`.
  const added = ['Tracing', 'ApiKey', 'ApiKeyKmsKey'];
  const policies = role.Policies.filter((policy) => !added.includes(policy['Fn::If']?.[1].PolicyName));
  onlyKnownFunctions(policies);
  return {
    description: func.Description,
    handler: func.Handler,
    timeout: func.Timeout,
    memorySize: func.MemorySize,
    logRetention: Parameters.LogRetentionInDays.Default,
    roleDescription: role.Description,
    maximumEventAge: func.EventInvokeConfig.MaximumEventAgeInSeconds,
    policies: Object.fromEntries(policies.map((policy) => [policy.PolicyName, policy.PolicyDocument])),
    check: check(Resources),
    alarms: Object.fromEntries(['EventAlarm', 'FunctionAlarm'].map((id) => [id, alarm(Resources[id].Properties, id)])),
  };
}

fs.writeFileSync(TARGET, `${JSON.stringify(read(), undefined, 1)}\n`);
