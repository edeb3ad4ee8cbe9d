'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { EXAMPLE_CONTEXT, synthesize } = require('../scripts/example');

const SNAPSHOT = path.join(__dirname, 'snapshot');
const ASSEMBLY = path.join(__dirname, '..', 'build', 'assembly');

// test/python/test_package.py compares the Python example with the same snapshot.
test('the TypeScript example compiles, and its templates match the snapshot', () => {
  synthesize(ASSEMBLY);
  for (const name of ['orders', 'billing']) {
    const seen = fs.readFileSync(path.join(ASSEMBLY, `${name}.template.json`), 'utf8');
    const file = path.join(SNAPSHOT, `${name}.template.json`);
    if (process.env.UPDATE_SNAPSHOT) fs.writeFileSync(file, seen);
    assert.deepEqual(JSON.parse(seen), JSON.parse(fs.readFileSync(file, 'utf8')),
      'if the change is intended, run `UPDATE_SNAPSHOT=1 npm test` and review the diff');
  }
});

test('the TypeScript program in the README compiles and synthesizes', () => {
  const readme = fs.readFileSync(path.join(__dirname, '..', 'README.md'), 'utf8');
  const [, program] = /^```ts\n(.*?)^```$/ms.exec(readme);
  const out = synthesize(`${ASSEMBLY}-readme`, EXAMPLE_CONTEXT, program);
  assert.match(fs.readFileSync(path.join(out, 'orders.template.json'), 'utf8'), /"AllowedSecurityGroupIds"/);
});
