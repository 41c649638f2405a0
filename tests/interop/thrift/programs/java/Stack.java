import java.util.List;
import java.util.Map;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TJSONProtocol;
import org.apache.thrift.protocol.TProtocolFactory;
import org.apache.thrift.transport.TTransportFactory;
import org.apache.thrift.transport.layered.TFramedTransport;

/** The protocol and transport that a command line asks for, in Java's thrift. */
record Stack(TTransportFactory transports, TProtocolFactory protocols) {
    static Stack of(String protocol, String transport, List<String> options) {
        boolean strict = !options.contains("nonstrict");
        return new Stack(
                // A plain transport is a socket's, which is buffered by itself.
                Map.of("buffered", new TTransportFactory(), "framed", new TFramedTransport.Factory()).get(transport),
                Map.of(
                                "binary", new TBinaryProtocol.Factory(strict, strict),
                                "compact", new TCompactProtocol.Factory(),
                                "json", new TJSONProtocol.Factory())
                        .get(protocol));
    }
}
