// Synthesizes examples/cdk-typescript as a user would, with the package in build/package:
//
//     node scripts/example.js OUT [app=FILE.ts] [vpcId=… serviceName=…]
//
// `app` is another program to synthesize instead of the example. OUT becomes a cloud assembly: NAME.template.json and
// NAME.assets.json for each stack, and the function's zip file. To include the actual function instead of a placeholder, run
// `node scripts/stage.js ZIP` first.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const HERE = path.join(__dirname, '..');
const SOURCE = path.join(HERE, '..', 'examples', 'cdk-typescript', 'app.ts');
const BUILD = path.join(HERE, 'build', 'example');
const EXAMPLE_CONTEXT = {
  vpcId: 'vpc-0123456789abcdef0',
  serviceName: 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0',
};

/** Compiles programs, given as { NAME: TEXT }, in one run of the compiler, which reads the types of the CDK for seconds. */
function compile(programs) {
  const modules = path.join(BUILD, 'node_modules');
  fs.rmSync(BUILD, { recursive: true, force: true });
  fs.mkdirSync(modules, { recursive: true });
  fs.symlinkSync(path.join(HERE, 'build', 'package'), path.join(modules, 'cdk-tidb-private-endpoint'));
  const files = Object.entries(programs).map(([name, text]) => {
    const file = path.join(BUILD, `${name}.ts`);
    fs.writeFileSync(file, text);
    return file;
  });
  execFileSync(process.execPath, [path.join(HERE, 'node_modules', 'typescript', 'bin', 'tsc'), '--strict',
    '--target', 'ES2022', '--module', 'commonjs', ...files], { stdio: 'inherit' });
}

/** Runs a compiled program. Returns `out`. */
function synthesize(name, out, context = EXAMPLE_CONTEXT) {
  fs.rmSync(out, { recursive: true, force: true });
  execFileSync(process.execPath, [path.join(BUILD, `${name}.js`)], {
    stdio: 'inherit',
    env: { ...process.env, CDK_OUTDIR: path.resolve(out), CDK_CONTEXT_JSON: JSON.stringify(context) },
  });
  return out;
}

module.exports = { SOURCE, compile, synthesize };
if (require.main === module) {
  const [out, ...settings] = process.argv.slice(2);
  if (!out) throw new Error('Usage: node scripts/example.js OUT [app=FILE.ts] [vpcId=… serviceName=…]');
  const { app = SOURCE, ...context } = Object.fromEntries(settings.map((one) => one.split(/=(.*)/s, 2)));
  compile({ app: fs.readFileSync(app) });
  synthesize('app', out, { ...EXAMPLE_CONTEXT, ...context });
}
