// What the programs share: a command in JSON from each line of standard input, a report in JSON to standard output.
'use strict';

const net = require('net');
const readline = require('readline');

// Standard output is for reports; the libraries may say what they like elsewhere.
const write = process.stdout.write.bind(process.stdout);
console.log = console.info = console.debug = console.error;

exports.report = object => write(JSON.stringify(object) + '\n');

exports.logger = { info() {}, debug() {}, warn: console.error, error: console.error };

// Runs one command after the other, and ends with the input.
exports.answerEach = async answer => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      exports.report({ value: await answer(JSON.parse(line)) });
    } catch (error) {
      exports.report({ error: String(error.message || error) });
    }
  }
  process.exit(0);
};

exports.freePort = () => new Promise(resolve => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
