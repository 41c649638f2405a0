package org.example.interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * Calls the provider as it is told. Reads a command from each line of its standard input, whose words are separated by
 * tabs, and answers with one JSON object:
 *
 * connect NAME PORT [PARAMETER=VALUE]...      makes a client; the parameters are those of a Dubbo URL
 * call NAME METHOD [ARGUMENT] [+KEY=VALUE]... calls; see {@link Client} for the methods; +KEY=VALUE adds an attachment
 * disconnect NAME                             ends a client
 * values                                      lists the arguments that have a name, between tabs
 */
public final class Consumer {
    private final Map<String, Client> clients = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        PrintStream report = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        System.setOut(System.err);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Consumer consumer = new Consumer();
        report.println(Json.object("ready", true));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            report.println(consumer.run(line.split("\t")));
        }
        Runtime.getRuntime().halt(0);
    }

    private String run(String[] words) {
        try {
            switch (words[0]) {
                case "connect":
                    clients.put(words[1], new Client(Integer.parseInt(words[2]), pairs(words, 3, "")));
                    return Json.object("connected", words[1]);
                case "values":
                    return Json.object("values", String.join("\t", Values.BY_NAME.keySet()));
                case "disconnect":
                    clients.remove(words[1]).close();
                    return Json.object("disconnected", words[1]);
                case "call":
                    boolean hasArgument = words.length > 3 && !words[3].startsWith("+");
                    String argument = hasArgument ? words[3] : null;
                    return clients.get(words[1]).call(words[2], argument, pairs(words, hasArgument ? 4 : 3, "+"));
                default:
                    return Json.object("mistake", "there is no command " + words[0]);
            }
        } catch (Exception error) {
            error.printStackTrace();
            return Json.object("mistake", error.toString());
        }
    }

    private static Map<String, String> pairs(String[] words, int start, String mark) {
        Map<String, String> pairs = new HashMap<>();
        for (int index = start; index < words.length; index++) {
            String[] pair = words[index].substring(mark.length()).split("=", 2);
            pairs.put(pair[0], pair[1]);
        }
        return pairs;
    }
}
