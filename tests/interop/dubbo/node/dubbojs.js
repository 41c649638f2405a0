// A client of dubbo2.js or apache-dubbo-js, which share their interface: node dubbojs.js LIBRARY PORT
// Each line is {"method": ..., "arguments": [...]}.
'use strict';

const { answerEach, report } = require('./lines');

const [library, port] = process.argv.slice(2);
const { DirectlyDubbo, java } = require(library);

const service = DirectlyDubbo.from({
  dubboAddress: '127.0.0.1:' + port,
  dubboVersion: '2.0.2',
  dubboInvokeTimeout: 600,
}).proxyService({
  dubboInterface: 'org.example.interop.DemoService',
  version: '1.2.3',
  group: 'blue',
  methods: {
    echo: text => [ java.String(text) ],
    addInt: (left, right) => [ java.int(left), java.int(right) ],
    list: items => [ java.List(items.map(java.String)) ],
    fail: kind => [ java.String(kind) ],
  },
});

report({ ready: true });
answerEach(async ({ method, arguments: values }) => {
  const { err, res } = await service[method](...values);
  if (err) {
    throw err;
  }
  return res;
});
