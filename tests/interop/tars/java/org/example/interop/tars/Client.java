package org.example.interop.tars;

import com.google.gson.Gson;
import com.qq.tars.client.Communicator;
import com.qq.tars.client.CommunicatorConfig;
import com.qq.tars.client.CommunicatorFactory;
import com.qq.tars.protocol.annotation.Servant;
import com.qq.tars.protocol.tars.annotation.TarsContext;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** A client of Tars for Java. A command is an object: {"port", "method", "text", "headers"}; each gets an outcome. */
public final class Client {
    private static final Gson GSON = new Gson();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final Map<Integer, Greeter> PROXIES = new HashMap<>();

    /** The servant. */
    @Servant
    public interface Greeter {
        String echo(String text, @TarsContext Map<String, String> context);

        String missing(String text, @TarsContext Map<String, String> context);
    }

    public static void main(String[] arguments) throws Exception {
        System.setOut(System.err);
        CommunicatorConfig config = new CommunicatorConfig();
        config.setModuleName("Demo.Client").setSyncInvokeTimeout(20_000).setConnections(1);
        Communicator communicator = CommunicatorFactory.getInstance().getCommunicator(config);
        OUT.println("{\"ready\": true}");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Command command = GSON.fromJson(line, Command.class);
            Map<String, Object> outcome = new LinkedHashMap<>();
            try {
                Greeter greeter = PROXIES.computeIfAbsent(command.port, port -> communicator.stringToProxy(
                    Greeter.class, "Demo.Greeter.GreeterObj@tcp -h 127.0.0.1 -p " + port + " -t 60000"));
                outcome.put("value", command.method.equals("echo")
                    ? greeter.echo(command.text, command.headers)
                    : greeter.missing(command.text, command.headers));
            } catch (Throwable problem) {
                outcome.put("exception", problem.getClass().getName());
                outcome.put("message", String.valueOf(problem.getMessage()));
            }
            OUT.println(GSON.toJson(outcome));
        }
        System.exit(0);
    }

    private static final class Command {
        int port;
        String method;
        String text;
        Map<String, String> headers = Collections.emptyMap();
    }
}
