package org.example.interop;

public interface Greeter {
    String echo(String text);

    String fail(String text);

    void note(String text);
}
