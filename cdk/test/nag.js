// Runs cdk-nag.
'use strict';

const { App, Aspects, LegacyStackSynthesizer, Stack } = require('aws-cdk-lib');
const { Annotations, Match } = require('aws-cdk-lib/assertions');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const { AwsSolutionsChecks } = require('cdk-nag');

/** The findings in a stack. */
function findings(stack) {
  Aspects.of(stack).add(new AwsSolutionsChecks({ verbose: true }));
  const annotations = Annotations.fromStack(stack);
  const any = Match.stringLikeRegexp('AwsSolutions-.*');
  return [...annotations.findError('*', any), ...annotations.findWarning('*', any)]
    .map(({ id, entry }) => `${id}: ${entry.data}`);
}

/** The findings in a template in a file. */
function findingsIn(templateFile) {
  const stack = new Stack(new App(), 'Stack', { synthesizer: new LegacyStackSynthesizer() });
  new CfnInclude(stack, 'Template', { templateFile });
  return findings(stack);
}

module.exports = { findings, findingsIn };
