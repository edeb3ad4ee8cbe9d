// Synthesizes examples/cdk-typescript as a user would, with the package in build/package:
//
//     node scripts/example.js OUT [app=FILE.ts] [vpcId=… serviceName=…]
//
// `app` is another program to synthesize instead of the example. OUT becomes a cloud assembly: NAME.template.json and NAME.assets.json for each stack, and the function's zip file. To
// include the actual function instead of a placeholder, run `node scripts/stage.js ZIP` first.
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

/** Compiles and runs a program, by default the example. Returns `out`. */
function synthesize(out, context = EXAMPLE_CONTEXT, text = fs.readFileSync(SOURCE)) {
  const modules = path.join(BUILD, 'node_modules');
  const program = path.join(BUILD, 'app.js');
  fs.rmSync(BUILD, { recursive: true, force: true });
  fs.mkdirSync(modules, { recursive: true });
  fs.symlinkSync(path.join(HERE, 'build', 'package'), path.join(modules, 'cdk-tidb-private-endpoint'));
  fs.writeFileSync(path.join(BUILD, 'app.ts'), text);
  execFileSync(process.execPath, [path.join(HERE, 'node_modules', 'typescript', 'bin', 'tsc'), '--strict',
    '--target', 'ES2022', '--module', 'commonjs', path.join(BUILD, 'app.ts')], { stdio: 'inherit' });
  fs.rmSync(out, { recursive: true, force: true });
  execFileSync(process.execPath, [program], {
    stdio: 'inherit',
    env: { ...process.env, CDK_OUTDIR: path.resolve(out), CDK_CONTEXT_JSON: JSON.stringify(context) },
  });
  return out;
}

module.exports = { synthesize, EXAMPLE_CONTEXT };
if (require.main === module) {
  const [out, ...settings] = process.argv.slice(2);
  if (!out) throw new Error('Usage: node scripts/example.js OUT [app=FILE.ts] [vpcId=… serviceName=…]');
  const { app = SOURCE, ...context } = Object.fromEntries(settings.map((one) => one.split(/=(.*)/s, 2)));
  synthesize(out, { ...EXAMPLE_CONTEXT, ...context }, fs.readFileSync(app));
}
