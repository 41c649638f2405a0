// A server of sofa-rpc-node with dubbo-remoting. Prints {"listening": PORT}, and then each call as the provider in
// Java does. It leaves out the kind of result of null and of empty texts, so it is not asked for these.
'use strict';

const { RpcServer } = require('sofa-rpc-node').server;
const protocol = require('dubbo-remoting');
const { answerEach, freePort, logger, report } = require('./lines');

(async () => {
  const port = await freePort();
  const server = new RpcServer({ logger, protocol, port, version: '1.2.3', group: 'blue' });
  server.on('request', ({ req }) => report({ called: req.data.methodName, attachments: req.data.requestProps }));
  server.addService({ interfaceName: 'org.example.interop.DemoService' }, {
    async echo(text) {
      return text;
    },
    async bytes(data) {
      return data;
    },
    async addInt(left, right) {
      return left + right;
    },
    async fail() {
      throw new Error('as asked for');
    },
  });
  await server.start();
  report({ listening: port });
  answerEach(() => null);
})();
