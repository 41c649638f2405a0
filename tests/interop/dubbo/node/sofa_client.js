// A client of sofa-rpc-node with dubbo-remoting: node sofa_client.js PORT
// Each line is {"method": ..., "arguments": [...]}.
'use strict';

const { RpcClient } = require('sofa-rpc-node').client;
const protocol = require('dubbo-remoting');
const { answerEach, logger, report } = require('./lines');

const [port] = process.argv.slice(2);

// What Java needs to know of each argument.
const TYPES = {
  echo: [ 'java.lang.String' ],
  addInt: [ 'int', 'int' ],
  list: [ 'java.util.List' ],
  fail: [ 'java.lang.String' ],
};

(async () => {
  const consumer = new RpcClient({ logger, protocol }).createConsumer({
    interfaceName: 'org.example.interop.DemoService',
    version: '1.2.3',
    group: 'blue',
    serverHost: '127.0.0.1:' + port,
    connectionOpts: { protocol }, // without it the client speaks another protocol
  });
  await consumer.ready();
  report({ ready: true });
  answerEach(({ method, arguments: values }) => consumer.invoke(
    method,
    values.map((value, index) => ({ $class: TYPES[method][index], $: value })),
    { responseTimeout: 600000 }
  ));
})();
