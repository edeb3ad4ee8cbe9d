// Writes lib/function.json: what the constructs need of ../template.yaml. So the function's settings and above all the
// permissions of its role are written down in one place only.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const yaml = require('yaml');

const TEMPLATE = path.join(__dirname, '..', '..', 'template.yaml');
const TARGET = path.join(__dirname, '..', 'lib', 'function.json');

/** The short forms of CloudFormation's functions that template.yaml uses, as their long forms. */
const customTags = ['And', 'Equals', 'GetAtt', 'If', 'Join', 'Not', 'Or', 'Ref', 'Select', 'Split', 'Sub'].flatMap((name) => {
  const long = (value) => (name === 'Ref' ? { Ref: value } : { [`Fn::${name}`]: value });
  return [
    { tag: `!${name}`, resolve: (text) => long(name === 'GetAtt' ? text.split(/\.(.*)/s, 2) : text) },
    { tag: `!${name}`, collection: 'seq', resolve: (items) => long(items.toJSON()) },
  ];
});

/** An alarm as src/provider.ts makes it. */
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

/** Ends the build with a sentence if the template is not what the constructs were written for. */
function expect(holds, what) {
  if (!holds) throw new Error(`template.yaml: ${what}. Adapt cdk/scripts/function.js and cdk/src/provider.ts.`);
}

/** Only what the constructs know how to make; anything new in the template must not be lost silently. */
function onlyKeys(object, keys, where) {
  const others = Object.keys(object).filter((key) => !keys.includes(key));
  expect(others.length === 0, `${where} has ${others.join(', ')}, which the constructs do not know`);
}

/** The functions that may stand in the role's policies are those that src/provider.ts resolves. */
function onlyKnownFunctions(value) {
  if (Array.isArray(value)) value.forEach(onlyKnownFunctions);
  else if (value && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      const known = key === 'Fn::Sub' ? typeof inner === 'string' : key === 'Fn::GetAtt' && `${inner}` === 'LogGroup,Arn';
      expect(known || !(key.startsWith('Fn::') || key === 'Ref'), `the role has ${key} ${JSON.stringify(inner)}`);
      onlyKnownFunctions(inner);
    }
  }
}

/** What tells one alarm from another; the rest is the same for all, in src/provider.ts too. */
function alarm(properties, where) {
  const { AlarmDescription, Namespace, MetricName, ...rest } = properties;
  expect(isDeepStrictEqual(rest, ALARM), `${where} is not as other alarms`);
  return { description: AlarmDescription, namespace: Namespace, metricName: MetricName };
}

function read() {
  const { Parameters, Resources } = yaml.parse(fs.readFileSync(TEMPLATE, 'utf8'), { customTags });
  onlyKeys(Resources, ['Function', 'LogGroup', 'Role', 'EventAlarm', 'FunctionAlarm', 'Endpoint'], 'Resources');
  const func = Resources.Function.Properties;
  const role = Resources.Role.Properties;
  onlyKeys(func, ['Description', 'Runtime', 'Handler', 'CodeUri', 'Architectures', 'Timeout', 'MemorySize', 'Role',
    'Tracing', 'EventInvokeConfig', 'LoggingConfig'], 'Function');
  expect(func.Runtime === 'provided.al2023', 'the runtime is not provided.al2023');
  expect(Parameters.Architecture.Default === 'x86_64', 'the default architecture is not x86_64');
  expect(Parameters.Tracing.Default === 'PassThrough', 'the function is traced by default');
  onlyKeys(func.EventInvokeConfig, ['MaximumEventAgeInSeconds'], 'Function.EventInvokeConfig');
  onlyKeys(func.LoggingConfig, ['LogFormat', 'LogGroup'], 'Function.LoggingConfig');
  expect(func.LoggingConfig.LogFormat === 'JSON', 'the log format is not JSON');
  onlyKeys(Resources.LogGroup.Properties, ['LogGroupName', 'RetentionInDays'], 'LogGroup');
  onlyKeys(role, ['Description', 'AssumeRolePolicyDocument', 'Policies'], 'Role');
  expect(JSON.stringify(role.AssumeRolePolicyDocument.Statement.map((one) => one.Principal))
    === '[{"Service":"lambda.amazonaws.com"}]', 'somebody else than Lambda may assume the role');
  // The CDK writes the policy for traces itself.
  const policies = role.Policies.filter((policy) => !policy['Fn::If']?.[1].PolicyName.includes('Tracing'));
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
    alarms: Object.fromEntries(['EventAlarm', 'FunctionAlarm'].map((id) => [id, alarm(Resources[id].Properties, id)])),
  };
}

fs.writeFileSync(TARGET, `${JSON.stringify(read(), undefined, 1)}\n`);
