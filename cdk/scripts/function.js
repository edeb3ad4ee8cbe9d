// Writes lib/function.json: the parts of ../template.yaml and of ../schema that the constructs need. This way, the
// function's settings, the forms of its properties, and above all the permissions of its role, are defined in only one
// place.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const yaml = require('yaml');

const TEMPLATE = path.join(__dirname, '..', '..', 'template.yaml');
const SCHEMA = path.join(__dirname, '..', '..', 'schema');
const TARGET = path.join(__dirname, '..', 'lib', 'function.json');

/** Converts the short forms of intrinsic functions in template.yaml to their long forms. */
const customTags = ['And', 'Condition', 'Equals', 'GetAtt', 'If', 'Join', 'Not', 'Or', 'Ref', 'Select', 'Split', 'Sub'].flatMap((name) => {
  const long = (value) => (name === 'Ref' ? { Ref: value } : { [`Fn::${name}`]: value });
  return [
    { tag: `!${name}`, resolve: (text) => long(name === 'GetAtt' ? text.split(/\.(.*)/s, 2) : text) },
    { tag: `!${name}`, collection: 'seq', resolve: (items) => long(items.toJSON()) },
  ];
});

/** The alarms of the provider function. */
const ALARMS = ['EventAlarm', 'FunctionAlarm', 'StaleReferencesAlarm', 'OrphansAlarm', 'ReferenceSlotsAlarm'];

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

/** The settings of an alarm of the provider function. Apps add OK actions themselves. */
function alarm({ AlarmActions, OKActions, Dimensions, ...rest }, where) {
  expect(isDeepStrictEqual(AlarmActions, [{ Ref: 'AlarmTopicArn' }]), `${where} has other actions`);
  expect(isDeepStrictEqual(Dimensions, [{ Name: 'FunctionName', Value: { Ref: 'Function' } }]), `${where} has other dimensions`);
  onlyKeys(rest, ['AlarmDescription', 'Namespace', 'MetricName', 'Statistic', 'Period', 'EvaluationPeriods',
    'ComparisonOperator', 'Threshold', 'TreatMissingData'], where);
  return rest;
}

/** The rule that asks the provider function for the status. */
function status(properties) {
  onlyKeys(properties, ['Description', 'ScheduleExpression', 'Targets'], 'StatusRule');
  const [{ Id, Arn, Input, ...others }] = properties.Targets;
  expect(properties.Targets.length === 1 && Object.keys(others).length === 0, 'StatusRule has other targets');
  return { description: properties.Description, input: JSON.parse(Input) };
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
  onlyKeys(role, ['Description', 'Path', 'PermissionsBoundary', 'AssumeRolePolicyDocument', 'Policies'], 'CheckRole');
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

const schema = (type) => JSON.parse(fs.readFileSync(path.join(SCHEMA, `Custom-${type}.json`), 'utf8'));

/** What the values of the properties, or their items, look like. */
function forms({ properties, readOnlyProperties }) {
  const given = Object.entries(properties).filter(([name]) => !readOnlyProperties.includes(`/properties/${name}`));
  return Object.fromEntries(given.map(([name, { items, pattern = items?.pattern, minimum, maximum }]) =>
    [name, { pattern, minimum, maximum }]));
}

function tags({ definitions, properties }) {
  const { Key, Value } = definitions.Tag.properties;
  return {
    max: properties.Tags.maxItems,
    keyPattern: Key.pattern,
    maxKeyLength: Key.maxLength,
    maxValueLength: Value.maxLength,
  };
}

function read() {
  const { Parameters, Resources } = yaml.parse(fs.readFileSync(TEMPLATE, 'utf8'), { customTags });
  onlyKeys(Resources, ['Function', 'LogGroup', 'Role', 'Endpoint', 'CheckFunction',
    'CheckLogGroup', 'CheckRole', 'CheckRolePolicy', 'CheckInvokeConfig', 'CheckRule', 'CheckPermission', 'CheckAlarm',
    'StatusRule', 'StatusPermission', ...ALARMS,
    'InvokeConfig', 'DashboardOfProvider'], 'Resources');
  const func = Resources.Function.Properties;
  const role = Resources.Role.Properties;
  onlyKeys(func, ['Description', 'Runtime', 'Handler', 'CodeUri', 'Architectures', 'Timeout', 'MemorySize', 'Role',
    'ReservedConcurrentExecutions', 'Tracing', 'LoggingConfig', 'Environment'], 'Function');
  // Constructs of the check have a function of their own that answers.
  onlyKeys(func.Environment.Variables, ['CHECK_FUNCTION_ARN'], 'Function.Environment');
  expect(func.Runtime === 'provided.al2023', 'the runtime is not provided.al2023');
  expect(Parameters.Architecture.Default === 'x86_64', 'the default architecture is not x86_64');
  expect(Parameters.Tracing.Default === 'PassThrough', 'the function is traced by default');
  const config = Resources.InvokeConfig.Properties;
  onlyKeys(config, ['FunctionName', 'Qualifier', 'MaximumEventAgeInSeconds', 'DestinationConfig'], 'InvokeConfig');
  onlyKeys(func.LoggingConfig, ['LogFormat', 'ApplicationLogLevel', 'LogGroup'], 'Function.LoggingConfig');
  expect(func.LoggingConfig.LogFormat === 'JSON', 'the log format is not JSON');
  onlyKeys(Resources.LogGroup.Properties, ['LogGroupName', 'RetentionInDays', 'KmsKeyId'], 'LogGroup');
  onlyKeys(role, ['Description', 'Path', 'PermissionsBoundary', 'AssumeRolePolicyDocument', 'Policies'], 'Role');
  expect(JSON.stringify(role.AssumeRolePolicyDocument.Statement.map((one) => one.Principal))
    === '[{"Service":"lambda.amazonaws.com"}]', 'a principal other than Lambda can assume the role');
  // The CDK adds these policies itself, with tracing and with `cluster`.
  const added = ['Tracing', 'OnFailureDestination', 'ApiKey', 'ApiKeyKmsKey'];
  const policies = role.Policies.filter((policy) => !added.includes(policy['Fn::If']?.[1].PolicyName));
  onlyKnownFunctions(policies);
  return {
    description: func.Description,
    handler: func.Handler,
    timeout: func.Timeout,
    memorySize: func.MemorySize,
    logRetention: Parameters.LogRetentionInDays.Default,
    roleDescription: role.Description,
    maximumEventAge: config.MaximumEventAgeInSeconds,
    policies: Object.fromEntries(policies.map((policy) => [policy.PolicyName, policy.PolicyDocument])),
    check: check(Resources),
    forms: forms(schema('TiDBCloudPrivateEndpoint')),
    checkForms: forms(schema('TiDBCloudConnectionCheck')),
    tags: tags(schema('TiDBCloudPrivateEndpoint')),
    alarms: Object.fromEntries(ALARMS.map((id) => [id, alarm(Resources[id].Properties, id)])),
    status: status(Resources.StatusRule.Properties),
  };
}

fs.writeFileSync(TARGET, `${JSON.stringify(read(), undefined, 1)}\n`);
