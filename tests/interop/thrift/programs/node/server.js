// A server of npm's thrift: server.js PROTOCOL TRANSPORT OPTIONS. It ends when its standard input does.
"use strict";

const thrift = require("thrift");
const Library = require("./gen-nodejs/Library");
const Museum = require("./gen-nodejs/Museum");
const { Refused } = require("./gen-nodejs/peers_types");
const { stack } = require("./stack");

const [protocol, transport, flags] = process.argv.slice(2);
const options = flags.split(",");
const notifications = [];
let reading; // the protocol of the call that is being answered

// Answers go to a callback at once. An answer by promise comes when THeaderTransport has begun to read the next message
// and has forgotten that this one had headers.
const library = {
  ping: (reply) => reply(null),
  greet: (name, reply) => reply(null, `greet: ${name}`),
  salute: (name, reply) => reply(null, `salute: ${name}`),
  mirror: (value, reply) => reply(null, value),
  reverse: (data, reply) => reply(null, Buffer.from(data).reverse()),
  nested: (value, tag, reply) => reply(null, value),
  refuse: (code, reply) => reply(new Refused({ code, reason: "refused by request", trace: ["here", "there"] })),
  fail: (reason, reply) => reply(new Error(reason)),
  notify: (text) => {
    notifications.push(text);
  },
  notifications: (reply) => reply(null, notifications.splice(0)),
  headers: (reply) => reply(null, reading.trans.getReadHeaders()),
};

const museum = {
  ping: (reply) => reply(null),
  greet: (name, reply) => reply(null, `museum: ${name}`),
};

class LibraryProcessor extends Library.Processor {
  process(input, output) {
    reading = input;
    return super.process(input, output);
  }
}

let processor = new LibraryProcessor(library);
if (options.includes("multiplexed")) {
  processor = new thrift.MultiplexedProcessor();
  processor.registerProcessor("Library", new LibraryProcessor(library));
  processor.registerProcessor("Museum", new Museum.Processor(museum));
}
const server = thrift.createMultiplexServer(processor, stack(protocol, transport, options, () => undefined));
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ listening: server.address().port })));
process.stdin.on("end", () => process.exit()).resume();
