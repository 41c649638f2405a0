import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMultiplexedProtocol;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TProtocolDecorator;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;
import peers.Everything;
import peers.Library;
import peers.Museum;
import peers.Refused;
import peers.peersConstants;

/**
 * A client of Java's thrift: Client PORT PROTOCOL TRANSPORT OPTIONS CALL...
 *
 * <p>It prints a JSON object a line: a message that its library wrote or read, or what came of a call.
 */
final class Client {
    private static final class Telling extends TProtocolDecorator {
        private final TProtocol inner;

        Telling(TProtocol inner) {
            super(inner);
            this.inner = inner;
        }

        @Override
        public void writeMessageBegin(TMessage message) throws TException {
            tell("sent", message);
            inner.writeMessageBegin(message);
        }

        @Override
        public TMessage readMessageBegin() throws TException {
            TMessage message = inner.readMessageBegin();
            tell("received", message);
            return message;
        }

        private static void tell(String way, TMessage message) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("message", way);
            line.put("method", message.name);
            line.put("type", (int) message.type);
            line.put("seqid", message.seqid);
            System.out.println(Json.of(line));
        }
    }

    @FunctionalInterface
    private interface Call {
        Object make() throws TException;
    }

    private static Map<String, Object> outcome(Call call) throws TException {
        Map<String, Object> line = new LinkedHashMap<>();
        try {
            Object result = call.make();
            line.put("outcome", "ok");
            line.put("result", result);
        } catch (Refused refused) {
            line.put("outcome", "Refused");
            line.put("result", List.of(refused.code, refused.reason, refused.trace));
        } catch (TApplicationException error) {
            line.put("outcome", "TApplicationException");
            line.put("type", error.getType());
            line.put("text", error.getMessage());
        }
        return line;
    }

    public static void main(String[] arguments) throws Exception {
        List<String> options = List.of(arguments[3].split(","));
        Stack stack = Stack.of(arguments[1], arguments[2], options);
        TTransport transport =
                stack.transports().getTransport(new TSocket("127.0.0.1", Integer.parseInt(arguments[0])));
        TProtocol protocol = new Telling(stack.protocols().getProtocol(transport));
        boolean multiplexed = options.contains("multiplexed");
        Library.Client library =
                new Library.Client(multiplexed ? new TMultiplexedProtocol(protocol, "Library") : protocol);
        Museum.Client museum = new Museum.Client(new TMultiplexedProtocol(protocol, "Museum"));

        byte[] octets = new byte[256];
        for (int index = 0; index < octets.length; index++) {
            octets[index] = (byte) index;
        }
        Everything everything = peersConstants.EVERYTHING.setRaw(octets);
        byte[] data = new byte[100_000];
        byte[] reversed = new byte[data.length];
        for (int index = 0; index < data.length; index++) {
            data[index] = reversed[data.length - 1 - index] = (byte) (index * 7);
        }
        Map<String, Map<String, List<Long>>> nested = Map.of(
                "outer", Map.of("inner", List.of(1L, 300L, -9007199254740991L), "more", List.of(7L)),
                "other", Map.of("only", List.of(0L)));

        Map<String, Call> calls = new HashMap<>();
        calls.put("ping", () -> {
            library.ping();
            return null;
        });
        calls.put("greet", () -> library.greet(peersConstants.TEXT));
        calls.put("museum", () -> museum.greet(peersConstants.TEXT));
        calls.put("mirror", () -> everything.equals(library.mirror(everything)));
        calls.put("reverse", () -> ByteBuffer.wrap(reversed).equals(library.reverse(ByteBuffer.wrap(data))));
        calls.put("nested", () -> nested.equals(library.nested(nested, null)));
        calls.put("refuse", () -> {
            library.refuse(42);
            return null;
        });
        calls.put("fail", () -> library.fail("by request"));
        calls.put("notify", () -> {
            library.notify(peersConstants.TEXT);
            return null;
        });
        calls.put("notifications", library::notifications);
        calls.put("headers", library::headers);

        transport.open();
        for (String name : List.of(arguments).subList(4, arguments.length)) {
            Map<String, Object> line = new LinkedHashMap<>(Collections.singletonMap("call", name));
            line.putAll(outcome(calls.get(name)));
            System.out.println(Json.of(line));
        }
        transport.close();
    }
}
