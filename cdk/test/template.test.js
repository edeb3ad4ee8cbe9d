// cdk-nag on the templates, for those who include them in a CDK app. The exceptions are explained in their metadata.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { findingsIn } = require('./nag');

for (const name of ['template.cloudformation.yaml', 'template.roles.yaml']) {
  test(`cdk-nag has no findings in ${name}`, () => {
    assert.deepEqual(findingsIn(path.join(__dirname, '..', '..', name)), []);
  });
}
