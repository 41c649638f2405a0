// A client of npm's thrift: client.js PORT PROTOCOL TRANSPORT OPTIONS CALL...
// It prints a JSON object a line: a message that its library wrote or read, or what came of a call.
"use strict";

const { isDeepStrictEqual } = require("util");
const Int64 = require("node-int64");
const thrift = require("thrift");
const Library = require("./gen-nodejs/Library");
const Museum = require("./gen-nodejs/Museum");
const { EVERYTHING, Refused, TEXT } = require("./gen-nodejs/peers_types");
const { stack } = require("./stack");

const say = (line) => console.log(JSON.stringify(line));
const tell = (message, method, type, seqid) => say({ message, method, type, seqid });

EVERYTHING.raw = Buffer.from([...Array(256).keys()]);
const DATA = Buffer.from(Array.from({ length: 100000 }, (_, index) => (index * 7) & 255));
const NESTED = { outer: { inner: [1, 300, -9007199254740991].map((n) => new Int64(n)), more: [new Int64(7)] }, other: { only: [new Int64(0)] } };
// Integers of 64 bits are objects that keep the buffer they came in; JSON writes them and all else by value.
const same = (left, right) => isDeepStrictEqual(JSON.parse(JSON.stringify(left)), JSON.parse(JSON.stringify(right)));

const [port, protocol, transport, flags, ...calls] = process.argv.slice(2);
const options = flags.split(",");
const connection = thrift.createConnection("127.0.0.1", Number(port), stack(protocol, transport, options, tell));
connection.on("error", (error) => {
  say({ error: String(error) });
  process.exit(1);
});
const multiplexer = new thrift.Multiplexer();
const multiplexed = options.includes("multiplexed");
const library = multiplexed
  ? multiplexer.createClient("Library", Library, connection)
  : thrift.createClient(Library, connection);
const museum = multiplexed && multiplexer.createClient("Museum", Museum, connection);

const made = {
  ping: () => library.ping(),
  greet: () => library.greet(TEXT),
  museum: () => museum.greet(TEXT),
  mirror: async () => same(await library.mirror(EVERYTHING), EVERYTHING),
  reverse: async () => (await library.reverse(DATA)).equals(Buffer.from(DATA).reverse()),
  nested: async () => same(await library.nested(NESTED, null), NESTED),
  refuse: () => library.refuse(42),
  fail: () => library.fail("by request"),
  notify: () => library.notify(TEXT), // a promise that is never kept: nothing answers
  notifications: () => library.notifications(),
  headers: () => library.headers(),
  pipeline: () => Promise.all(["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => library.greet(name))),
};

async function outcome(call) {
  try {
    const result = call === "notify" ? void made.notify() : await made[call]();
    return { outcome: "ok", result: result === undefined ? null : result };
  } catch (error) {
    if (error instanceof Refused) return { outcome: "Refused", result: [error.code, error.reason, error.trace] };
    if (error instanceof thrift.Thrift.TApplicationException)
      return { outcome: "TApplicationException", type: error.type, text: error.message };
    throw error;
  }
}

(async () => {
  for (const call of calls) say({ call, ...(await outcome(call)) });
  connection.end();
})();
