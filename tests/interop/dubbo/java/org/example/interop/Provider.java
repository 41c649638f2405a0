package org.example.interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;

/**
 * Offers {@link DemoService} on a port for each serialization that the arguments name, four times: in no group and in
 * group "blue", each without a version and as version "1.2.3". Prints {"listening": {serialization: port}} when it is
 * ready, and then a line for each call. It repeats what it reads from its standard input as {"mark": line}, and halts at
 * the end of it; SIGTERM is the graceful shutdown of Dubbo. The property interop.heartbeat is its interval of heartbeats
 * in milliseconds.
 */
public final class Provider {
    private Provider() {}

    public static void main(String[] serializations) throws Exception {
        PrintStream report = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        System.setOut(System.err);
        ApplicationConfig application = Settings.application("interop-provider");
        Map<String, Object> ports = new LinkedHashMap<>();
        for (String serialization : serializations) {
            ProtocolConfig protocol = new ProtocolConfig("dubbo", freePort());
            protocol.setSerialization(serialization);
            protocol.setHeartbeat(Integer.getInteger("interop.heartbeat"));
            for (String group : new String[] {null, "blue"}) {
                for (String version : new String[] {null, "1.2.3"}) {
                    export(application, protocol, new DemoServiceImplementation(report, group, version), group, version);
                }
            }
            ports.put(serialization, protocol.getPort());
        }
        report.println(Json.object("listening", ports));
        BufferedReader marks = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String mark = marks.readLine(); mark != null; mark = marks.readLine()) {
            report.println(Json.object("mark", mark));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void export(
            ApplicationConfig application, ProtocolConfig protocol, DemoService service, String group, String version) {
        ServiceConfig<DemoService> config = new ServiceConfig<>();
        config.setApplication(application);
        config.setProtocol(protocol);
        config.setInterface(DemoService.class);
        config.setRef(service);
        config.setGroup(group);
        config.setVersion(version);
        config.export();
    }

    private static int freePort() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
