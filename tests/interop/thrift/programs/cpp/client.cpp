// A client of C++'s thrift: client PORT PROTOCOL TRANSPORT OPTIONS CALL...
// It prints a JSON object a line: a message that its library wrote or read, or what came of a call.
#include <algorithm>
#include <functional>
#include <iostream>

#include <thrift/TApplicationException.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/protocol/TProtocolDecorator.h>
#include <thrift/transport/TSocket.h>

#include "gen-cpp/Library.h"
#include "gen-cpp/Museum.h"
#include "gen-cpp/peers_constants.h"
#include "stack.h"

using namespace peers;

// Texts are UTF-8 and JSON takes that as it is.
static std::string json(const std::string& text) {
  std::string quoted = "\"";
  for (unsigned char octet : text) {
    char escaped[8];
    snprintf(escaped, sizeof escaped, "\\u%04x", octet);
    quoted += octet < ' ' || octet == '"' || octet == '\\' ? std::string(escaped) : std::string(1, octet);
  }
  return quoted + '"';
}

static std::string json(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ",") + json(text);
  return "[" + list + "]";
}

static std::string json(const std::map<std::string, std::string>& texts) {
  std::string object;
  for (const auto& [key, value] : texts) object += (object.empty() ? "" : ",") + json(key) + ":" + json(value);
  return "{" + object + "}";
}

static std::string json(bool value) { return value ? "true" : "false"; }

static void tell(const char* way, const std::string& name, TMessageType type, int32_t seqid) {
  std::cout << "{\"message\":\"" << way << "\",\"method\":" << json(name) << ",\"type\":" << type
            << ",\"seqid\":" << seqid << "}" << std::endl;
}

class Telling : public TProtocolDecorator {
 public:
  explicit Telling(std::shared_ptr<TProtocol> inner) : TProtocolDecorator(inner) {}

  uint32_t writeMessageBegin_virt(const std::string& name, const TMessageType type, const int32_t seqid) override {
    tell("sent", name, type, seqid);
    return TProtocolDecorator::writeMessageBegin_virt(name, type, seqid);
  }

  uint32_t readMessageBegin_virt(std::string& name, TMessageType& type, int32_t& seqid) override {
    const uint32_t size = TProtocolDecorator::readMessageBegin_virt(name, type, seqid);
    tell("received", name, type, seqid);
    return size;
  }
};

// What came of a call, as the members of a JSON object.
static std::string outcome(const std::function<std::string()>& call) {
  try {
    return "\"outcome\":\"ok\",\"result\":" + call();
  } catch (const Refused& refused) {
    return "\"outcome\":\"Refused\",\"result\":[" + std::to_string(refused.code) + "," + json(refused.reason) + "," +
           json(refused.trace) + "]";
  } catch (const TApplicationException& error) {
    return "\"outcome\":\"TApplicationException\",\"type\":" + std::to_string(error.getType()) +
           ",\"text\":" + json(std::string(error.what()));
  }
}

int main(int count, char** arguments) {
  const auto options = split(arguments[4]);
  const auto has = [&](const char* name) { return std::count(options.begin(), options.end(), name) > 0; };
  Stack stack(arguments[2], arguments[3], !has("nonstrict"));
  auto transport = stack.transports->getTransport(std::make_shared<TSocket>("127.0.0.1", std::stoi(arguments[1])));
  auto inner = stack.protocols->getProtocol(transport);
  auto header = dynamic_cast<THeaderProtocol*>(inner.get());
  std::shared_ptr<TProtocol> telling = std::make_shared<Telling>(inner);
  const auto named = [&](const char* service) { return std::make_shared<TMultiplexedProtocol>(telling, service); };
  LibraryClient library(has("multiplexed") ? named("Library") : telling);
  MuseumClient museum(named("Museum"));

  Everything everything = g_peers_constants.EVERYTHING;
  for (int octet = 0; octet < 256; octet++) everything.raw += static_cast<char>(octet);
  everything.__isset.raw = true;
  std::string data;
  for (int index = 0; index < 100000; index++) data += static_cast<char>(index * 7);
  const std::map<std::string, std::map<std::string, std::vector<int64_t>>> nested = {
      {"outer", {{"inner", {1, 300, -9007199254740991}}, {"more", {7}}}}, {"other", {{"only", {0}}}}};
  const std::string& text = g_peers_constants.TEXT;

  const auto text_of = [&](auto& client, auto method, const std::string& argument) {
    std::string result;
    (client.*method)(result, argument);
    return result;
  };
  const std::map<std::string, std::function<std::string()>> made = {
      {"ping", [&] { return library.ping(), "null"; }},
      {"greet", [&] { return json(text_of(library, &LibraryClient::greet, text)); }},
      {"museum", [&] { return json(text_of(museum, &MuseumClient::greet, text)); }},
      {"mirror", [&] {
         Everything result;
         library.mirror(result, everything);
         return json(result == everything);
       }},
      {"reverse", [&] {
         return json(text_of(library, &LibraryClient::reverse, data) == std::string(data.rbegin(), data.rend()));
       }},
      {"nested", [&] {
         auto result = nested;
         library.nested(result, nested, "");
         return json(result == nested);
       }},
      {"refuse", [&] { return library.refuse(42), "null"; }},
      {"fail", [&] { return json(text_of(library, &LibraryClient::fail, "by request")); }},
      {"notify", [&] { return library.notify(text), "null"; }},
      {"notifications", [&] {
         std::vector<std::string> told;
         library.notifications(told);
         return json(told);
       }},
      {"headers", [&] {
         if (header) header->setHeader("client", "cpp");
         std::map<std::string, std::string> headers;
         library.headers(headers);
         return json(headers);
       }}};

  transport->open();
  for (int index = 5; index < count; index++) {
    const std::string name = arguments[index];
    const std::string came = outcome(made.at(name));
    std::cout << "{\"call\":" << json(name) << "," << came;
    if (header) std::cout << ",\"headers\":" << json(header->getHeaders());
    std::cout << "}" << std::endl;
  }
  transport->close();
}
