import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.thrift.TMultiplexedProcessor;
import org.apache.thrift.TProcessor;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TServerSocket;
import peers.Everything;
import peers.Library;
import peers.Museum;
import peers.Refused;

/** A server of Java's thrift: Server PROTOCOL TRANSPORT OPTIONS. It ends when its standard input does. */
final class Server {
    private static final class LibraryHandler implements Library.Iface {
        private List<String> notifications = new ArrayList<>();

        @Override
        public void ping() {}

        @Override
        public String greet(String name) {
            return "greet: " + name;
        }

        @Override
        public String salute(String name) {
            return "salute: " + name;
        }

        @Override
        public Everything mirror(Everything value) {
            return value;
        }

        @Override
        public ByteBuffer reverse(ByteBuffer data) {
            ByteBuffer turned = ByteBuffer.allocate(data.remaining());
            for (int index = data.limit() - 1; index >= data.position(); index--) {
                turned.put(data.get(index));
            }
            return turned.flip();
        }

        @Override
        public Map<String, Map<String, List<Long>>> nested(Map<String, Map<String, List<Long>>> value, String tag) {
            return value;
        }

        @Override
        public void refuse(int code) throws Refused {
            throw new Refused(code, "refused by request").setTrace(List.of("here", "there"));
        }

        @Override
        public String fail(String reason) {
            throw new IllegalStateException(reason);
        }

        @Override
        public synchronized void notify(String text) {
            notifications.add(text);
        }

        @Override
        public synchronized List<String> notifications() {
            List<String> told = notifications;
            notifications = new ArrayList<>();
            return told;
        }

        @Override
        public Map<String, String> headers() {
            return Map.of();
        }
    }

    private static final class MuseumHandler implements Museum.Iface {
        @Override
        public void ping() {}

        @Override
        public String greet(String name) {
            return "museum: " + name;
        }
    }

    private static void endWithStandardInput() {
        try {
            System.in.readAllBytes();
        } catch (IOException ended) {
            // The same.
        }
        System.exit(0);
    }

    public static void main(String[] arguments) throws Exception {
        new Thread(Server::endWithStandardInput).start();
        List<String> options = List.of(arguments[2].split(","));
        Stack stack = Stack.of(arguments[0], arguments[1], options);
        TProcessor processor = new Library.Processor<>(new LibraryHandler());
        if (options.contains("multiplexed")) {
            TMultiplexedProcessor both = new TMultiplexedProcessor();
            both.registerProcessor("Library", processor);
            both.registerProcessor("Museum", new Museum.Processor<>(new MuseumHandler()));
            processor = both;
        }
        TServerSocket socket = new TServerSocket(new InetSocketAddress("127.0.0.1", 0));
        System.out.println(Json.of(Map.of("listening", socket.getServerSocket().getLocalPort())));
        new TThreadPoolServer(new TThreadPoolServer.Args(socket)
                        .processor(processor)
                        .transportFactory(stack.transports())
                        .protocolFactory(stack.protocols()))
                .serve();
    }
}
