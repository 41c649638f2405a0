package org.example.interop;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.remoting.exchange.Request;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.GenericException;
import org.apache.dubbo.rpc.service.GenericService;

/** One client of {@link DemoService}, on a connection of its own. */
final class Client {
    private static final ApplicationConfig APPLICATION = Settings.application("interop-consumer");
    private static final AtomicLong LAST_ID = lastId();

    private final ReferenceConfig<Object> reference = new ReferenceConfig<>();
    private final boolean generic;
    private final Object service;

    /**
     * Connects.
     *
     * @param port where the provider, or a relay before it, listens
     * @param parameters of the URL; "group", "version", "generic" and "retries" are set on the reference
     */
    Client(int port, Map<String, String> parameters) {
        generic = "true".equals(parameters.remove("generic"));
        reference.setApplication(APPLICATION);
        reference.setInterface(DemoService.class.getName());
        reference.setGeneric(generic ? "true" : null);
        reference.setGroup(parameters.remove("group"));
        reference.setVersion(parameters.remove("version"));
        reference.setRetries(Integer.parseInt(parameters.getOrDefault("retries", "0")));
        reference.setScope("remote");
        MethodConfig oneway = new MethodConfig();
        oneway.setName("note");
        oneway.setReturn(false);
        reference.setMethods(List.of(oneway));
        parameters.putIfAbsent("timeout", "600000");
        parameters.putIfAbsent("cluster", "failover");
        String query = parameters.entrySet().stream()
                .map(pair -> pair.getKey() + "=" + pair.getValue())
                .collect(Collectors.joining("&"));
        String url = "dubbo://dubbo.test:" + port + "/" + DemoService.class.getName() + "?" + query;
        // Dubbo 2.7 shows the attachments of a response only where a cluster chooses between providers.
        reference.setUrl(url + ";" + url);
        service = reference.get();
    }

    void close() {
        reference.destroy();
    }

    /** Calls and says what came of it: the id of the request as Dubbo counted, and the value or the exception. */
    String call(String method, String argument, Map<String, String> attachments) {
        long before = LAST_ID.get();
        Map<String, Object> outcome = new HashMap<>();
        RpcContext.getContext().clearAttachments();
        attachments.forEach((key, value) -> RpcContext.getContext().setAttachment(key, value));
        try {
            outcome.put("same", generic ? callGeneric(method, argument) : callTyped(method, argument));
        } catch (Throwable error) {
            Throwable cause = error instanceof ExecutionException || error instanceof CompletionException
                    ? error.getCause() : error;
            outcome.put("exception", cause.getClass().getName());
            outcome.put("message", cause.getMessage());
            if (cause instanceof RpcException failure) {
                outcome.put("code", failure.getCode());
            }
            if (cause instanceof GenericException failure) {
                outcome.put("generic exception", failure.getExceptionClass());
            }
        }
        outcome.put("id", before);
        outcome.put("ids", LAST_ID.get() - before);
        outcome.put("attachments", new HashMap<>(RpcContext.getServerContext().getAttachments()));
        return Json.object("call", method, "argument", argument, "outcome", outcome);
    }

    /** Returns whether the answer is what was sent. */
    private boolean callTyped(String method, String argument) throws Exception {
        DemoService demo = (DemoService) service;
        switch (method) {
            case "echo": return Values.same(Values.text(argument), demo.echo(Values.text(argument)));
            case "bytes":
                byte[] data = Values.data(Integer.parseInt(argument));
                return Values.same(data, demo.bytes(data));
            case "addInt": return demo.addInt(Integer.parseInt(argument), 1) == Integer.parseInt(argument) + 1;
            case "addLong": return demo.addLong(Long.parseLong(argument), 1) == Long.parseLong(argument) + 1;
            case "addDouble": return demo.addDouble(Double.parseDouble(argument), 0.5) == Double.parseDouble(argument) + 0.5;
            case "not": return demo.not(Boolean.parseBoolean(argument)) != Boolean.parseBoolean(argument);
            case "any": return Values.same(Values.get(argument), demo.any(Values.get(argument)));
            case "node": return Values.same(Values.get(argument), demo.node((Node) Values.get(argument)));
            case "fail": return demo.fail(argument) == null;
            case "note":
                demo.note(argument);
                return true;
            case "meet": return meet(demo, Integer.parseInt(argument));
            default: throw new IllegalArgumentException("there is no method " + method);
        }
    }

    private Object callGeneric(String method, String argument) {
        GenericService any = (GenericService) service;
        switch (method) {
            case "echo":
                return Values.same(Values.text(argument),
                        any.$invoke("echo", new String[] {"java.lang.String"}, new Object[] {Values.text(argument)}));
            case "node":
                Map<String, Object> node = new HashMap<>(Map.of("class", Node.class.getName(), "name", argument));
                Object answer = any.$invoke("node", new String[] {Node.class.getName()}, new Object[] {node});
                return argument.equals(((Map<?, ?>) answer).get("name"));
            default:
                return any.$invoke(method, new String[] {"java.lang.String"}, new Object[] {argument});
        }
    }

    /** Sends so many calls before it waits for the first answer. */
    private static boolean meet(DemoService demo, int count) throws Exception {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            answers.add(demo.meet(count, "call " + number));
        }
        boolean same = true;
        for (int number = 0; number < count; number++) {
            same &= answers.get(number).get().equals("call " + number);
        }
        return same;
    }

    private static AtomicLong lastId() {
        try {
            Field field = Request.class.getDeclaredField("INVOKE_ID");
            field.setAccessible(true);
            return (AtomicLong) field.get(null);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException("this Dubbo counts its requests elsewhere", error);
        }
    }
}
