'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const HERE = path.join(__dirname, '..');
const assembly = JSON.parse(fs.readFileSync(path.join(HERE, '.jsii'), 'utf8'));

test('all public members have doc comments', () => {
  const silent = [];
  const see = (where, item) => { if (!item.docs?.summary) silent.push(where); };
  for (const type of Object.values(assembly.types)) {
    see(type.name, type);
    for (const kind of ['properties', 'methods', 'members']) {
      for (const item of type[kind] ?? []) {
        see(`${type.name}.${item.name}`, item);
        for (const parameter of item.parameters ?? []) see(`${type.name}.${item.name}(${parameter.name})`, parameter);
      }
    }
    for (const parameter of type.initializer?.parameters ?? []) see(`${type.name}(${parameter.name})`, parameter);
    if (type.datatype) {
      for (const item of type.properties) if (item.optional && !item.docs.default) silent.push(`${item.name}: @default`);
    }
  }
  assert.deepEqual(silent, []);
});

test('API.md matches the doc comments', () => {
  const { reference } = require('../scripts/api.js');
  assert.ok(reference().includes('## PrivateEndpoint'));
  assert.equal(fs.readFileSync(path.join(HERE, 'API.md'), 'utf8'), reference(), 'run `npm run docs`');
});

test('the package is private as long as it has no addresses to publish to', () => {
  const { private: isPrivate, repository, jsii } = JSON.parse(fs.readFileSync(path.join(HERE, 'package.json'), 'utf8'));
  const { java, go } = jsii.targets;
  const hosts = [new URL(repository.url).hostname, java.maven.groupId.split('.').reverse().join('.'), go.moduleName.split('/')[0]];
  assert.deepEqual(hosts.map((host) => host.endsWith('.invalid')), hosts.map(() => isPrivate === true));
});

test('the documents have no links out of the package, where npm and PyPI could not follow them', () => {
  for (const file of ['README.md', 'API.md']) {
    const links = [...fs.readFileSync(path.join(HERE, file), 'utf8').matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
    assert.ok(links.length > 3, file);
    assert.deepEqual(links.filter((target) => !/^(#|https:)/.test(target)), [], file);
  }
});

test('the examples and the Python tests use the same version of the CDK', () => {
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(HERE, '..', 'examples', 'cdk-typescript', 'package.json'), 'utf8'));
  for (const file of ['../examples/cdk-python/requirements.txt', 'test/python/requirements.txt']) {
    const text = fs.readFileSync(path.join(HERE, file), 'utf8');
    for (const name of ['aws-cdk-lib', 'constructs']) {
      assert.ok(text.split('\n').includes(`${name}==${dependencies[name]}`), `${file}: ${name} ${dependencies[name]}`);
    }
  }
});

test('the package contains no paths of the machine that built it', () => {
  for (const file of ['.jsii', 'API.md', ...fs.readdirSync(path.join(HERE, 'lib')).map((name) => `lib/${name}`)]) {
    assert.ok(!fs.readFileSync(path.join(HERE, file), 'utf8').includes(HERE), file);
  }
});
