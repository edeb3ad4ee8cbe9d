// Lays out the package in build/package as a user gets it, with the given zip as its function. The tests take a
// placeholder, so that they need no build of the function; `npm run package` takes the function.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const HERE = path.join(__dirname, '..');
const PLACEHOLDER = path.join(HERE, 'test', 'placeholder.zip');
const PARTS = ['package.json', '.jsii', 'README.md', 'API.md', 'LICENSE', 'lib'];

/** The folder that was laid out. */
function stage(zip = PLACEHOLDER, target = path.join(HERE, 'build', 'package')) {
  if (!fs.existsSync(zip)) throw new Error(`${zip} is missing; \`make package\` builds the function`);
  fs.rmSync(target, { recursive: true, force: true });
  for (const part of PARTS) fs.cpSync(path.join(HERE, part), path.join(target, part), { recursive: true });
  fs.mkdirSync(path.join(target, 'assets'));
  fs.copyFileSync(zip, path.join(target, 'assets', 'tidb-private-endpoint.zip'));
  return target;
}

module.exports = { stage };
if (require.main === module) console.log(stage(process.argv[2]));
