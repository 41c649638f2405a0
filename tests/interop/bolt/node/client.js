// A client of sofa-bolt-node. A command is an object: {"port", "method", "text", "headers"}, "protocol" ("bolt" or
// "bolt2"), "codec" ("hessian2" or "protobuf"), "version" and "crc"; the method "heartbeat" sends one, "note" is oneway.
'use strict';

const net = require('net');
const path = require('path');
const antpb = require('antpb');
const bolt = require('sofa-bolt-node');
const { answerEach, report } = require(path.join(process.env.LINES, 'lines.js'));

const proto = antpb.loadAll(path.join(__dirname, 'proto'));
const connections = new Map();
let lastId = 0;

function connect(command) {
  const sentReqs = new Map();
  const socket = net.connect(command.port, '127.0.0.1');
  const encoder = bolt.encoder({ sentReqs, proto });
  const decoder = bolt.decoder({ sentReqs, proto });
  encoder.pipe(socket);
  socket.pipe(decoder);
  const waiting = new Map();
  const answer = packet => {
    const { resolve, reject } = waiting.get(packet.packetId) || {};
    if (!resolve) return;
    const data = packet.data || {};
    if (data.error) reject(data.error);
    else if (data.appResponse instanceof Error) reject(data.appResponse);
    else resolve(data.appResponse && data.appResponse.text !== undefined ? data.appResponse.text : data.appResponse);
  };
  decoder.on('response', answer);
  decoder.on('heartbeat_ack', packet => waiting.get(packet.packetId).resolve('heartbeat'));
  const fail = error => { for (const { reject } of waiting.values()) reject(error); };
  decoder.on('error', fail);
  socket.on('close', () => fail(new Error('the connection was closed')));
  return { encoder, sentReqs, waiting };
}

report({ ready: true });
answerEach(command => {
  const key = JSON.stringify([ command.port, command.protocol, command.codec, command.version, command.crc ]);
  if (!connections.has(key)) connections.set(key, connect(command));
  const { encoder, sentReqs, waiting } = connections.get(key);
  encoder.protocolType = command.protocol || 'bolt';
  encoder.codecType = command.codec || 'hessian2';
  encoder.boltVersion = command.version || 1;
  encoder.crcEnable = !!command.crc;
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    if (command.method === 'heartbeat') {
      encoder.writeHeartbeat(id, { clientUrl: 'none' });
      return;
    }
    const oneway = command.method === 'note';
    const req = {
      serverSignature: 'org.example.interop.Greeter:1.0',
      methodName: command.method,
      args: [ command.codec === 'protobuf' ? { text: command.text } : command.text ],
      timeout: 10000,
      requestProps: command.headers || {},
      targetAppName: '',
      oneway,
    };
    sentReqs.set(id, { req });
    encoder.writeRequest(id, req, error => { if (error) reject(error); else if (oneway) resolve(''); });
  });
});
