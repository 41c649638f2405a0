package org.example.interop;

import com.alipay.remoting.rpc.RpcClient;
import com.alipay.sofa.rpc.codec.bolt.SofaRpcSerializationRegister;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.config.MethodConfig;
import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;
import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.request.SofaRequest;
import com.alipay.sofa.rpc.core.response.SofaResponse;
import com.alipay.sofa.rpc.filter.Filter;
import com.alipay.sofa.rpc.filter.FilterInvoker;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A server of SOFARPC, and clients. Prints {"listening": PORT}, each call that the server gets, and for each command the
 * outcome. A command is an object: {"port", "method", "text", "headers"}, and with "version" SOFA-Bolt's own client
 * calls by protocol 2 in that version, otherwise SOFARPC's by protocol 1.
 */
public final class Peer {
    private static final Gson GSON = new Gson();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final String SERVICE = Greeter.class.getName() + ":1.0";
    private static final Map<Integer, Greeter> CONSUMERS = new HashMap<>();
    private static final RpcClient CLIENT = new RpcClient();
    private static Map<String, String> headers = Collections.emptyMap();

    public static void main(String[] arguments) throws Exception {
        System.setOut(System.err);
        int port;
        try (ServerSocket probe = new ServerSocket(0)) {
            port = probe.getLocalPort();
        }
        ServerConfig server = new ServerConfig().setProtocol("bolt").setHost("127.0.0.1").setPort(port);
        new ProviderConfig<Greeter>().setInterfaceId(Greeter.class.getName()).setRef(new Service()).setServer(server)
            .setFilterRef(Collections.singletonList(new Reporting())).setRegister(false).export();
        CLIENT.startup();
        report(Map.of("listening", port));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Command command = GSON.fromJson(line, Command.class);
            Map<String, Object> outcome = new LinkedHashMap<>();
            try {
                outcome.put("value", command.version == 0 ? call(command) : callByProtocol2(command));
            } catch (Throwable problem) {
                outcome.put("exception", problem.getClass().getName());
                outcome.put("message", String.valueOf(problem.getMessage()));
                if (problem instanceof SofaRpcException) {
                    outcome.put("code", ((SofaRpcException) problem).getErrorType());
                }
                if (problem.getCause() != null) {
                    outcome.put("cause", problem.getCause().getMessage());
                }
            }
            report(outcome);
        }
        System.exit(0);
    }

    private static synchronized void report(Object object) {
        OUT.println(GSON.toJson(object));
    }

    private static Object call(Command command) {
        headers = command.headers;
        Greeter greeter = CONSUMERS.computeIfAbsent(command.port, Peer::consumer);
        switch (command.method) {
            case "echo":
                return greeter.echo(command.text);
            case "fail":
                return greeter.fail(command.text);
            default:
                greeter.note(command.text);
                return "";
        }
    }

    private static Greeter consumer(int port) {
        MethodConfig oneway = new MethodConfig().setName("note").setInvokeType("oneway");
        return new ConsumerConfig<Greeter>().setInterfaceId(Greeter.class.getName()).setProtocol("bolt")
            .setDirectUrl("bolt://127.0.0.1:" + port).setTimeout(10_000).setRegister(false).setSubscribe(false)
            .setRetries(0).setRepeatedReferLimit(-1).setMethods(Collections.singletonList(oneway))
            .setFilterRef(Collections.singletonList(new Adding())).refer();
    }

    private static Object callByProtocol2(Command command) throws Throwable {
        new SofaRpcSerializationRegister().doRegisterCustomSerializer();
        SofaRequest request = new SofaRequest();
        request.setMethodName(command.method);
        request.setTargetServiceUniqueName(SERVICE);
        request.setMethodArgSigs(new String[] {"java.lang.String"});
        request.setMethodArgs(new Object[] {command.text});
        command.headers.forEach(request::addRequestProp);
        String url = "127.0.0.1:" + command.port + "?_PROTOCOL=2&_VERSION=" + command.version;
        SofaResponse response = (SofaResponse) CLIENT.invokeSync(url, request, 10_000);
        if (response.getAppResponse() instanceof Throwable) {
            throw (Throwable) response.getAppResponse();
        }
        return response.getAppResponse();
    }

    private static final class Command {
        int port;
        int version;
        String method;
        String text;
        Map<String, String> headers = Collections.emptyMap();
    }

    private static final class Service implements Greeter {
        @Override
        public String echo(String text) {
            return text;
        }

        @Override
        public String fail(String text) {
            throw new IllegalStateException(text);
        }

        @Override
        public void note(String text) {}
    }

    private static final class Reporting extends Filter {
        @Override
        public SofaResponse invoke(FilterInvoker invoker, SofaRequest request) {
            Map<String, Object> call = new LinkedHashMap<>();
            call.put("called", request.getMethodName());
            call.put("service", request.getTargetServiceUniqueName());
            Map<String, String> props = new LinkedHashMap<>();
            request.getRequestProps().forEach((key, value) -> {
                if (value instanceof String) {
                    props.put(key, (String) value);
                }
            });
            call.put("headers", props);
            report(call);
            return invoker.invoke(request);
        }
    }

    private static final class Adding extends Filter {
        @Override
        public SofaResponse invoke(FilterInvoker invoker, SofaRequest request) {
            headers.forEach(request::addRequestProp);
            return invoker.invoke(request);
        }
    }
}
