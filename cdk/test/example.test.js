'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { before, test } = require('node:test');
const { SOURCE, compile, synthesize } = require('../scripts/example');
const { findingsIn } = require('./nag');

const SNAPSHOT = path.join(__dirname, 'snapshot');
const ASSEMBLY = path.join(__dirname, '..', 'build', 'assembly');

before(() => {
  const readme = fs.readFileSync(path.join(__dirname, '..', 'README.md'), 'utf8');
  const [, program] = /^```ts\n(.*?)^```$/ms.exec(readme);
  compile({ example: fs.readFileSync(SOURCE), readme: program });
});

// test/python/test_package.py compares the Python example with the same snapshot.
test('the templates of the TypeScript example match the snapshot, and cdk-nag has no findings', () => {
  synthesize('example', ASSEMBLY);
  for (const name of ['orders', 'billing']) {
    const seen = fs.readFileSync(path.join(ASSEMBLY, `${name}.template.json`), 'utf8');
    const file = path.join(SNAPSHOT, `${name}.template.json`);
    if (process.env.UPDATE_SNAPSHOT) fs.writeFileSync(file, seen);
    assert.deepEqual(JSON.parse(seen), JSON.parse(fs.readFileSync(file, 'utf8')),
      'if the change is intended, run `UPDATE_SNAPSHOT=1 npm test` and review the diff');
    assert.deepEqual(findingsIn(file), []);
  }
});

test('the TypeScript program in the README synthesizes', () => {
  const out = synthesize('readme', `${ASSEMBLY}-readme`);
  assert.match(fs.readFileSync(path.join(out, 'orders.template.json'), 'utf8'), /"AllowedSecurityGroupIds"/);
});
