// A client of @tars/rpc. A command is an object: {"port", "method", "text", "headers"}, "version" (1, 2 or 3) and
// "oneway".
'use strict';

const path = require('path');
const { client } = require('@tars/rpc');
const Stream = require('@tars/stream');
const { answerEach, report } = require(path.join(process.env.LINES, 'lines.js'));

class Greeter {
  call(command) {
    const version = command.version || 1;
    let buffer;
    if (version === 1) {
      const out = new Stream.TarsOutputStream();
      out.writeString(1, command.text);
      buffer = out.getBinBuffer();
    } else {
      const attributes = new Stream.UniAttribute();
      attributes.tupVersion = version;
      attributes.writeString('text', command.text);
      buffer = attributes.encode();
    }
    const property = { context: command.headers || {}, packetType: command.oneway ? 1 : 0, iVersion: version };
    return this._worker.tars_invoke(command.method, buffer, property);
  }
}

const proxies = new Map();
report({ ready: true });
answerEach(async command => {
  const key = `${command.port} ${command.version || 1}`;
  if (!proxies.has(key)) {
    const address = `Demo.Greeter.GreeterObj@tcp -h 127.0.0.1 -p ${command.port} -t 60000`;
    const proxy = client.stringToProxy(Greeter, address);
    proxy._worker.version = command.version || 1;
    proxies.set(key, proxy);
  }
  let data;
  try {
    data = await proxies.get(key).call(command);
  } catch (problem) {
    throw new Error(JSON.stringify((problem.response || {}).error || problem.error || String(problem)));
  }
  if (command.oneway || command.method !== 'echo') return '';
  const response = data.response;
  if (response.tup) return response.tup.readString('');
  return new Stream.TarsInputStream(response.sBuffer).readString(0, true);
});
