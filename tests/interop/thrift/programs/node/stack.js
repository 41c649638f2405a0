// The protocol and transport that a command line asks for, in npm's thrift.
"use strict";

const util = require("util");
const thrift = require("thrift");

const PROTOCOLS = {
  binary: thrift.TBinaryProtocol,
  compact: thrift.TCompactProtocol,
  json: thrift.TJSONProtocol,
};

// The library calls a protocol as a function where it makes a subclass of it, so this cannot be a class.
function subclass(Protocol, options, tell) {
  const strict = Protocol === thrift.TBinaryProtocol ? [!options.includes("nonstrict"), !options.includes("nonstrict")] : [];
  function Telling(trans) {
    Protocol.call(this, trans, ...strict);
  }
  util.inherits(Telling, Protocol);
  Telling.prototype.writeMessageBegin = function (name, type, seqid) {
    tell("sent", name, type, seqid);
    return Protocol.prototype.writeMessageBegin.call(this, name, type, seqid);
  };
  // A message of which a part is missing is begun again when there is more, so it is told when it ends. The name of
  // one without a version comes as a buffer.
  Telling.prototype.readMessageBegin = function () {
    this.begun = Protocol.prototype.readMessageBegin.call(this);
    return this.begun;
  };
  Telling.prototype.readMessageEnd = function () {
    tell("received", String(this.begun.fname), this.begun.mtype, this.begun.rseqid);
    return Protocol.prototype.readMessageEnd.call(this);
  };
  return Telling;
}

// What createServer and createConnection take.
exports.stack = function (protocol, transport, options, tell) {
  if (transport === "header") {
    // The library compares the class to answer with the same protocol object; the subprotocol is the client's.
    return { transport: thrift.TBufferedTransport, protocol: thrift.THeaderProtocol };
  }
  return {
    transport: transport === "framed" ? thrift.TFramedTransport : thrift.TBufferedTransport,
    protocol: subclass(PROTOCOLS[protocol], options, tell),
  };
};
