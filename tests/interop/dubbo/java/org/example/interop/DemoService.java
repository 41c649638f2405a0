package org.example.interop;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** What the provider offers and the consumers call. */
public interface DemoService {
    String echo(String text);

    byte[] bytes(byte[] data);

    int addInt(int left, int right);

    long addLong(long left, long right);

    double addDouble(double left, double right);

    boolean not(boolean flag);

    Object any(Object value);

    Node node(Node node);

    List<Object> list(List<Object> items);

    Map<String, Object> map(Map<String, Object> pairs);

    /** Throws what is asked for: "checked", "runtime" or "own". */
    String fail(String kind) throws Trouble;

    /** Answers nothing; called without waiting. */
    void note(String text);

    /** Is answered when so many calls are waiting: those before in reverse order, then the last one. */
    CompletableFuture<String> meet(int count, String text);
}
