// Creates the package in build/package as users install it, with the given zip file as its function. The tests use a
// placeholder, so that they do not require a build of the function. `npm run package` uses the actual function.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const HERE = path.join(__dirname, '..');
const PLACEHOLDER = path.join(HERE, 'test', 'placeholder.zip');
const PARTS = ['package.json', '.jsii', 'README.md', 'API.md', 'LICENSE', 'lib'];

/** Returns the folder that was created. */
function stage(zip = PLACEHOLDER, target = path.join(HERE, 'build', 'package')) {
  if (!fs.existsSync(zip)) throw new Error(`${zip} does not exist. To build the function, run \`make package\`.`);
  fs.rmSync(target, { recursive: true, force: true });
  for (const part of PARTS) fs.cpSync(path.join(HERE, part), path.join(target, part), { recursive: true });
  fs.mkdirSync(path.join(target, 'assets'));
  fs.copyFileSync(zip, path.join(target, 'assets', 'tidb-private-endpoint.zip'));
  return target;
}

module.exports = { stage };
if (require.main === module) console.log(stage(process.argv[2]));
