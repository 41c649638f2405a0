// A server of C++'s thrift: server PROTOCOL TRANSPORT OPTIONS. It ends when its standard input does.
#include <algorithm>
#include <iostream>
#include <mutex>
#include <thread>

#include <unistd.h>

#include <thrift/processor/TMultiplexedProcessor.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TServerSocket.h>

#include "gen-cpp/Library.h"
#include "gen-cpp/Museum.h"
#include "stack.h"

using namespace peers;

static thread_local TProtocol* reading = nullptr;  // the protocol of the call that is being answered

class LibraryHandler : public LibraryIf {
 public:
  void ping() override {}
  void greet(std::string& result, const std::string& name) override { result = "greet: " + name; }
  void salute(std::string& result, const std::string& name) override { result = "salute: " + name; }
  void mirror(Everything& result, const Everything& value) override { result = value; }
  void reverse(std::string& result, const std::string& data) override { result.assign(data.rbegin(), data.rend()); }

  using Nested = std::map<std::string, std::map<std::string, std::vector<int64_t>>>;
  void nested(Nested& result, const Nested& value, const std::string&) override { result = value; }

  void refuse(const int32_t code) override {
    Refused refused;
    refused.code = code;
    refused.reason = "refused by request";
    refused.__set_trace({"here", "there"});
    throw refused;
  }

  void fail(std::string&, const std::string& reason) override { throw std::runtime_error(reason); }

  void notify(const std::string& text) override {
    std::lock_guard<std::mutex> guard(lock_);
    notifications_.push_back(text);
  }

  void notifications(std::vector<std::string>& told) override {
    std::lock_guard<std::mutex> guard(lock_);
    told.swap(notifications_);
  }

  void headers(std::map<std::string, std::string>& result) override {
    if (auto header = dynamic_cast<THeaderProtocol*>(reading)) result = header->getHeaders();
  }

 private:
  std::mutex lock_;
  std::vector<std::string> notifications_;
};

class MuseumHandler : public MuseumIf {
 public:
  void ping() override {}
  void greet(std::string& result, const std::string& name) override { result = "museum: " + name; }
};

// Keeps at hand what the handler is not told: the protocol of its call, which knows THeader's headers.
class RemembersProtocol : public TProcessor {
 public:
  explicit RemembersProtocol(std::shared_ptr<TProcessor> inner) : inner_(inner) {}

  bool process(std::shared_ptr<TProtocol> in, std::shared_ptr<TProtocol> out, void* context) override {
    reading = in.get();
    return inner_->process(in, out, context);
  }

 private:
  std::shared_ptr<TProcessor> inner_;
};

class Announces : public server::TServerEventHandler {
 public:
  explicit Announces(std::shared_ptr<TServerSocket> socket) : socket_(socket) {}
  void preServe() override { std::cout << "{\"listening\":" << socket_->getPort() << "}" << std::endl; }

 private:
  std::shared_ptr<TServerSocket> socket_;
};

int main(int, char** arguments) {
  std::thread([] {
    while (std::cin.get() != EOF) {
    }
    _exit(0);
  }).detach();
  const auto options = split(arguments[3]);
  const auto has = [&](const char* name) { return std::count(options.begin(), options.end(), name) > 0; };
  Stack stack(arguments[1], arguments[2], !has("nonstrict"));
  std::shared_ptr<TProcessor> processor = std::make_shared<LibraryProcessor>(std::make_shared<LibraryHandler>());
  if (has("multiplexed")) {
    auto both = std::make_shared<TMultiplexedProcessor>();
    both->registerProcessor("Library", processor);
    both->registerProcessor("Museum", std::make_shared<MuseumProcessor>(std::make_shared<MuseumHandler>()));
    processor = both;
  }
  auto socket = std::make_shared<TServerSocket>("127.0.0.1", 0);
  server::TThreadedServer server(
      std::make_shared<RemembersProtocol>(processor), socket, stack.transports, stack.protocols);
  server.setServerEventHandler(std::make_shared<Announces>(socket));
  server.serve();
}
