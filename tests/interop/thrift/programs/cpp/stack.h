// The protocol and transport that a command line asks for, in C++'s thrift.
#pragma once

#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/protocol/THeaderProtocol.h>
#include <thrift/protocol/TJSONProtocol.h>
#include <thrift/transport/TBufferTransports.h>

using namespace apache::thrift;
using namespace apache::thrift::protocol;
using namespace apache::thrift::transport;

// Server and client do not need the same protocol object of THeader, but a server needs one for both ways: this gives
// it to whoever asks with both transports.
class HeaderFactory : public TProtocolFactory {
 public:
  explicit HeaderFactory(uint16_t subprotocol) : subprotocol_(subprotocol) {}

  std::shared_ptr<TProtocol> getProtocol(std::shared_ptr<TTransport> transport) override {
    return std::make_shared<THeaderProtocol>(transport, subprotocol_);
  }

  std::shared_ptr<TProtocol> getProtocol(std::shared_ptr<TTransport> in, std::shared_ptr<TTransport> out) override {
    return std::make_shared<THeaderProtocol>(in, out, subprotocol_);
  }

 private:
  uint16_t subprotocol_;
};

inline std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

struct Stack {
  std::shared_ptr<TTransportFactory> transports;
  std::shared_ptr<TProtocolFactory> protocols;

  Stack(const std::string& protocol, const std::string& transport, bool strict) {
    if (transport == "framed") {
      transports = std::make_shared<TFramedTransportFactory>();
    } else {
      transports = std::make_shared<TBufferedTransportFactory>();
    }
    if (transport == "header") {
      protocols = std::make_shared<HeaderFactory>(protocol == "binary" ? T_BINARY_PROTOCOL : T_COMPACT_PROTOCOL);
    } else if (protocol == "binary") {
      protocols = std::make_shared<TBinaryProtocolFactory>(0, 0, strict, strict);
    } else if (protocol == "compact") {
      protocols = std::make_shared<TCompactProtocolFactory>();
    } else {
      protocols = std::make_shared<TJSONProtocolFactory>();
    }
  }
};
