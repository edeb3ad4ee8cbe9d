// Writes API.md from the doc comments in the jsii assembly.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const HERE = path.join(__dirname, '..');
const TARGET = path.join(HERE, 'API.md');
const assembly = JSON.parse(fs.readFileSync(path.join(HERE, '.jsii'), 'utf8'));
const own = Object.values(assembly.types);

const byName = (a, b) => (a.name < b.name ? -1 : 1);
const oneLine = (text) => text.replace(/\s*\n\s*/g, ' ').replace(/\|/g, '\\|');
const text = (docs = {}) => [docs.summary, docs.remarks].filter(Boolean).join('\n\n');
const link = (name) => `[\`${name}\`](#${name.toLowerCase()})`;

/** Types of this package become links. `aws-cdk-lib.aws_ec2.IVpc` is written `ec2.IVpc`, as in code. */
function type(ref) {
  if (!ref) return '`void`';
  if (ref.primitive) return `\`${ref.primitive}\``;
  if (ref.collection) {
    const inner = type(ref.collection.elementtype);
    return ref.collection.kind === 'array' ? `list of ${inner}` : `map of ${inner}`;
  }
  if (ref.union) return ref.union.types.map(type).join(' or ');
  const [, ...rest] = ref.fqn.split('.');
  if (ref.fqn.startsWith(`${assembly.name}.`)) return link(rest.join('.'));
  return `\`${rest.join('.').replace(/^aws_/, '')}\``;
}

const signature = (name, parameters = []) =>
  `${name}(${parameters.map((one) => `${one.name}${one.optional ? '?' : ''}`).join(', ')})`;

function table(columns, rows) {
  return rows.length === 0 ? [] : ['', `| ${columns.join(' | ')} |`, `|${columns.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`)];
}

function parameters(list = []) {
  return table(['parameter', 'type', 'description'], list.map((one) => [
    `\`${one.name}\`${one.optional ? '' : ' (required)'}`, type(one.type), oneLine(text(one.docs))]));
}

function struct(one) {
  return table(['property', 'type', 'default', 'description'], one.properties.map((property) => [
    `\`${property.name}\`${property.optional ? '' : ' (required)'}`, type(property.type),
    property.docs?.default ? oneLine(property.docs.default.replace(/^- /, '')) : '', oneLine(text(property.docs))]));
}

function members(one) {
  const properties = [...one.properties ?? []].filter((property) => !property.static);
  return [
    ...one.initializer ? ['', `\`new ${signature(one.name, one.initializer.parameters)}\``,
      ...parameters(one.initializer.parameters)] : [],
    ...[...one.methods ?? []].sort(byName).flatMap((method) => [
      '', `### ${signature(`${method.static ? `${one.name}.` : ''}${method.name}`, method.parameters)}`,
      '', `${text(method.docs)}`, '', `Returns ${type(method.returns?.type)}.`, ...parameters(method.parameters)]),
    ...table(['property', 'type', 'description'], properties.map((property) => [
      `\`${property.name}\``, type(property.type), oneLine(text(property.docs))])),
  ];
}

const enumeration = (one) => table(['member', 'description'], one.members.map((member) => [
  `\`${member.name}\``, oneLine(text(member.docs))]));

const render = (one) => (one.kind === 'enum' ? enumeration(one) : one.datatype ? struct(one) : members(one));

const groups = [
  ['Constructs', own.filter((one) => one.kind === 'class')],
  ['Structs', own.filter((one) => one.datatype)],
  ['Interfaces', own.filter((one) => one.kind === 'interface' && !one.datatype)],
  ['Enums', own.filter((one) => one.kind === 'enum')],
];

const reference = () => [
  `# API reference of ${assembly.name}`, '',
  'Generated from the doc comments in src/ by `npm run docs`. Names are those of TypeScript. In Python, the names of',
  'properties and methods are in snake case: `vpcEndpointId` becomes `vpc_endpoint_id`.',
  ...groups.flatMap(([title, types]) => ['', `**${title}:** ${types.sort(byName).map((one) => link(one.name)).join(', ')}`]),
  ...groups.flatMap(([, types]) => types.sort(byName).flatMap((one) => [
    '', `## ${one.name}`, '', text(one.docs), ...render(one)])),
  '',
].join('\n');

module.exports = { reference };
if (require.main === module) fs.writeFileSync(TARGET, reference());
