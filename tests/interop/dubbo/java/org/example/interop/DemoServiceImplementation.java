package org.example.interop;

import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.dubbo.rpc.RpcContext;

/** Answers with what it was given, and reports each call, the attachments that came with it, and who it is itself. */
final class DemoServiceImplementation implements DemoService {
    private record Waiting(CompletableFuture<String> answer, String text) {}

    private final PrintStream report;
    private final String group;
    private final String version;
    private final Deque<Waiting> waiting = new ArrayDeque<>();

    DemoServiceImplementation(PrintStream report, String group, String version) {
        this.report = report;
        this.group = group;
        this.version = version;
    }

    @Override
    public String echo(String text) {
        called("echo");
        return text;
    }

    @Override
    public byte[] bytes(byte[] data) {
        called("bytes");
        return data;
    }

    @Override
    public int addInt(int left, int right) {
        called("addInt");
        return left + right;
    }

    @Override
    public long addLong(long left, long right) {
        called("addLong");
        return left + right;
    }

    @Override
    public double addDouble(double left, double right) {
        called("addDouble");
        return left + right;
    }

    @Override
    public boolean not(boolean flag) {
        called("not");
        return !flag;
    }

    @Override
    public Object any(Object value) {
        called("any");
        return value;
    }

    @Override
    public Node node(Node node) {
        called("node");
        return node;
    }

    @Override
    public List<Object> list(List<Object> items) {
        called("list");
        return items;
    }

    @Override
    public Map<String, Object> map(Map<String, Object> pairs) {
        called("map");
        return pairs;
    }

    @Override
    public String fail(String kind) throws Trouble {
        called("fail");
        switch (kind) {
            case "checked": throw new Trouble("as asked for", 7);
            case "own": throw new Trouble.Unchecked("as asked for");
            default: throw new IllegalStateException("as asked for");
        }
    }

    @Override
    public void note(String text) {
        called("note " + text);
    }

    @Override
    public synchronized CompletableFuture<String> meet(int count, String text) {
        called("meet");
        Waiting call = new Waiting(new CompletableFuture<>(), text);
        waiting.push(call);
        if (waiting.size() == count) {
            waiting.forEach(each -> each.answer.complete(each.text));
            waiting.clear();
        }
        return call.answer;
    }

    /** Reports a call; an attachment "answer" comes back as the attachment "answered". */
    private void called(String what) {
        Map<String, Object> attachments = new HashMap<>(RpcContext.getContext().getAttachments());
        if (attachments.containsKey("answer")) {
            RpcContext.getServerContext().setAttachment("answered", (String) attachments.get("answer"));
        }
        report.println(Json.object("called", what, "group", group, "version", version, "attachments", attachments));
    }
}
