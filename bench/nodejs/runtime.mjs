// The runtime of the Node.js peer. Installing AWS's runtime interface client requires CMake and a C++ compiler. This
// replacement does less work, which favors the peer.

import http from 'node:http';

const { default: { handler } } = await import(`${process.env.LAMBDA_TASK_ROOT}/function.cjs`);
const agent = new http.Agent({ keepAlive: true });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = http.request({ agent, host, port, method, path: `/2018-06-01/runtime/invocation/${path}`, headers });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.end(body);
  });
}

for (;;) {
  const { headers, body } = await call('GET', 'next');
  const id = headers['lambda-runtime-aws-request-id'];
  try {
    await call('POST', `${id}/response`, JSON.stringify(await handler(JSON.parse(body)) ?? null));
  } catch (error) {
    await call('POST', `${id}/error`, JSON.stringify({ errorMessage: String(error), errorType: error.name }));
  }
}
