// A server of sofa-rpc-node, which prints {"listening": PORT} and then each call. Its argument is the serialization.
'use strict';

const path = require('path');
const antpb = require('antpb');
const { RpcServer } = require('sofa-rpc-node').server;
const { answerEach, freePort, logger, report } = require(path.join(process.env.LINES, 'lines.js'));

(async () => {
  const port = await freePort();
  const codecType = process.argv[2];
  const proto = antpb.loadAll(path.join(__dirname, 'proto'));
  const server = new RpcServer({ logger, port, codecType, proto, version: '1.0' });
  server.on('request', ({ req }) => {
    const { methodName: called, serverSignature: service, requestProps } = req.data;
    const headers = Object.fromEntries(Object.entries(requestProps || {}).filter(([ , v ]) => typeof v === 'string'));
    report({ called, service, headers });
  });
  server.addService({ interfaceName: 'org.example.interop.Greeter' }, {
    async echo(text) {
      return text;
    },
    async fail() {
      throw new Error('as asked for');
    },
    async note() {
      return null;
    },
  });
  await server.start();
  report({ listening: port });
  answerEach(() => null);
})();
